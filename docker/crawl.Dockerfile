# Everything except GPU networks: crawl, select, download, screen, publish. Also the Prefect server.
#     docker build -f docker/crawl.Dockerfile -t popdanceset-crawl .
FROM python:3.11-slim

RUN apt-get update \
 && apt-get install -y --no-install-recommends ffmpeg libchromaprint-tools \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /popdanceset
COPY pyproject.toml README.md LICENSE ./
COPY popdanceset popdanceset
COPY hybrik_runner hybrik_runner
COPY training training
COPY flows flows
RUN pip install --no-cache-dir ".[pose]"

ENV DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false \
    PREFECT_LOGGING_EXTRA_LOGGERS=popdanceset,hybrik_runner,training
CMD ["prefect", "worker", "start", "--pool", "crawl", "--type", "process"]
