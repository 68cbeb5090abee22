#!/bin/bash
# Installs a build, builds each example as a project of its own against the installed copy, runs
# them and checks what they print; then compiles every installed header by itself.
#
#   tests/install/run.sh BUILD_DIRECTORY
set -euo pipefail
build=$(realpath "${1:?usage: run.sh BUILD_DIRECTORY}")
source=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cached() { sed -n "s|^$1:[A-Z]*=||p" "$build/CMakeCache.txt"; }
compiler=$(cached CMAKE_CXX_COMPILER)
launcher=$(cached CMAKE_CXX_COMPILER_LAUNCHER)
sanitize=$(cached CIPHERFIT_SANITIZE)
# Libraries built with a sanitizer need its runtime in the program.
flags=${sanitize:+-fsanitize=$sanitize}

# The log of a step that fails is shown.
quietly() {
    "$@" >"$work/log" 2>&1 || {
        cat "$work/log"
        echo "failed: $*"
        exit 1
    }
}

# expect FILE PATTERN: a line of the file matches the extended regular expression.
expect() {
    grep -Eq "$2" "$1" || {
        cat "$1"
        echo "failed: no line matches: $2"
        exit 1
    }
}

quietly cmake --install "$build" --prefix "$work/prefix"
for program in cipherfit cipherfit-server; do
    quietly "$work/prefix/bin/$program" --help
done

build_example() {
    quietly cmake -S "$source/examples/$1" -B "$work/$1" -DCMAKE_PREFIX_PATH="$work/prefix" \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$compiler" \
        -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror $flags"
    # Nothing may come from the sources or from the build.
    if grep -q "^cipherfit_DIR:PATH=$work/prefix/" "$work/$1/CMakeCache.txt"; then :; else
        echo "failed: $1 did not find the installed package"
        exit 1
    fi
    quietly cmake --build "$work/$1"
}

example() {
    build_example "$1"
    "$work/$1/$2" >"$work/$2.txt" || {
        cat "$work/$2.txt"
        echo "failed: $2"
        exit 1
    }
    cat "$work/$2.txt"
}

example 01_first_ckks first_ckks
expect "$work/first_ckks.txt" '128-bit$'
expect "$work/first_ckks.txt" '^precision of the sum: [23][0-9]\.[0-9] bits$'
expect "$work/first_ckks.txt" '^precision of the polynomial: (1[89]|[23][0-9])\.[0-9] bits$'

example 02_owner_and_server owner_and_server
expect "$work/owner_and_server.txt" '128-bit security'
expect "$work/owner_and_server.txt" '^server: iteration 2 done'
expect "$work/owner_and_server.txt" ': ([89][0-9]\.[0-9]|100\.0) % encrypted'

# It is run by tests/python, which make its input.
build_example 03_ciphertext_files

# Public headers must need nothing that is not installed: all of them together, in the order of
# their names and the other way round; each by itself with CIPHERFIT_FULL.
mkdir "$work/headers"
{
    echo 'cmake_minimum_required(VERSION 3.25)'
    echo 'project(headers LANGUAGES CXX)'
    echo 'find_package(cipherfit REQUIRED)'
    echo 'file(GLOB sources "*.cpp")'
    echo 'add_library(headers OBJECT ${sources})'
    echo 'target_link_libraries(headers PRIVATE cipherfit::owner cipherfit::server)'
} >"$work/headers/CMakeLists.txt"
(cd "$work/prefix/include" && find cipherfit -name '*.h' | sort) >"$work/headers/list"
count=$(wc -l <"$work/headers/list")
[ "$count" -gt 0 ]
if [ -n "${CIPHERFIT_FULL:-}" ]; then
    number=0
    while read -r header; do
        number=$((number + 1))
        echo "#include \"$header\"" >"$work/headers/$number.cpp"
    done <"$work/headers/list"
else
    sed 's/.*/#include "&"/' "$work/headers/list" >"$work/headers/forward.cpp"
    tac "$work/headers/forward.cpp" >"$work/headers/backward.cpp"
fi
quietly cmake -S "$work/headers" -B "$work/headers/build" -DCMAKE_PREFIX_PATH="$work/prefix" \
    -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" \
    -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror"
quietly cmake --build "$work/headers/build"
echo "installed: 2 examples ran, $count headers compile"
