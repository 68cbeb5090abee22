"""cipherfit: train classifiers on encrypted data.

    from cipherfit import EncryptedClassifier
    model = EncryptedClassifier().fit(X, y)     # a server process trains on ciphertexts
    model.predict_proba(X_test)

See ``cipherfit.ckks`` for the encrypted arithmetic beneath, on NumPy arrays.
"""

from ._classifier import EncryptedClassifier
from ._core import set_threads, threads
from ._errors import (BusyError, DataError, Error, InputError, Interrupted, LevelError,
                      MissingKeyError, StorageError)
from ._report import TrainingReport

__version__ = "0.1.0"
__all__ = ["BusyError", "DataError", "EncryptedClassifier", "Error", "InputError", "Interrupted",
           "LevelError", "MissingKeyError", "StorageError", "TrainingReport", "set_threads",
           "threads"]
