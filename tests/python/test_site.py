"""The documentation site builds without a warning, and the reference has what the package exports."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import cipherfit
from cipherfit import ckks

root = Path(__file__).resolve().parent.parent.parent


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="no MkDocs")
def test_the_site_builds(tmp_path):
    done = subprocess.run([sys.executable, root / "tools/build_site.py", tmp_path / "site"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "site/docs/reference/python.html").read_text(encoding="utf-8")
    for name in [*cipherfit.__all__, *ckks.__all__]:
        assert name in page, name
    assert (tmp_path / "site/docs/guides/python.html").exists()


def test_the_extensions_have_types():
    package = Path(cipherfit.__file__).parent
    stub = (package / "_core/ckks.pyi").read_text(encoding="utf-8")
    assert "class Ciphertext:" in stub and "def __mul__(self" in stub
    assert "class Planned:" in (package / "_core/__init__.pyi").read_text(encoding="utf-8")
    assert (package / "_cnn.pyi").exists() and (package / "py.typed").exists()


def test_everything_that_is_exported_is_documented():
    for module in (cipherfit, ckks):
        for name in module.__all__:
            assert getattr(module, name).__doc__, name
