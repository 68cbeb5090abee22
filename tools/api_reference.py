#!/usr/bin/python3
"""Makes docs/reference/api.md of the comments in proto/cipherfit/v1/*.proto.

    api_reference.py           writes it
    api_reference.py --check   exits with 1 if it is not what would be written

Everything in the files must have a comment that says what it is: fields may share that of the
fields before them, without an empty line between.
"""

import re
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
target = root / "docs/reference/api.md"
declaration = re.compile(r"^\s*(service|message|enum|oneof)\s+(\w+)\s*\{(\}?)")
call = re.compile(r"^\s*rpc (\w+)\((stream )?(\w+)\) returns \((stream )?(\w+)\);")
field = re.compile(r"^\s*(?:(repeated|optional) )?([\w.]+) (\w+) = (\d+);")
value = re.compile(r"^\s*(\w+) = (\d+);")


def cell(lines):
    return " ".join(lines).replace("|", "\\|")


def section(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    preamble = []
    while lines and lines[0].startswith("//"):
        preamble.append(lines.pop(0)[2:].removeprefix(" "))
    yield f"## {path.name}"
    yield ""
    was_list = False
    for line in preamble:
        # Lines that are indented are lists of words and what they mean.
        is_list = line.startswith("  ")
        if is_list != was_list:
            yield ""
        yield f"    {line.strip()}" if is_list else line
        was_list = is_list
    yield ""
    comment, table = [], False
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("//"):
            comment.append(stripped[2:].strip())
            continue
        if found := declaration.match(line):
            kind, name, _ = found.groups()
            if kind != "oneof":
                yield f"### {kind} {name}"
                yield ""
                if comment:
                    yield cell(comment)
                    yield ""
                table = False
                comment = []
        elif found := call.match(line):
            name, sends, request, receives, response = found.groups()
            if not table:
                yield "| call | takes | gives | |"
                yield "|---|---|---|---|"
                table = True
            yield (f"| `{name}` | {'stream of ' if sends else ''}`{request}` "
                   f"| {'stream of ' if receives else ''}`{response}` | {cell(comment)} |")
            comment = []
        elif found := field.match(line):
            label, kind, name, number = found.groups()
            if not table:
                yield "| field | type | number | |"
                yield "|---|---|---|---|"
                table = True
            yield f"| `{name}` | {(label + ' ') if label else ''}{kind} | {number} | {cell(comment)} |"
            comment = []
        elif found := value.match(line):
            if not table:
                yield "| value | number | |"
                yield "|---|---|---|"
                table = True
            yield f"| `{found.group(1)}` | {found.group(2)} | {cell(comment)} |"
            comment = []
        elif not stripped:
            if table:
                yield ""
            table = False
            comment = []
        elif stripped == "}" and table:
            yield ""
            table = False


def text():
    lines = ["# The service's interface", "",
             "gRPC with mutual TLS, package `cipherfit.v1`. This page is made of the comments in "
             "`proto/cipherfit/v1`", "by `tools/api_reference.py`; a test holds it to them. "
             "[The guide](../guides/run-a-service.md) shows how to", "run a server.", ""]
    for name in ("jobs", "transfer", "charters"):
        lines += section(root / f"proto/cipherfit/v1/{name}.proto")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def main():
    if sys.argv[1:] == ["--check"]:
        if not target.exists() or target.read_text(encoding="utf-8") != text():
            print(f"{target.relative_to(root)} is not what proto/ says: run tools/api_reference.py")
            return 1
        return 0
    target.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
