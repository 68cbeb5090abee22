"""The owner's steps apart from the server's."""

import shutil

import numpy as np
import pytest

import cipherfit
from cipherfit import EncryptedClassifier, Session


def test_owner_and_server_apart(blobs, tmp_path):
    X, y = blobs
    parameters = {"features": "standardised", "iterations": 1, "progress": False}
    session = Session(X, y, workdir=tmp_path / "private", **parameters)
    assert session.plan["security_bits"] == 128
    assert session.cost["predicted_upload_bytes"] > 1000
    session.send(tmp_path / "job")
    del session  # nothing but the two directories is left
    shutil.copytree(tmp_path / "job", tmp_path / "elsewhere")
    assert cipherfit.train(tmp_path / "elsewhere", progress=False) > 0
    shutil.copy(tmp_path / "elsewhere/model.cft", tmp_path / "job")
    again = Session(X, y, workdir=tmp_path / "private", **parameters)
    model = again.decrypt(tmp_path / "job")
    clear = EncryptedClassifier(fhe="disable", **parameters).fit(X, y)
    assert np.array_equal(model.predict(X), clear.predict(X))
    assert 0 < model.report_.weight_error < model.report_.weight_error_bound
    assert np.array_equal(again.simulate().model_.weights,
                          EncryptedClassifier(fhe="simulate", **parameters).fit(X, y).model_.weights)


def test_a_model_of_another_job_is_refused(blobs, tmp_path):
    X, y = blobs
    parameters = {"features": "standardised", "iterations": 1, "progress": False}
    models = []
    for name in ("a", "b"):
        session = Session(X, y, **parameters)
        session.send(tmp_path / name)
        cipherfit.train(tmp_path / name, progress=False)
        models.append(session)
    shutil.copy(tmp_path / "a/model.cft", tmp_path / "b/model.cft")
    with pytest.raises(cipherfit.DataError) as caught:
        models[1].decrypt(tmp_path / "b")
    assert caught.value.code == "fingerprint_mismatch"
