# smiledet on a desktop or laptop without a GPU.
#   docker build --build-arg BASE=python:3.12-slim-bookworm --file docs/docker/desktop.Dockerfile --tag smiledet .
#   docker run --rm --user "$(id -u)" --device /dev/video0 --group-add video --volume "$PWD:/data" \
#     smiledet run 0 --no-show --events /data/events.jsonl
ARG BASE=python:3.12-slim-bookworm
FROM ${BASE}

# OpenCV's wheel brings its own libraries but for X11's and GLib's.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 libsm6 libxext6 libxrender1 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/smiledet
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY smiledet smiledet
COPY models models
COPY configs configs
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --constraint requirements.lock '.[onnx]'

# Cameras are the group video's.
RUN useradd --create-home --groups video smiledet \
    && install --directory --owner smiledet --group smiledet /data
USER smiledet
WORKDIR /data
ENTRYPOINT ["/opt/venv/bin/smiledet"]
CMD ["run", "demo", "--no-show", "--max-frames", "300", "--stats"]
