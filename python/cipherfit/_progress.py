"""Progress of long calls: a bar of tqdm where it is installed and a person is watching."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Report = Callable[[str, float, str], Any]


class _Bars:
    """One bar a phase."""

    def __init__(self, tqdm: Any) -> None:
        self._tqdm = tqdm
        self._bar: Any = None
        self._phase = ""

    def __call__(self, phase: str, share: float, detail: str) -> None:
        if phase != self._phase:
            self.close()
            self._phase = phase
            self._bar = self._tqdm(total=100, desc=phase, leave=False, file=sys.stderr,
                                   bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed} {postfix}")
        if share >= 0:
            self._bar.n = round(100 * share, 1)
        self._bar.set_postfix_str(detail, refresh=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class shown:
    """``with shown(progress) as report``: what long calls are given as ``report``.

    ``progress``: False shows nothing, True bars, "auto" bars on a terminal or in a notebook; or a
    function that is called as ``progress(phase, share, detail)`` with share from 0 to 1, or -1 where
    it is not known.
    """

    def __init__(self, progress: bool | str | Report) -> None:
        self._progress = progress
        self._bars: _Bars | None = None

    def __enter__(self) -> Report | None:
        if callable(self._progress):
            return self._progress
        in_notebook = "ipykernel" in sys.modules
        wanted = self._progress is True or (
            self._progress == "auto" and (in_notebook or sys.stderr.isatty()))
        if not wanted:
            return None
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return None
        self._bars = _Bars(tqdm)
        return self._bars

    def __exit__(self, *exception: object) -> None:
        if self._bars is not None:
            self._bars.close()
