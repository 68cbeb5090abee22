"""A service that trains: `cipherfit-server serve` on another machine."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ._errors import Error
from ._progress import Report, shown
from ._server import trained_seconds
from ._several_owners import Charter


class ServiceInfo(NamedTuple):
    """What a service says of itself, and the name by which it knows this client."""

    version: str
    api: str
    client: str


class RemoteJob(NamedTuple):
    """A job as a service has it: ``state`` is "uploading", "queued", "running", "succeeded", ...

    The times are Unix times; 0: not yet.
    """

    id: str
    state: str
    label: str
    reason: str
    queue_position: int
    created_at: int
    started_at: int
    finished_at: int


class Client:
    """A service, and who asks it.

        client = Client("train.example:7443", "~/.cipherfit/me")
        session.send("job")                  # cipherfit.Session: encrypted rows
        client.train("job")                  # sends what is missing, waits, fetches the model
        model = session.decrypt("job")

    ``EncryptedClassifier(server=..., identity=...)`` does all of that. No key comes here: a client
    sees what the service sees.

    Parameters
    ----------
    server : str
        "HOST:PORT".
    identity : path
        The client's certificate: a directory with ca.pem, cert.pem and key.pem, readable by its
        owner alone.
    patience : float
        Seconds without a word from the service after which a call gives up.
    """

    def __init__(self, server: str, identity: str | os.PathLike[str], *,
                 patience: float = 300) -> None:
        from . import _remote  # gRPC: loaded when it is asked for

        self.server = server
        self._service = _remote.Service(server, Path(identity).expanduser().absolute(), patience)

    def info(self) -> ServiceInfo:
        """Asks whether the service is there and takes this identity."""
        return ServiceInfo(*self._service.info())

    def train(self, job: str | os.PathLike[str], *, checkpoint_every: int = 1,
              progress: bool | str | Report = "auto") -> float:
        """Has the service train on a job directory; returns the seconds that it worked.

        What it lacks of the directory is sent, and the model is fetched. Broken lines are taken up
        where they broke. Ctrl-C ends the call alone: the service goes on, and the same call follows
        the job again.
        """
        directory = str(Path(job).absolute())
        with shown(progress) as report:
            self._train(directory, checkpoint_every, report)
        return trained_seconds(directory)

    def _train(self, job: str, checkpoint_every: int, report: Report | None) -> None:
        self._service.train(Path(job), checkpoint_every, report)

    def jobs(self, limit: int = 100) -> list[RemoteJob]:
        """This client's jobs."""
        return [RemoteJob(*job) for job in self._service.jobs(limit)]

    def cancel(self, job: RemoteJob) -> None:
        """Stops a job of ``jobs()``."""
        self._service.cancel(job.id)

    def forget(self, job: RemoteJob | str | os.PathLike[str]) -> None:
        """Has the service delete a job of ``jobs()``, or that of a job directory."""
        if isinstance(job, RemoteJob):
            self._service.forget_id(job.id)
        else:
            self._service.forget(Path(job).absolute())

    def _forget_quietly(self, job: str) -> None:
        """Forgets the job, or warns: its results are here already."""
        try:
            self._service.forget(Path(job))
        except Error as error:
            warnings.warn(f"the service keeps the job until its time is over: {error}", stacklevel=4)

    def synchronise(self, charter: Charter, *, clients: Sequence[str] = (),
                    progress: bool | str | Report = "auto") -> None:
        """Gives a charter's directory and the service what the other has.

        ``clients``: the names of the other members' certificates, for whoever makes the charter
        known to the service.
        """
        with shown(progress) as report:
            self._service.with_charter(charter.directory, list(clients), False, report)

    def train_charter(self, charter: Charter, *, progress: bool | str | Report = "auto") -> None:
        """Has the service train what the members have uploaded, and fetches the result."""
        with shown(progress) as report:
            self._service.with_charter(charter.directory, [], True, report)

    def __repr__(self) -> str:
        return f"Client({self.server!r})"
