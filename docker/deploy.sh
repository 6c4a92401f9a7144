#!/bin/sh
# Creates what a new server and store lack: the bucket, the work pools, the deployments and the automation. Whatever is
# there already is brought up to date or left alone, so it can run at every start.
set -eu

python - <<'PYTHON'
import os

from pyarrow import fs

# s3://BUCKET/PREFIX?OPTIONS; only this first request may create the bucket.
address = os.environ["POPDANCESET_STORE"]
if address.startswith("s3://"):
    where, _, options = address.partition("?")
    bucket = where.removeprefix("s3://").partition("/")[0]
    filesystem, _ = fs.FileSystem.from_uri(f"s3://{bucket}?{options}&allow_bucket_creation=true")
    filesystem.create_dir(bucket)
PYTHON

for pool in crawl gpu; do
    prefect --no-prompt work-pool create "$pool" --type process --overwrite
done
prefect --no-prompt deploy --all --prefect-file flows/prefect.yaml
automation="mark runs of lost machines as crashed"
prefect automation inspect "$automation" >/dev/null 2>&1 \
    || prefect automation create --from-file flows/automations.yaml
