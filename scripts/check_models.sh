#!/usr/bin/env bash
# Try every order of the steps of the models in scripts/models with Spin; `make models` runs it. It ends with 1 where
# something asserted does not hold, where somebody may wait for ever, or where a bug that is put in is not found.
set -euo pipefail
cd "$(dirname "$0")/models"
if ! command -v spin >/dev/null || ! command -v gcc >/dev/null; then
    echo "SKIPPED: spin or gcc is not installed (Debian: apt-get install spin gcc)"
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# verify MODEL OPTION...: prints how many states were tried; fails where Spin found an error.
verify() {
    local model=$PWD/$1.pml options=("${@:2}")
    (
        cd "$folder"
        rm -f ./*
        spin -a "${options[@]/#/-D}" "$model" >spin.txt || { cat spin.txt; exit 2; }
        gcc -w -O2 -DSAFETY -DCOLLAPSE -DVECTORSZ=4096 -o pan pan.c
        ./pan -m1000000 >out.txt
        grep -q "max search depth too small" out.txt && { echo "search depth too small"; exit 2; }
        grep -q "errors: 0" out.txt || { head -8 out.txt; exit 1; }
        echo "$1 ${options[*]}: $(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' out.txt) states, no error"
    )
}

# find MODEL OPTION...: fails where the bug that the options put in is not found.
find() {
    ! verify "$@" >/dev/null || { echo "$*: the bug is not found"; exit 1; }
    echo "$*: the bug is found"
}

for options in "" LIVE TIMEOUTS "LIVE TIMEOUTS"; do
    # shellcheck disable=SC2086
    verify buffer $options
done
find buffer SLEEPS
find buffer TIMEOUTS FORGETS
verify supervisor
for bug in KEYLESS LATE DEAF; do
    find supervisor "$bug"
done
