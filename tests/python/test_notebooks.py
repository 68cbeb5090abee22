"""The notebooks run from the first cell to the last."""

import json
from pathlib import Path

import pytest

root = Path(__file__).resolve().parent.parent.parent
notebooks = sorted((root / "python/notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", notebooks, ids=[n.stem for n in notebooks])
def test_notebook_runs(notebook, monkeypatch):
    monkeypatch.chdir(root)
    names = {"__name__": "__main__"}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), notebook.name, "exec"), names)


def test_there_are_notebooks():
    assert len(notebooks) >= 4
