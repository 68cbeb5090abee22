"""The Python blocks of the documents run: those marked with the comment `test: python`."""

import os
import re
from pathlib import Path

import pytest

root = Path(__file__).resolve().parent.parent.parent
marked = re.compile(r"<!-- test: python -->\n```python\n(.*?)```", re.DOTALL)


def blocks():
    for name in ("README.md", "docs/guides/python.md"):
        text = (root / name).read_text(encoding="utf-8")
        for found in marked.finditer(text):
            line = text[: found.start(1)].count("\n") + 1
            yield pytest.param(found.group(1), id=f"{name}:{line}")


@pytest.mark.parametrize("code", list(blocks()))
def test_block_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "block", "exec"), {"__name__": "__main__"})


def test_there_are_blocks():
    assert len(list(blocks())) >= 3 and os.environ["CIPHERFIT_BUILD"]
