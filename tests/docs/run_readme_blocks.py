#!/usr/bin/python3
"""Holds the documents to the code: runs the README's commands and checks the links of all documents.

    run_readme_blocks.py links SOURCE                every relative link in SOURCE's *.md files exists
    run_readme_blocks.py run SOURCE BUILD            runs the marked blocks of README.md
    run_readme_blocks.py run SOURCE BUILD [FILE]     runs the marked blocks of FILE (README.md), each by itself
    run_readme_blocks.py guide SOURCE BUILD FILE     runs those of a guide, all in one directory
    run_readme_blocks.py compile SOURCE COMPILER...  compiles the marked blocks of README.md

A fenced block is marked by the comment line before it: `<!-- test: run -->` for sh,
`<!-- test: compile -->` for cpp; `<!-- test: run if PATH -->` leaves a block out where the sources have
no such file. Blocks run in a directory of their own in which the sources and `build` can be seen,
beside a small train.csv and test.csv and the pictures of photos/train and photos/test. Exit status 1
when something failed.
"""

import random
import re
import struct
import subprocess
import sys
import tempfile
import unicodedata
import zlib
from pathlib import Path

marker = re.compile(r"^<!-- test: (run|compile)(?: if (\S+))? -->$")
inline_code = re.compile(r"`[^`]*`")
link = re.compile(r"(?<!\\)\[[^\]]*\]\(([^()\s]+)\)")
scheme = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)
languages = {"run": "sh", "compile": "cpp"}


def lines_outside_code(text):
    """The lines with their numbers, without fenced and indented code."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield number, line


def marked_blocks(text, action):
    """(first line number, code, needed path or None) of each block that is marked for the action."""
    lines = text.splitlines()
    blocks = []
    for number, line in enumerate(lines):
        found = marker.match(line)
        if not found or found.group(1) != action:
            continue
        fence = f"```{languages[action]}"
        if number + 1 >= len(lines) or lines[number + 1] != fence:
            raise ValueError(f"line {number + 1}: a block that begins with {fence} must follow")
        end = lines.index("```", number + 2)
        blocks.append((number + 3, "\n".join(lines[number + 2 : end]) + "\n", found.group(2)))
    return blocks


def anchor(heading):
    """The fragment by which a heading is linked to, as the usual renderers make it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.replace("`", "")).strip().lower()
    kept = (c for c in text if c in " -_" or unicodedata.category(c)[0] in "LN")
    return "".join(kept).replace(" ", "-")


def anchors_of(path):
    result = set()
    for _, line in lines_outside_code(path.read_text(encoding="utf-8")):
        if re.match(r"#{1,6} ", line):
            base = anchor(line.lstrip("#"))
            name, count = base, 0
            while name in result:
                count += 1
                name = f"{base}-{count}"
            result.add(name)
    return result


def documents(source):
    """The documents of the repository: what git knows or would add, or else every *.md."""
    listed = subprocess.run(
        ["git", "-C", source, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = filter(None, listed.stdout.split("\0"))
        return sorted(path for path in map(source.joinpath, names) if path.exists())
    return sorted(path for path in source.rglob("*.md")
                  if not path.relative_to(source).parts[0].startswith(("build", ".", "out", "data")))


def check_links(source):
    failures = []
    count = 0
    for document in documents(source):
        text = document.read_text(encoding="utf-8")
        for number, line in lines_outside_code(text):
            for target in link.findall(inline_code.sub("", line)):
                if scheme.match(target):
                    continue
                count += 1
                name, _, fragment = target.partition("#")
                path = (document.parent / name).resolve() if name else document
                where = f"{document.relative_to(source)}:{number}"
                if not path.is_relative_to(source) or not path.exists():
                    failures.append(f"{where}: {target}: there is no such file")
                elif fragment and path.suffix == ".md" and fragment not in anchors_of(path):
                    failures.append(f"{where}: {target}: there is no such heading")
    for failure in failures:
        print(failure)
    print(f"{count} relative links, {len(failures)} broken")
    return not failures and count > 0


def write_samples(path, rows, seed):
    """Three classes of eight features around centres of their own, label first."""
    centres = [[random.Random(10 * label + j).random() for j in range(8)] for label in range(3)]
    noise = random.Random(seed)
    with path.open("w", encoding="ascii") as file:
        for i in range(rows):
            label = i % 3
            values = (c + noise.gauss(0, 0.15) for c in centres[label])
            file.write(",".join([str(label)] + [f"{value:.6f}" for value in values]) + "\n")


def run_in(work, code, where):
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", code], cwd=work,
                          capture_output=True, text=True, check=False)
    print(done.stdout, end="")
    if done.returncode != 0:
        print(done.stderr, end="")
        print(f"{where}: ended with status {done.returncode}")
    return done.returncode == 0


def write_photos(folder, count, seed):
    """Pictures of 96 x 96 pixels: discs, bars and checks in random colours, as PNG."""
    shapes = {"discs": lambda x, y: (x - 48) ** 2 + (y - 48) ** 2 < 900,
              "bars": lambda x, y: x // 12 % 2 == 0,
              "checks": lambda x, y: (x // 24 + y // 24) % 2 == 0}
    source = random.Random(seed)
    for name, inside in shapes.items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            colours = [bytes(source.randrange(256) for _ in range(3)) for _ in range(2)]
            shift = source.randrange(-8, 9)
            rows = b"".join(b"\0" + b"".join(colours[inside(x + shift, y)] for x in range(96))
                            for y in range(96))
            parts = ((b"IHDR", struct.pack(">IIBBBBB", 96, 96, 8, 2, 0, 0, 0)),
                     (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
            (folder / name / f"{i:03}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(
                struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
                for kind, data in parts))


def run_block(source, build, code, where):
    with tempfile.TemporaryDirectory(prefix="cipherfit-readme-") as name:
        work = Path(name)
        for entry in source.iterdir():
            if not entry.name.startswith(("build", ".", "out")):
                (work / entry.name).symlink_to(entry)
        (work / "build").symlink_to(build)
        write_samples(work / "train.csv", 60, seed=1)
        write_samples(work / "test.csv", 90, seed=2)
        write_photos(work / "photos/train", 12, seed=3)
        write_photos(work / "photos/test", 6, seed=4)
        return run_in(work, code, where)


def run_blocks(source, build, document):
    passed = True
    count = 0
    for number, code, needed in marked_blocks(document.read_text(encoding="utf-8"), "run"):
        where = f"{document.relative_to(source)}:{number}"
        count += 1
        if needed and not (source / needed).exists():
            print(f"{where}: left out, as there is no {needed}")
            continue
        passed = run_block(source, build, code, where) and passed
    print(f"{count} blocks are marked to be run")
    return passed and count > 0


def run_guide(source, build, guide):
    blocks = [block[:2] for block in marked_blocks(guide.read_text(encoding="utf-8"), "run")]
    with tempfile.TemporaryDirectory(prefix="cipherfit-guide-") as name:
        work = Path(name)
        (work / "build").symlink_to(build)
        # A block builds on those before it: the first that fails ends the guide.
        passed = len(blocks) > 0 and all(
            run_in(work, code, f"{guide.relative_to(source)}:{number}") for number, code in blocks)
    print(f"{len(blocks)} blocks")
    return passed


def compile_blocks(source, compiler):
    blocks = marked_blocks((source / "README.md").read_text(encoding="utf-8"), "compile")
    passed = len(blocks) > 0
    for number, code, _ in blocks:
        done = subprocess.run([*compiler, "-std=c++20", f"-I{source / 'include'}", "-fsyntax-only",
                               "-x", "c++", "-"], input=code, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            print(done.stderr, end="")
            print(f"README.md:{number}: does not compile")
            passed = False
    print(f"{len(blocks)} blocks were compiled")
    return passed


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "links":
        return check_links(Path(arguments[1]).resolve())
    if len(arguments) == 3 and arguments[0] == "run":
        source, build = Path(arguments[1]).resolve(), Path(arguments[2]).resolve()
        return run_blocks(source, build, source / "README.md")
    if len(arguments) == 4 and arguments[0] in ("run", "guide"):
        source, build = Path(arguments[1]).resolve(), Path(arguments[2]).resolve()
        run = run_blocks if arguments[0] == "run" else run_guide
        return run(source, build, source / arguments[3])
    if len(arguments) >= 3 and arguments[0] == "compile":
        return compile_blocks(Path(arguments[1]).resolve(), arguments[2:])
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
