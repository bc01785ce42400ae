#!/usr/bin/env bash
# Tests in an environment of their own with the oldest or newest packages that pyproject.toml allows, in the oldest or
# newest Python that is declared and found here; `make test-oldest` and `make test-newest` run it.
# usage: scripts/test_versions.sh oldest|newest TEST...
set -euo pipefail
cd "$(dirname "$0")/.."

uv=.venv/bin/uv environment=.venv-$1
case $1 in
oldest) version=3.10 resolution=lowest-direct ;;
newest) version=3.13 resolution=highest ;;
*) echo "$1: expected oldest or newest" >&2 && exit 2 ;;
esac

python=$(ls -d "$HOME"/.pyenv/versions/"$version".*/bin/python 2>/dev/null | tail -1 || true)
[ -n "$python" ] || python=$("$uv" python find --no-python-downloads "$version" 2>/dev/null) || python=.venv/bin/python
[ "$python" != .venv/bin/python ] || echo "no Python $version was found: $1 packages are tested with that of .venv"
if ! { "$uv" venv --quiet --clear --python "$python" "$environment" &&
    "$uv" pip compile --quiet --no-header --no-annotate --resolution "$resolution" --only-binary :all: \
        --python "$environment/bin/python" --extra mtcnn pyproject.toml --output-file "$environment/packages.txt" &&
    "$uv" pip install --quiet --python "$environment/bin/python" --requirement "$environment/packages.txt" \
        jsonschema pillow-heif pytest pytest-xdist; }; then
    echo "SKIPPED: the $1 packages could not be installed; is there a package index?"
    exit 0
fi
"$environment/bin/python" --version
grep -E '^(ai-edge-litert|av|dlib-bin|numpy|opencv-python|pillow)==' "$environment/packages.txt"
PYTHONPATH=. exec "$environment/bin/python" -m pytest --numprocesses "${JOBS:-2}" --dist loadfile "${@:2}"
