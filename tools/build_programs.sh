#!/bin/bash
# Builds cipherfit and cipherfit-server in build/ of the sources; a build directory that is there
# keeps its options. Quiet: the output goes to out/build.log, and to the screen if a step fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

configure=(cmake -S . -B build -G Ninja)
if [ ! -f build/CMakeCache.txt ]; then
    configure+=(-DCMAKE_BUILD_TYPE=Release -DCIPHERFIT_TESTS=OFF -DCIPHERFIT_BENCHMARKS=OFF
        -DCIPHERFIT_UNITY=ON)
fi
if command -v ccache >/dev/null; then
    configure+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
mkdir -p out
logged() {
    if ! "$@" >out/build.log 2>&1; then
        tail -n 30 out/build.log >&2
        echo "build: '$*' failed; the whole output is in out/build.log" >&2
        exit 2
    fi
}
logged "${configure[@]}"
logged cmake --build build --target cipherfit cipherfit-server
