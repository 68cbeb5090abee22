"""The programs that the package carries: ``cipherfit`` and ``cipherfit-server``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ._errors import StorageError


def path_of(name: str) -> Path:
    """Where the program lies; raises StorageError where the package has none."""
    program = Path(__file__).parent / "bin" / name
    if not os.access(program, os.X_OK):
        raise StorageError(f"{program}: there is no such program: install the package again",
                           "io_failure")
    return program


def _become(name: str) -> None:
    program = str(path_of(name))
    os.execv(program, [program, *sys.argv[1:]])


def run_owner() -> None:
    """The command ``cipherfit``."""
    _become("cipherfit")


def run_server() -> None:
    """The command ``cipherfit-server``."""
    _become("cipherfit-server")
