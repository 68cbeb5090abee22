#!/bin/bash
# All of MNIST under encryption, from a bare Debian 12 to the accuracy on the 10,000 test images.
# examples/mnist60k/run.sh --help says more.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

usage() {
    cat <<'HELP'
usage: examples/mnist60k/run.sh [--wide | --bootstrapped] [--threads N] [--json FILE] [--out DIR]
                                [options of 'cipherfit fit']

Installs what is missing (Debian packages, MNIST by npm), builds cipherfit in build/, then
  1. turns the 60,000 training images into 255 features each: random convolutions, pooled, reduced to
     principal components and whitened, in the clear,
  2. encrypts them with their labels and trains on ciphertexts only, in a process that has no key,
  3. decrypts the model and classifies the 10,000 test images with it.

Training is one iteration on one level without bootstrapping. On whitened features that is ridge
regression on the labels: the owner has inverted the curvature in the clear, and the server adds up
the images' features, weighted by their labels.

  --wide           2,047 features, of random Fourier features of the components of 128 filters'
                   answers, which are divided by their norm: more of what leaves the owner, more of
                   the images right
  --bootstrapped   one epoch of mini-batches of 1,024 in a shuffled order, by the quadratic gradient,
                   with a bootstrapping after every second batch: a long run, where the server does
                   all of the optimising

  --threads N   threads of every step; all that the machine has unless given
  --json FILE   the figures of the run, as 'cipherfit fit --json' writes them
  --out DIR     keys, ciphertexts, model and report; out/mnist60k of the sources unless given

A run that was stopped or killed goes on where it was when the same command is given again; one that is
complete is decrypted and tested anew. --force starts afresh. Any other option goes to 'cipherfit fit'
and takes the place of this script's own, for example
  examples/mnist60k/run.sh --epochs 2 --out out/mnist60k-twice
  examples/mnist60k/run.sh --fhe simulate --out out/mnist60k-simulated     the same in the clear
'build/cipherfit fit --help' lists them all, once it has been built.
HELP
}

fail() {
    echo "mnist60k: $*" >&2
    exit 2
}

arguments=()
form=whitened
for argument in "$@"; do
    case "$argument" in
        --wide) form=wide ;;
        --bootstrapped) form=bootstrapped ;;
        *) arguments+=("$argument") ;;
    esac
done
for argument in "${arguments[@]}"; do
    case "$argument" in
        --help | -h)
            usage
            exit 0
            ;;
    esac
done

# has NAME...: whether the user gave one of these options.
has() {
    local given name
    for given in "${arguments[@]}"; do
        for name in "$@"; do
            if [ "${given%%=*}" = "$name" ]; then
                return 0
            fi
        done
    done
    return 1
}

# default NAME VALUE: adds the option unless the user gave it.
default() {
    has "$1" || arguments+=("$1" "$2")
}

if [ "${#arguments[@]}" -gt 0 ] && [[ "${arguments[0]}" != -* ]]; then
    fail "'${arguments[0]}' is no option; --help lists them"
fi

started=$SECONDS
echo "== set up"
"$root/tools/setup.sh" build data

echo "== build"
"$root/tools/build_programs.sh"

echo "== train on encrypted data (set-up and build took $((SECONDS - started)) s)"
default --train "$root/data/mnist/train-images-idx3-ubyte"
default --test "$root/data/mnist/t10k-images-idx3-ubyte"
# A recipe file stands for what else is chosen here.
if ! has --recipe; then
    case "$form" in
        whitened)
            default --features random-conv
            default --conv-threshold 0.3
            default --pca 255
            default --iterations 1
            default --ridge 1e-5
            ;;
        wide)
            default --features random-conv+rbf
            default --conv-threshold 0.3
            default --conv-filters 128
            has --conv-normalise || arguments+=(--conv-normalise)
            default --rbf-cosines 2048
            default --rbf-width 0.15
            default --pca 2047
            default --iterations 1
            default --ridge 3e-6
            default --memory-limit 12
            ;;
        bootstrapped)
            default --features random-conv
            default --pca 255
            default --whiten 1
            default --momentum none
            default --sigmoid-degree 3
            default --sigmoid-range 16
            default --step 16
            default --batch 1024
            has --iterations || default --epochs 1
            ;;
    esac
fi
default --seed 1
default --threads "$(nproc)"
case "$form" in
    whitened) default --out "$root/out/mnist60k" ;;
    *) default --out "$root/out/mnist60k-$form" ;;
esac
"$root/build/cipherfit" fit "${arguments[@]}"
echo "== done in $((SECONDS - started)) s"
