#!/usr/bin/env bash
# The wheel and its dependencies for aarch64, run by QEMU's user-mode emulation in Debian's arm64 libraries: the answers
# have to be those of this machine. For correctness alone; an emulated processor says nothing of speed.
# `make test-arm64` runs it. What it downloads is kept in build/arm64.
set -euo pipefail
cd "$(dirname "$0")/.."

version=3.11 # Python of Debian 12, whose libraries are used
kept=build/arm64 wanted=()
command -v qemu-aarch64-static >/dev/null || wanted+=(qemu-user-static)
command -v debootstrap >/dev/null || wanted+=(debootstrap)
if [ "${#wanted[@]}" -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    (apt-get update && apt-get install --yes --no-install-recommends "${wanted[@]}") >/dev/null 2>&1 || true
fi
if ! command -v qemu-aarch64-static >/dev/null || ! command -v debootstrap >/dev/null; then
    echo "SKIPPED: qemu-aarch64-static and debootstrap are not here, and could not be installed"
    exit 0
fi

mkdir -p "$kept"
if [ ! -f "$kept/root/.done" ]; then
    rm -rf "$kept/root"
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -1)
    if ! debootstrap --arch=arm64 --foreign --variant=minbase \
        --include=python3,libpython3-stdlib,libgl1,libglib2.0-0,libgomp1,libstdc++6 \
        bookworm "$kept/root" "$mirror" >"$kept/debootstrap.log" 2>&1; then
        echo "SKIPPED: Debian's arm64 packages could not be fetched ($kept/debootstrap.log)"
        exit 0
    fi
    # Unpacked, never configured: nothing of it is started but Python.
    for package in "$kept"/root/var/cache/apt/archives/*.deb; do dpkg-deb --extract "$package" "$kept/root"; done
    touch "$kept/root/.done"
fi

# Newer versions of ONNX Runtime than 1.22 end by SIGSEGV in QEMU 7.2, as they are imported.
grep -v '^onnxruntime==' requirements.lock >"$kept/requirements.lock"
rm -rf "$kept/site" "$kept/dist"
.venv/bin/python -m build --wheel --no-isolation --outdir "$kept/dist" >/dev/null
if ! .venv/bin/uv pip install --quiet --target "$kept/site" --python-platform aarch64-unknown-linux-gnu \
    --python-version "$version" --only-binary :all: --constraint "$kept/requirements.lock" "$kept"/dist/*.whl \
    'onnxruntime>=1.20,<1.23'; then
    echo "SKIPPED: the wheels for aarch64 could not be fetched"
    exit 0
fi

.venv/bin/python scripts/answers.py "$kept/here.json"
# The processor is one of a Jetson TX2's two.
qemu-aarch64-static -cpu cortex-a57 -L "$kept/root" -E PYTHONPATH="$PWD/$kept/site" "$kept/root/usr/bin/python$version" \
    scripts/answers.py "$kept/there.json"
.venv/bin/python scripts/answers.py --compare "$kept/here.json" "$kept/there.json"
