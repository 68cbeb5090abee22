"""Exceptions: one for each way to react, with the code of the C++ error and its remedy."""

from __future__ import annotations


class Error(Exception):
    """What cipherfit could not do.

    ``code`` names the kind of error, as ``"bad_input"`` or ``"corrupt_data"``; the command line uses
    the same names. ``remedy`` is the part of the message that says what to do, empty where it says
    nothing.
    """

    def __init__(self, message: str, code: str = "internal") -> None:
        super().__init__(message)
        self.code = code

    @property
    def remedy(self) -> str:
        head, colon, tail = str(self).rpartition(": ")
        return tail if colon and head else ""

    def __reduce__(self):
        return type(self), (str(self), self.code)


class InputError(Error, ValueError):
    """Rows, labels or options that cannot be used."""


class DataError(Error):
    """A file that is damaged, of another version, or of another key, plan or job."""


class StorageError(Error, OSError):
    """The system refused: a missing file, a full disk, missing permissions."""

    def __str__(self) -> str:  # not OSError's, which shows numbers
        return str(self.args[0])


class BusyError(Error):
    """Another process works in the same directory."""


class LevelError(Error, ValueError):
    """Ciphertexts whose levels or scales do not go together."""


class MissingKeyError(Error, KeyError):
    """An evaluation key that was not made."""

    def __str__(self) -> str:  # not KeyError's, which quotes
        return str(self.args[0])


class Interrupted(Error):
    """The work was stopped; what was finished is kept."""


class CautionWarning(UserWarning):
    """What can be done, and may tell more than was meant."""


_kinds: dict[str, type[Error]] = {
    "invalid_argument": InputError,
    "insecure_parameters": InputError,
    "bad_input": InputError,
    "level_mismatch": LevelError,
    "scale_mismatch": LevelError,
    "level_exhausted": LevelError,
    "missing_key": MissingKeyError,
    "corrupt_data": DataError,
    "unsupported_version": DataError,
    "fingerprint_mismatch": DataError,
    "io_failure": StorageError,
    "busy": BusyError,
    "interrupted": Interrupted,
}


def error_of(code: str, message: str) -> Error:
    """The exception of a C++ error."""
    return _kinds.get(code, Error)(message, code)
