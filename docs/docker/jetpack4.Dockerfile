# smiledet on a Jetson TX2 or Nano with JetPack 4.6.1 or newer; build it on the board.
# BASE is NVIDIA's l4t-base of the board's release, nvidia/l4t-base:r32.7.1 say, with NVIDIA's registry before it.
#   docker build --build-arg BASE=... --file docs/docker/jetpack4.Dockerfile --tag smiledet .
#   docker run --rm --runtime nvidia --device /dev/video0 --group-add video \
#     --volume smiledet-plans:/home/smiledet/.cache smiledet
# On JetPack 4 the NVIDIA runtime brings CUDA and TensorRT, with its binding to Python 3.6, into the container from the board.
ARG BASE
FROM ${BASE}

# Python 3.6 and its NumPy run TensorRT in the helper process; 3.8 runs uv, and uv brings the 3.10 that smiledet needs.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates libgl1 libglib2.0-0 libsm6 libxext6 libxrender1 \
        python3 python3-numpy python3.8 python3.8-venv \
    && rm -rf /var/lib/apt/lists/*
ENV UV_PYTHON_INSTALL_DIR=/opt/python
RUN python3.8 -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --upgrade pip \
    && /opt/uv/bin/pip install --no-cache-dir uv \
    && /opt/uv/bin/uv venv --managed-python --python 3.10 /opt/venv

WORKDIR /opt/smiledet
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY smiledet smiledet
COPY models models
COPY configs configs
RUN /opt/uv/bin/uv pip install --no-cache --python /opt/venv/bin/python --constraint requirements.lock '.[onnx,jetson]'

# Plans that TensorRT builds are kept in the volume that lies here.
RUN useradd --create-home --groups video smiledet \
    && install --directory --owner smiledet --group smiledet /home/smiledet/.cache /data
USER smiledet
WORKDIR /data
ENTRYPOINT ["/opt/venv/bin/smiledet"]
CMD ["run", "0", "--no-show", "--stats"]
