#!/bin/bash
# Builds cipherfit and runs everything that checks it. ./test.sh --help says what.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

fast=no
full=no
tidy=no
case "${1:-}" in
    "") ;;
    --fast) fast=yes ;;
    --full) full=yes ;;
    --tidy) tidy=yes ;;
    *)
        cat <<'HELP'
usage: ./test.sh [--fast | --full | --tidy]

Installs what is missing, then
  release    the Release build and its whole suite: units, the programs from end to end, the
             installed package with its examples, the documents, the Python package
  tools      the layering of includes, wide instructions, symbols of the server, formatting, and the
             tests of those tools
  isa        the suites of math, rlwe and ckks on every other instruction set that this CPU has, but
             for the tests of single kernels, which release runs on all
  asan       the suites of what reads foreign bytes, and of the engine, with the address and
             undefined-behaviour sanitizers, on small rings; plans and states are read by the suite
             of protocol and by fuzz targets
  tsan       the layers that start threads (base, rlwe, ckks) with the thread sanitizer, on small
             rings
  fuzz       every fuzz target for ten seconds, as many at a time as there are cores
--full adds what is slow and seldom finds anything: the thread sanitizer over linalg, train and
backbone too, the other sanitizers over those, the solvers and the CNN, full-size bootstrapping on
every instruction set, all keys and runs that bounds are measured with, and every installed header
compiled by itself. Run it before a release, and after changes to threads, to what they share, to
includes or to what computes.
--tidy ends with clang-tidy over every file that changed since it was last clean: up to two hours.
--fast stops after release. The last line counts the tests of all suites and one for each check;
the exit status is 1 when any failed. Logs are in build*/; FUZZ_SECONDS sets the time per target.
HELP
        [ "$1" = "--help" ] || [ "$1" = "-h" ] && exit 0
        exit 2
        ;;
esac

# Without it ccache leaves files with precompiled headers to the compiler.
export CCACHE_SLOPPINESS=pch_defines,time_macros
# A second clone compiles what is new in it.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

jobs=$(nproc)
# A fifth of the time that programs take from end to end they wait: for disks, sockets, each other.
at_a_time=$((jobs + 1))
passed=0
failed=0
skipped=0
failures=()

say() { echo "== [$((SECONDS / 60))m$(printf %02d $((SECONDS % 60)))s] $*"; }

skip() {
    skipped=$((skipped + 1))
    echo "skipped: $*"
}

fail() {
    failed=$((failed + 1))
    failures+=("$1")
    echo "FAILED: $1"
}

finish() {
    local failure
    for failure in "${failures[@]}"; do
        echo "failed: $failure"
    done
    say "done"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

# check NAME LOG COMMAND...: one check; its output goes to LOG, and to the screen if it fails.
check() {
    local name=$1 log=$2
    shift 2
    mkdir -p "$(dirname "$log")"
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "passed: $name"
        return 0
    fi
    tail -n 40 "$log"
    fail "$name ($log)"
    return 1
}

# build DIRECTORY TARGETS OPTIONS...: configures and builds; TARGETS in one word, may be empty.
build() {
    local directory=$1 targets=$2
    shift 2
    local launcher=()
    command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    check "configure $directory" "$directory/configure.log" \
        cmake -S . -B "$directory" -G Ninja "${launcher[@]}" "$@" || return 1
    if [ -n "$targets" ]; then
        # Those of the wanted targets that there are: a layer without tests has no program.
        local known
        known=$(ninja -C "$directory" -t targets all | sed -n 's/^\([a-z_0-9-]*\): .*/\1/p')
        targets=$(grep -xP "$targets" <<<"$known" | tr '\n' ' ')
        [ -n "$targets" ] || return 1
    fi
    # shellcheck disable=SC2086
    check "build $directory" "$directory/build.log" ninja -C "$directory" $targets
}

# suite NAME DIRECTORY OPTIONS...: ctest; adds its counts. Runs that hang are ended after 15 minutes.
suite() {
    local name=$1 directory=$2
    shift 2
    local report="$PWD/$directory/ctest-$name.xml" counts
    rm -f "$report"
    timeout --kill-after=20 900 ctest --test-dir "$directory" -j "$at_a_time" --output-on-failure \
        --output-junit "$report" "$@" >"$directory/ctest-$name.log" 2>&1
    local status=$?
    counts=$(tools/count_tests.py "$report")
    # shellcheck disable=SC2086
    set -- $counts
    if [ "$#" -ne 3 ] || [ $(($1 + $2)) -eq 0 ]; then
        tail -n 40 "$directory/ctest-$name.log"
        fail "suite $name: no result, ctest ended with status $status ($directory/ctest-$name.log)"
        return
    fi
    echo "suite $name: $1 passed, $2 failed, $3 skipped"
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
    if [ "$2" -gt 0 ] || [ "$status" -ne 0 ]; then
        tail -n 200 "$directory/ctest-$name.log"
        failures+=("suite $name ($directory/ctest-$name.log)")
        [ "$2" -gt 0 ] || failed=$((failed + 1))
    fi
}

# The sources that git does not ignore, those not added yet among them.
sources() { git ls-files --cached --others --exclude-standard -- '*.h' '*.cpp'; }

check_format() { sources | sort | xargs -r clang-format-19 --dry-run -Werror; }

# The names of the kernels that this CPU can run, best first, in the program's own words.
supported_kernels() {
    CIPHERFIT_ISA=none build/test_math 2>&1 | sed -n 's/.*choose one of: \([a-z0-9, ]*\).*/\1/p' | head -n 1 | tr -d ','
}

test_instruction_sets() {
    local supported best isa
    supported=$(supported_kernels)
    best=${supported%% *}
    if [ -z "$best" ]; then
        fail "isa: build/test_math does not say which kernels this CPU can run"
        return
    fi
    echo "isa: the release suite above ran on $best"
    # The release suite has run the tests of single kernels on every instruction set.
    local left_out='^math\.kernels/'
    [ "$full" = yes ] || left_out+='|FullSize'
    for isa in portable avx2 avx512ifma; do
        if [[ " $supported " != *" $isa "* ]]; then
            skip "isa $isa: this CPU has no such instructions, or cipherfit no such kernels"
        elif [ "$isa" != "$best" ]; then
            CIPHERFIT_ISA=$isa suite "isa-$isa" build -R '^(math|rlwe|ckks)\.' -E "$left_out"
        fi
    done
}

# fuzz PROGRAM: its log and its status are left in build-san.
fuzz() {
    local name corpus seeds=()
    name=$(basename "$1")
    corpus=build-san/corpus/$name
    mkdir -p "$corpus"
    [ -d "fuzz/seeds/${name#fuzz_}" ] && seeds=("fuzz/seeds/${name#fuzz_}")
    "$1" -max_total_time="${FUZZ_SECONDS:-10}" -rss_limit_mb=3000 -timeout=20 \
        -artifact_prefix="build-san/$name." "$corpus" "${seeds[@]}" >"build-san/$name.log" 2>&1
    echo $? >"build-san/$name.status"
}

run_fuzzers() {
    local program name running=0
    local programs=()
    for program in build-san/fuzz_*; do
        [ -f "$program" ] && [ -x "$program" ] && programs+=("$program")
    done
    [ "${#programs[@]}" -gt 0 ] || fail "fuzz: no target was built, see asan above"
    for program in "${programs[@]}"; do
        [ "$running" -lt "$jobs" ] || { wait -n && running=$((running - 1)); }
        rm -f "build-san/$(basename "$program").status"
        fuzz "$program" &
        running=$((running + 1))
    done
    wait
    for program in "${programs[@]}"; do
        name=$(basename "$program")
        if [ "$(cat "build-san/$name.status" 2>/dev/null)" = 0 ]; then
            passed=$((passed + 1))
            echo "passed: $name"
        else
            tail -n 40 "build-san/$name.log"
            fail "$name (build-san/$name.log)"
        fi
    done
}

# tests/install/run.sh heeds it.
[ "$full" = no ] || export CIPHERFIT_FULL=1

say "set up"
tools/setup.sh build test || {
    fail "tools/setup.sh build test"
    finish
}

# What some tests compare with; those say so where it is missing.
for group in backbone data torch python; do
    tools/setup.sh "$group" || echo "setup: no $group: the tests that need it will be skipped"
done

say "release"
interpreter=
[ -f build-venv/wanted ] && interpreter=$PWD/build-venv/bin/python
build build "" -DCMAKE_BUILD_TYPE=Release -DCIPHERFIT_TESTS=ON -DCIPHERFIT_BENCHMARKS=ON \
    -DCIPHERFIT_PYTHON="$interpreter" -DCIPHERFIT_UNITY=ON || finish
suite release build
[ "$fast" = no ] || finish

say "tools"
check "layers" build/check-layers.log tools/check_layers.py
check "wide instructions" build/check-wide.log tools/check_wide_instructions.py build
if [ -x build/cipherfit-server ]; then
    check "server symbols" build/check-server.log tools/check_layers.py --binary build/cipherfit-server
else
    skip "server symbols: there is no build/cipherfit-server"
fi
check "format" build/check-format.log check_format
check "tools' own tests" build/check-tools.log tests/tools/check_tools_test.py

say "isa"
test_instruction_sets

export CIPHERFIT_SMALL_RINGS=1
sanitizer_options=(-DCMAKE_BUILD_TYPE=None -DCIPHERFIT_WERROR=OFF -DCIPHERFIT_BENCHMARKS=OFF
    -DCIPHERFIT_TESTS=ON -DCIPHERFIT_UNITY=ON)

say "asan"
# With clang, whose coverage the fuzz targets need. The programs are left out: they forbid the tracing
# that the leak check needs. What is left to --full computes with what others have read and checked.
computing='train|solver|linalg|backbone|backbone_cnn'
sanitized='(test|fuzz)_.*'
[ "$full" = yes ] || sanitized="fuzz_.*|test_(?!(headers|$computing)\$).*"
if build build-san "$sanitized" "${sanitizer_options[@]}" -DCMAKE_CXX_COMPILER=clang++-19 \
    -DCMAKE_CXX_FLAGS="-O1 -D_GLIBCXX_ASSERTIONS" -DCIPHERFIT_SANITIZE=address,undefined \
    -DCIPHERFIT_FUZZERS=ON; then
    ASAN_OPTIONS=detect_stack_use_after_return=1 \
        LSAN_OPTIONS=suppressions=$PWD/tools/leaks_of_others.txt:print_suppressions=0 \
        suite asan build-san -E "^cli\.|^test_($computing)_NOT_BUILT"
fi

say "tsan"
# tools/tsan replaces the loops of TBB, into which the sanitizer cannot see.
threaded='base|rlwe|ckks'
[ "$full" = no ] || threaded+='|linalg|train|backbone'
if build build-tsan "test_($threaded)" "${sanitizer_options[@]}" \
    -DCMAKE_CXX_FLAGS="-O1 -I$PWD/tools/tsan" -DCIPHERFIT_SANITIZE=thread; then
    TSAN_OPTIONS=halt_on_error=1 suite tsan build-tsan -R "^($threaded)\."
fi
unset CIPHERFIT_SMALL_RINGS

say "fuzz"
run_fuzzers

if [ "$tidy" = yes ]; then
    say "tidy"
    check "clang-tidy" build/tidy.log tools/run_tidy.py build 7200
    grep -h '^run_tidy:' build/tidy.log
else
    skip "tidy: takes longer than all the rest; ./test.sh --tidy runs it"
fi

finish
