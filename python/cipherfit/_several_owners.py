"""Several owners, one model, nobody with the key: docs/guides/several-hospitals.md from Python."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_array, check_consistent_length, column_or_1d

from . import _core, _programs
from ._errors import CautionWarning, InputError
from ._progress import Report, shown

_pause = 0.25  # seconds between two looks at what the others have sent
_names_shown = 8


class Step(NamedTuple):
    """What a member's step did: ``done``, or ``waiting_for`` whom in which ``round``.

    ``sent`` lists the messages that it sent, ``problems`` those that it refused, whose and why.
    """

    done: bool
    round: int
    sent: list[str]
    waiting_for: list[str]
    problems: list[str]


class Charter:
    """What several owners agree on: a directory that all of them and the server can write to.

    ``Charter(directory)`` opens one, ``Charter.create`` writes one down. Nothing secret is in it.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory).absolute()
        self._figures()

    @classmethod
    def create(cls, directory: str | os.PathLike[str], *, title: str, recipient: Member | bytes,
               threshold: int, features: int | Sequence[str], classes: Sequence[Any],
               members: Sequence[Member | bytes] = (), contributors: Sequence[Member | bytes] = (),
               holders: Sequence[Member | bytes] = (), **terms: Any) -> Charter:
        """Writes a charter down, never over another one.

        Parameters
        ----------
        directory : path
            To be made; all members and the server need it.
        title : str
            What it is about.
        members, contributors, holders : lists of Member or of ``Member.card``
            Members bring rows and hold a point of the key, contributors bring rows, holders hold a
            point.
        recipient : Member or card
            Who gets the model: one of the others, or not.
        threshold : int
            How many key holders together open the model.
        features : int or list of str
            How many columns rows have, or their names in order.
        classes : list
            The labels, in the order of the model's classes.
        **terms
            As the options of ``cipherfit charter new``: preparation, extractor, iterations,
            components, ridge, whitening_ridge, lowest, row_bound, kappa, smallest_rows,
            smallest_contributors, filters, cosines, width, seed.

        Warns where the sums that it publishes could be solved for few rows (``caution``).
        """
        names = ([f"x{j + 1}" for j in range(features)] if isinstance(features, int)
                 else [str(name) for name in features])
        path = Path(directory).absolute()
        _core.create_charter(path, title, _cards(members), _cards(contributors), _cards(holders),
                             _card(recipient), names, [str(label) for label in classes],
                             {"threshold": threshold, **terms})
        charter = cls(path)
        charter._warn(stacklevel=3)
        return charter

    def _figures(self) -> dict[str, Any]:
        return json.loads(_core.charter_figures(self.directory))

    @property
    def figures(self) -> dict[str, Any]:
        """Roles, columns, classes, published sums, ring and sizes, and who has signed."""
        return self._figures()

    @property
    def digest(self) -> str:
        """SHA-256 of all that the charter says: what the members compare by another way."""
        return str(self._figures()["digest"])

    @property
    def caution(self) -> str | None:
        """Of published sums that could be solved for few rows; None where there are none such."""
        figures = self._figures()
        solvable = figures["solvable_sums"]
        if solvable is None:
            return None
        return (f"{solvable['sums']} sums are published of rows with {solvable['columns']} columns: "
                f"{solvable['rows']} rows or fewer could be solved for, and the charter asks for "
                f"{figures['smallest_rows']}: give a larger smallest_rows, or publish less")

    def _warn(self, stacklevel: int) -> None:
        caution = self.caution
        if caution is not None:
            warnings.warn(caution, CautionWarning, stacklevel=stacklevel)

    @property
    def unsigned(self) -> list[str]:
        """Names of the members who have not signed yet."""
        return [member["name"] for member in self._figures()["members"] if not member["signed"]]

    def train(self, *, threads: int | None = None, progress: bool | str | Report = "auto") -> float:
        """The server's work, in a process of its own; returns its seconds.

        It makes the joint keys, adds up what the members uploaded and trains. Raises DataError
        where something is missing.
        """
        with shown(progress) as report:
            return float(_core.run_server(str(_programs.path_of("cipherfit-server")),
                                          [str(self.directory), "--threads", str(threads or 0), "--quiet"],
                                          report))

    def __repr__(self) -> str:
        return f"Charter({str(self.directory)!r})"


class Member:
    """One party: keys in a private directory, and what it does under charters.

    ``Member.create`` makes the keys, ``Member(directory)`` opens them. Everything is stored before it
    is sent: a process that was stopped anywhere calls the same method again.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory).absolute()
        self._home = _core.MemberHome.open(self.directory)

    @classmethod
    def create(cls, directory: str | os.PathLike[str], name: str) -> Member:
        """Draws keys and writes the directory (mode 0700); never over keys that are there."""
        path = Path(directory).absolute()
        _core.MemberHome.create(path, name)
        return cls(path)

    @property
    def name(self) -> str:
        """The name that the others see."""
        return str(self._home.name)

    @property
    def card(self) -> bytes:
        """Name and public keys, signed: what is handed out."""
        return bytes(self._home.card)

    @property
    def fingerprint(self) -> str:
        """What two members compare by voice."""
        return str(self._home.fingerprint)

    def sign(self, charter: Charter, digest: str | None = None) -> str:
        """Agrees to the charter; returns its digest.

        ``digest``: the one that was agreed on; another charter is then refused (DataError). Warns of
        what ``Charter.caution`` says.
        """
        charter._warn(stacklevel=3)
        return str(self._home.sign(charter.directory, digest))

    def contribute(self, charter: Charter, X: Any, y: Any, *, wait: float = 0) -> Step:
        """Brings this member's rows to the charter, once, and goes on as ``step`` does.

        Rows never leave the member's directory; sums over them do, masked or encrypted. Rows that
        went into another charter are refused.
        """
        session = self._session(charter)
        session.bring_rows(*_rows(charter.figures, X, y))
        return _repeat(session.step, wait)

    def step(self, charter: Charter, *, wait: float = 0) -> Step:
        """Whatever round of the keys or of the statistics is due.

        ``wait``: seconds to look again for what is missing; InputError where they are over.
        """
        return _repeat(self._session(charter).step, wait)

    def verify(self, charter: Charter, *, progress: bool | str | Report = "auto") -> str:
        """Recomputes the training from the signed messages; returns the result's digest.

        Raises DataError where the server has trained anything else.
        """
        session = self._ready(charter)
        with shown(progress) as report:
            return str(session.verify(report))

    def release(self, charter: Charter, *, wait: float = 0) -> Step:
        """A holder's part: attests what ``verify`` found, and sends the recipient its share."""
        return _repeat(self._ready(charter).release, wait)

    def open_model(self, charter: Charter, *, holders: Sequence[int] | None = None, wait: float = 0,
                   progress: bool | str | Report = "auto") -> ReleasedModel | None:
        """The recipient's: asks the holders once, and opens the model when all have answered.

        The training is recomputed first. ``holders``: whom to ask, 1 for the first of the charter's
        holders; the first that are needed unless given. None while answers are missing.
        """
        session = self._ready(charter)
        opened: list[Any] = [None]

        def look() -> Any:
            step, opened[0] = session.open_model(list(holders or ()), report)
            return step

        with shown(progress) as report:
            _repeat(look, wait)
        return None if opened[0] is None else ReleasedModel(opened[0], charter.figures["classes"])

    def _session(self, charter: Charter) -> Any:
        return _core.MemberSession(self.directory, charter.directory)

    def _ready(self, charter: Charter) -> Any:
        session = self._session(charter)
        step = session.step()
        if not step.done:
            raise InputError("keys and statistics are not complete yet, waiting for "
                             f"{_joined(step.waiting_for)}: let those take their steps", "bad_input")
        return session

    def __repr__(self) -> str:
        return f"Member({str(self.directory)!r}, name={self.name!r})"


class ReleasedModel:
    """What the recipient opened: a linear model of rows as they are, or of the charter's public map.

    Attributes
    ----------
    classes_ : ndarray of str; the charter's classes in their order.
    model_ : weights and map.
    """

    def __init__(self, model: Any, classes: Sequence[str]) -> None:
        self.model_ = model
        self.classes_ = np.array(classes)

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores: one a row for two classes (of the second against the first), else one a class."""
        scores = self.model_.scores(check_array(X, dtype=np.float64, order="C"))
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> np.ndarray:
        """The class of the largest score, as the charter names it."""
        scores = self.model_.scores(check_array(X, dtype=np.float64, order="C"))
        return self.classes_[np.argmax(scores, axis=1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows that are predicted right; labels are compared as text."""
        right = self.predict(X) == np.asarray([str(label) for label in np.asarray(y).tolist()])
        return float(np.average(right, weights=sample_weight))


def _card(member: Member | bytes) -> bytes:
    return member.card if isinstance(member, Member) else bytes(member)


def _cards(members: Sequence[Member | bytes]) -> list[bytes]:
    return [_card(member) for member in members]


def _joined(names: Sequence[str]) -> str:
    more = len(names) - _names_shown
    return ", ".join(names[:_names_shown]) + (f" and {more} more" if more > 0 else "")


def _repeat(step: Callable[[], Any], wait: float) -> Step:
    """The step until it is done or the time is over."""
    end = time.monotonic() + wait
    sent: list[str] = []
    while True:
        report = step()
        sent += report.sent
        if report.done or wait <= 0:
            return Step(report.done, report.round, sent, list(report.waiting_for), list(report.problems))
        if time.monotonic() >= end:
            raise InputError(f"after {wait:g} s round {report.round} still waits for "
                             f"{_joined(report.waiting_for)}: let those take their steps", "bad_input")
        time.sleep(_pause)


def _rows(figures: dict[str, Any], X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows in the charter's columns, and indices into its classes."""
    names = [str(name) for name in getattr(X, "columns", ())]
    expected = figures["features"]
    values = check_array(X, dtype=np.float64, order="C")
    if values.shape[1] != len(expected):
        raise InputError(f"X has {values.shape[1]} columns, and the charter has {len(expected)}: give "
                         "those of the charter", "bad_input")
    if names and expected[0] != "x1" and names != expected:
        raise InputError(f"X has the columns {_joined(names)}, and the charter {_joined(expected)}: give "
                         "them in the charter's order", "bad_input")
    labels = column_or_1d(y)
    check_consistent_length(values, labels)
    index = {name: k for k, name in enumerate(figures["classes"])}
    texts = [str(label) for label in labels.tolist()]
    unknown = [text for text in texts if text not in index]
    if unknown:
        raise InputError(f"y has the label {unknown[0]!r}, and the charter's classes are "
                         f"{_joined(figures['classes'])}: give those", "bad_input")
    return values, np.array([index[text] for text in texts], dtype=np.int32)
