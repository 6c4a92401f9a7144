# Everything except GPU networks: crawl, select, download, screen, publish. Also the Prefect server.
#     docker build -f docker/crawl.Dockerfile -t popdanceset-crawl .
FROM python:3.11.14-slim-bookworm AS build

WORKDIR /popdanceset
COPY pyproject.toml README.md LICENSE ./
COPY popdanceset popdanceset
COPY hybrik_runner hybrik_runner
COPY training training
COPY flows flows
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir ".[pose,review,s3]"

FROM python:3.11.14-slim-bookworm

# Debian deletes old versions of packages from its mirrors, so a pinned one would soon not be found.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ffmpeg libchromaprint-tools \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home popdanceset \
 && install -d -o popdanceset -g popdanceset /home/popdanceset/tmp /home/popdanceset/manifests

COPY --from=build /opt/venv /opt/venv
# The deployments name the flows as modules and are read from the folder in which workers run.
WORKDIR /popdanceset
COPY flows flows
COPY docker/deploy.sh /usr/local/bin/deploy

# Only the home folder is written to, so the rest can be read-only (docker/compose.yaml).
ENV PATH=/opt/venv/bin:$PATH HOME=/home/popdanceset TMPDIR=/home/popdanceset/tmp \
    POPDANCESET_MANIFESTS=/home/popdanceset/manifests \
    PYTHONDONTWRITEBYTECODE=1 DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false \
    PREFECT_LOGGING_EXTRA_LOGGERS=popdanceset,hybrik_runner,training
USER 10001:10001
HEALTHCHECK --interval=30s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=5)"]
CMD ["prefect", "worker", "start", "--pool", "crawl", "--type", "process", "--with-healthcheck"]
