"""The owner's work step by step, for a server on another machine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ._classifier import EncryptedClassifier
from ._progress import shown
from ._report import cost_of, plan_of
from ._server import server_figures


class Session:
    """One training as its owner sees it: plan, send, decrypt.

        session = Session(X, y, workdir="private", iterations=2)
        session.send("job")                    # all that the server gets
        cipherfit.train("job")                 # the server, here or elsewhere
        model = session.decrypt("job")         # a fitted EncryptedClassifier

    Parameters
    ----------
    X, y : rows and labels, as for ``EncryptedClassifier.fit``
    workdir : path, optional
        A private directory that keeps plan and key, so that the session can be made again, with the
        same rows and parameters, after this process has ended. In memory unless given.
    parameters
        As for EncryptedClassifier.
    """

    def __init__(self, X: Any, y: Any, *, workdir: str | os.PathLike[str] | None = None,
                 **parameters: Any) -> None:
        self._model = EncryptedClassifier(**parameters)
        self._rows = self._model._rows(X, y)
        owner = None
        if workdir is not None:
            directory = Path(workdir).absolute()
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
            owner = str(directory)
        with shown(self._model.progress) as report:
            self._planned = self._model._plan(self._rows, owner, report)

    @property
    def choice(self) -> str:
        """What the rehearsal chose and why, in a line."""
        return self._planned.choice

    @property
    def plan(self) -> dict[str, Any]:
        """Ring, levels and recipe."""
        return plan_of(json.loads(self._planned.figures()))

    @property
    def cost(self) -> dict[str, Any]:
        """Bytes, memory and operations that are predicted."""
        return cost_of(json.loads(self._planned.figures()), {})

    def send(self, job: str | os.PathLike[str]) -> None:
        """Makes the key, if there is none, and writes into the directory what the server gets."""
        directory = Path(job).absolute()
        directory.mkdir(parents=True, exist_ok=True)
        with shown(self._model.progress) as report:
            self._planned.send(str(directory), report)

    def decrypt(self, job: str | os.PathLike[str]) -> EncryptedClassifier:
        """The server's model, decrypted, recorded and held to the training in the clear.

        Raises DataError for a model that is not what the training gives within the predicted noise.
        """
        directory = str(Path(job).absolute())
        with shown(self._model.progress) as report:
            model = self._planned.decrypt(directory, report)
        return self._model._finish(self._rows, self._planned, model, {}, server_figures(directory))

    def simulate(self) -> EncryptedClassifier:
        """The same training in the clear, with noise of the predicted size."""
        fitted = EncryptedClassifier(**{**self._model.get_params(), "fhe": "simulate"})
        fitted.__dict__.update({name: value for name, value in self._model.__dict__.items()
                                if name in ("n_features_in_", "feature_names_in_")})
        with shown(self._model.progress) as report:
            model = self._planned.simulate(self._rows.seed, report)
        return fitted._finish(self._rows, self._planned, model, {}, {})
