"""Wrong input gives one clear line: an exception with a code and a remedy."""

import pickle

import numpy as np
import pytest

import cipherfit
from cipherfit import EncryptedClassifier


@pytest.mark.parametrize("options, words", [
    ({"features": "lines"}, "features='lines': give one of auto, raw"),
    ({"fhe": "maybe"}, "fhe='maybe': give 'execute'"),
    ({"iterations": "many"}, "iterations='many': give a whole number"),
    ({"solver": "newton"}, "newton"),
    ({"class_weight": "fair"}, "class_weight='fair': give 'balanced'"),
    ({"image_shape": (5, 5)}, "X has 6 columns"),
])
def test_wrong_parameters(blobs, options, words):
    with pytest.raises(cipherfit.InputError) as caught:
        EncryptedClassifier(**{"fhe": "simulate", **options}).fit(*blobs)
    assert words in str(caught.value)
    assert caught.value.code in ("invalid_argument", "bad_input")
    assert "\n" not in str(caught.value)


def test_errors_keep_code_and_remedy_through_pickle():
    error = cipherfit.StorageError("/x/y: cannot be read: give another file", "io_failure")
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.remedy, str(again)) == ("io_failure", "give another file", str(error))
    assert isinstance(error, OSError) and isinstance(cipherfit.InputError("a"), ValueError)


def test_labels_that_name_rows_are_refused():
    X = np.arange(40.0).reshape(20, 2)
    with pytest.raises(ValueError, match="20 different labels"):
        EncryptedClassifier(fhe="simulate").fit(X, np.arange(20))
