# smiledet on a Jetson Orin with JetPack 6; build it on the board.
# BASE is NVIDIA's l4t-jetpack of the board's release, nvidia/l4t-jetpack:r36.4.0 say, with NVIDIA's registry before it.
#   docker build --build-arg BASE=... --file docs/docker/jetpack6.Dockerfile --tag smiledet .
#   docker run --rm --runtime nvidia --device /dev/video0 --group-add video \
#     --volume smiledet-plans:/home/smiledet/.cache smiledet
# From JetPack 5 on, CUDA and TensorRT are in the image.
ARG BASE
FROM ${BASE}

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        libgl1 libglib2.0-0 libsm6 libxext6 libxrender1 python3-libnvinfer python3-numpy python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/smiledet
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY smiledet smiledet
COPY models models
COPY configs configs
# With the system's packages, so that TensorRT is imported in the same process.
RUN python3 -m venv --system-site-packages /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --constraint requirements.lock '.[onnx,jetson]'

# Plans that TensorRT builds are kept in the volume that lies here.
RUN useradd --create-home --groups video smiledet \
    && install --directory --owner smiledet --group smiledet /home/smiledet/.cache /data
USER smiledet
WORKDIR /data
ENTRYPOINT ["/opt/venv/bin/smiledet"]
CMD ["run", "0", "--no-show", "--stats"]
