#!/bin/bash
# Installs a build into a temporary folder and builds and runs examples/ against it, as a project
# of its own that knows cipherfit by find_package alone.
#
#   tools/check_install.sh BUILD_DIRECTORY
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >"$work/install.log" || {
    cat "$work/install.log"
    exit 1
}
for program in cipherfit cipherfit-server; do
    if [ -x "$build/$program" ]; then
        "$work/prefix/bin/$program" --help >/dev/null
    fi
done
[ -f examples/CMakeLists.txt ] || exit 0
cmake -S examples -B "$work/examples" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" \
    -DCMAKE_BUILD_TYPE=Release
cmake --build "$work/examples"
ctest --test-dir "$work/examples" --output-on-failure --no-tests=error
