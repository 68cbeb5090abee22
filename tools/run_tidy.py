#!/usr/bin/python3
"""clang-tidy over the project's sources for a limited time.

    run_tidy.py BUILD_DIRECTORY SECONDS [FILE ...]

Takes the files that git says changed last first, starts none after SECONDS, and names those it did
not reach. A build with CIPHERFIT_UNITY is looked at several times faster: its files share headers.
A file is not looked at again until what the preprocessor makes of it changes: clean results are
remembered in BUILD_DIRECTORY/tidy.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

root = Path(__file__).resolve().parent.parent
tidy = "clang-tidy-19"
sources = {"src", "app", "tests", "bench", "fuzz", "examples", "python"}


def output_of(command, cwd):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False).stdout


def last_changed_first(files):
    log = output_of(["git", "log", "--format=", "--name-only"], root).splitlines()
    modified = output_of(["git", "diff", "--name-only", "HEAD"], root).splitlines()
    rank = {}
    for name in modified + log:
        rank.setdefault(name, len(rank))
    return sorted(files, key=lambda file: rank.get(str(file.relative_to(root)), -1))


def is_ours(file):
    """A source of the repository, or one that includes several of them: not what others' tools made."""
    if root not in file.parents:
        return False
    return file.name.startswith("unity_") or file.relative_to(root).parts[0] in sources


def for_clang(entry):
    """The entry without the headers that g++ precompiled, since every file includes what it uses, and
    without g++'s own parameters."""
    command = shlex.split(entry["command"])
    if Path(command[0]).name == "ccache":
        command = command[1:]
    kept = []
    for part in command:
        if part.endswith("/cmake_pch.hxx") and kept[-1] == "-include":
            kept.pop()
        elif kept and kept[-1] == "--param":
            kept.pop()
        elif part not in ("-Winvalid-pch", "-fpch-preprocess"):
            kept.append(part)
    return {**entry, "command": shlex.join(kept)}


def fingerprint(entry):
    command = shlex.split(entry["command"])
    command = command[: command.index("-o")] + command[command.index("-o") + 2 :]
    text = output_of(["-E" if part == "-c" else part for part in command], entry["directory"])
    # Comments go, but those that silence a check matter.
    marks = [line for line in Path(entry["file"]).read_text().splitlines() if "NOLINT" in line]
    material = [text, *marks, (root / ".clang-tidy").read_text(), tidy]
    return hashlib.sha256("\0".join(material).encode()).hexdigest()


def main():
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    build, seconds = Path(sys.argv[1]).resolve(), float(sys.argv[2])
    deadline = time.monotonic() + seconds
    commands = [
        for_clang(entry) for entry in json.loads((build / "compile_commands.json").read_text())
    ]
    entries = {Path(entry["file"]): entry for entry in commands}
    wanted = [Path(name).resolve() for name in sys.argv[3:]] or entries
    files = last_changed_first(file for file in wanted if is_ours(file))
    memory = build / "tidy"
    memory.mkdir(exist_ok=True)
    (memory / "compile_commands.json").write_text(json.dumps(commands))

    def look_at(file):
        if time.monotonic() > deadline:
            return file, "not reached", ""
        if file not in entries:
            return file, "findings", f"{file} is not part of the build {build}\n"
        clean = memory / fingerprint(entries[file])
        if clean.exists():
            return file, "clean", ""
        # Some warnings that are switched off are those of g++ alone.
        # The standard library's stable_sort uses what it has deprecated itself.
        command = [tidy, "-p", str(memory), "--quiet", "--extra-arg=-Wno-unknown-warning-option",
                   "--extra-arg=-Wno-deprecated-declarations"]
        if file.name.startswith("unity_"):
            # What one file declares, another of the same unit may include.
            command.append("--checks=-bugprone-suspicious-include,-readability-redundant-declaration")
        result = subprocess.run(
            [*command, str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode == 0:
            clean.touch()
            return file, "clean", ""
        return file, "findings", result.stdout or result.stderr

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(look_at, files))
    for _, _, text in results:
        print(text, end="")
    count = {kind: [str(f.relative_to(root)) for f, k, _ in results if k == kind] for kind in
             ("clean", "findings", "not reached")}
    if count["not reached"]:
        print("run_tidy: not reached:", " ".join(count["not reached"]))
    print("run_tidy:", ", ".join(f"{len(names)} {kind}" for kind, names in count.items()))
    return 1 if count["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
