"""cipherfit: train classifiers on encrypted data.

    from cipherfit import EncryptedClassifier
    model = EncryptedClassifier().fit(X, y)     # a server process trains on ciphertexts
    model.predict_proba(X_test)

See ``cipherfit.ckks`` for the encrypted arithmetic beneath, on NumPy arrays.
"""

from . import ckks
from ._classifier import EncryptedClassifier
from ._core import set_threads, threads
from ._client import Client, RemoteJob, ServiceInfo
from ._errors import (BusyError, CautionWarning, DataError, Error, InputError, Interrupted, LevelError,
                      MissingKeyError, StorageError)
from ._report import TrainingReport
from ._server import train
from ._session import Session
from ._several_owners import Charter, Member, ReleasedModel, Step
from ._transformers import CnnFeatures, RandomConvFeatures, RandomFourierFeatures

__version__ = "0.1.0"
__all__ = ["BusyError", "CautionWarning", "Charter", "Client", "CnnFeatures", "DataError",
           "EncryptedClassifier", "Error", "InputError", "Interrupted", "LevelError", "Member",
           "MissingKeyError", "RandomConvFeatures", "RandomFourierFeatures", "ReleasedModel",
           "RemoteJob", "ServiceInfo", "Session", "Step", "StorageError", "TrainingReport", "ckks",
           "set_threads", "threads", "train"]
