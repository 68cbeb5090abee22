#!/usr/bin/python3
"""Checks that wide instructions stay in the kernels that are chosen at run time.

    check_wide_instructions.py BUILD_DIRECTORY

  1. An object file outside src/math/kernels/avx2 and src/math/kernels/ifma uses no ymm, zmm or
     mask register, so that the programs start on every x86-64.
  2. An object file of those folders defines no inline or template function that the linker may keep
     for the whole program: the copy with wide instructions would then run everywhere.
"""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

kernel_path = re.compile(r"/src/math/kernels/(avx2|ifma)/")
# Test and benchmark programs are not shipped; what they define themselves may be built freely.
skipped_path = re.compile(r"/(tests|bench|fuzz|examples)/CMakeFiles/|CMakeFiles/\d+\.")
wide_register = re.compile(r"%[yz]mm\d|%k[0-7]\b")
function_label = re.compile(r"^[0-9a-f]+ <(.*)>:$")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def wide_functions(path):
    """Names of the functions of an object file that use a wide register."""
    names = []
    current = "?"
    for line in run("objdump", "-d", "-C", "--no-show-raw-insn", str(path)).splitlines():
        label = function_label.match(line)
        if label:
            current = label.group(1)
        elif wide_register.search(line) and (not names or names[-1] != current):
            names.append(current)
    return names


def shared_functions(path):
    """Functions of an object file that are weak or unique: merged with those of other files."""
    names = []
    for line in run("nm", "-C", "--defined-only", str(path)).splitlines():
        _, kind, name = line.split(maxsplit=2)
        # A weak object of data (V, or a vtable) holds no instructions.
        if kind in "Wu" and not name.startswith(("vtable", "typeinfo")):
            names.append(name)
    return names


def check(path):
    if kernel_path.search(str(path)):
        return [f"{path}: kernel file shares {name} with the program" for name in shared_functions(path)]
    return [f"{path}: wide registers in {name}" for name in wide_functions(path)]


def main():
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print(f"usage: {Path(sys.argv[0]).name} BUILD_DIRECTORY", file=sys.stderr)
        return 2
    objects = [
        path for path in sorted(Path(sys.argv[1]).rglob("*.o")) if not skipped_path.search(str(path))
    ]
    if not objects:
        print(f"check_wide_instructions: no object files under {sys.argv[1]}", file=sys.stderr)
        return 2
    with ThreadPoolExecutor() as pool:
        problems = [problem for found in pool.map(check, objects) for problem in found]
    for problem in problems:
        print(problem)
    kernels = sum(1 for path in objects if kernel_path.search(str(path)))
    print(
        f"check_wide_instructions: {len(objects)} object files, {kernels} of them wide kernels, "
        f"{len(problems)} problems"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
