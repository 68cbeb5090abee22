"""The server's process."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from . import _core, _programs
from ._progress import Report, shown

_largest_report = 1 << 16


def run_server(job: str, threads: int | None, checkpoint_every: int, report: Report | None) -> float:
    arguments = [job, "--threads", str(threads or 0), "--machine-progress", "--checkpoint-every",
                 str(checkpoint_every)]
    return _core.run_server(str(_programs.path_of("cipherfit-server")), arguments, report)


def server_figures(job: str) -> dict[str, Any]:
    """What was sent, in bytes, and what the server says of itself."""
    sent = sum(file.stat().st_size for file in Path(job).rglob("*.cft")
               if file.name not in ("model.cft", "checkpoint.cft"))
    figures: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        with open(Path(job, "server_report.json"), "rb") as file:
            read = json.loads(file.read(_largest_report))
        figures = read if isinstance(read, dict) else {}
    return figures | {"sent_bytes": sent}


def trained_seconds(job: str) -> float:
    """The seconds of its work that the server reports."""
    return float(server_figures(job).get("total_seconds", 0.0))


def train(job: str | os.PathLike[str], *, threads: int | None = None, checkpoint_every: int = 1,
          progress: bool | str | Report = "auto") -> float:
    """The server's work on a job directory, in a process of its own; returns its seconds.

    The directory is all that it needs: it may have been copied from the owner's machine. A run that
    was stopped goes on from its checkpoint.
    """
    with shown(progress) as report:
        return run_server(str(Path(job).absolute()), threads, checkpoint_every, report)
