# Pose workers on CUDA machines.
#     docker build -f docker/gpu.Dockerfile -t popdanceset-gpu .
FROM nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04

RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv ffmpeg \
 && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH

WORKDIR /popdanceset
COPY pyproject.toml README.md LICENSE ./
COPY popdanceset popdanceset
COPY hybrik_runner hybrik_runner
COPY training training
COPY flows flows
RUN pip install --no-cache-dir ".[all]"

ENV DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false \
    PREFECT_LOGGING_EXTRA_LOGGERS=popdanceset,hybrik_runner,training
CMD ["prefect", "worker", "start", "--pool", "gpu", "--type", "process", "--limit", "1"]
