# Pose extraction and training on CUDA machines, with HybrIK's own package beside ours to compare the two.
#     docker build -f docker/gpu.Dockerfile -t popdanceset-gpu .
FROM nvidia/cuda:12.8.1-base-ubuntu24.04 AS build

# Ubuntu deletes old versions of packages from its mirrors, so a pinned one would soon not be found.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git python3 python3-venv \
 && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH

WORKDIR /popdanceset
COPY pyproject.toml README.md LICENSE ./
COPY popdanceset popdanceset
COPY hybrik_runner hybrik_runner
COPY training training
COPY flows flows
# The versions are those of pyproject.toml.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir ".[all]"

# The official package cannot be installed by pip: its requirements are of 2020 (opencv-python 4.1, chumpy), and its
# wheel is empty. It is a checkout on the import path instead. It imports numpy, torch, cv2, yaml, which are here
# already, and easydict. Whether that is all, the last line finds out.
ARG HYBRIK_COMMIT=9b8681dcf3c902dd5dacc01520ba04982990e1e2
WORKDIR /opt/hybrik
RUN git init -q \
 && git fetch -q --depth 1 https://github.com/Jeff-sjtu/HybrIK.git "$HYBRIK_COMMIT" \
 && git checkout -q FETCH_HEAD \
 && rm -rf .git \
 && pip install --no-cache-dir --no-deps easydict==1.13 \
 && echo /opt/hybrik > "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/hybrik.pth" \
 && python -c 'import hybrik.models.builder, hybrik.utils.config'

FROM nvidia/cuda:12.8.1-base-ubuntu24.04

# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates ffmpeg libchromaprint-tools python3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home popdanceset \
 && install -d -o popdanceset -g popdanceset /home/popdanceset/tmp /home/popdanceset/manifests

COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/hybrik /opt/hybrik
WORKDIR /popdanceset
COPY flows flows

# Only the home folder is written to, so the rest can be read-only (docker/compose.yaml).
ENV PATH=/opt/venv/bin:$PATH HOME=/home/popdanceset TMPDIR=/home/popdanceset/tmp \
    POPDANCESET_MANIFESTS=/home/popdanceset/manifests \
    PYTHONDONTWRITEBYTECODE=1 DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false \
    PREFECT_LOGGING_EXTRA_LOGGERS=popdanceset,hybrik_runner,training
USER 10001:10001
HEALTHCHECK --interval=30s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=5)"]
CMD ["prefect", "worker", "start", "--pool", "gpu", "--type", "process", "--limit", "1", "--with-healthcheck"]
