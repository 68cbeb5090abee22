"""EncryptedClassifier: equal to the command line, and what scikit-learn expects of it."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import cipherfit
from cipherfit import EncryptedClassifier

# Checks that do not hold, and why.
exceptions = {
    "check_classifiers_train":
        "predict takes the largest score, as the command line does, and predict_proba is calibrated "
        "on held-out rows, class by class: on 2 of 200 rows near the border the two differ",
}


def test_check_estimator():
    results = check_estimator(EncryptedClassifier(fhe="simulate"), expected_failed_checks=exceptions,
                              on_skip=None)
    assert len(results) > 40
    assert {r["status"] for r in results} <= {"passed", "xfail", "skipped"}


@pytest.mark.parametrize("load", [load_iris, load_wine])
@pytest.mark.parametrize("seed", [1, 7])
def test_simulated_models_are_the_command_lines_to_the_last_bit(load, seed, command_line):
    X, y = load(return_X_y=True)
    model = EncryptedClassifier(fhe="simulate", random_state=seed).fit(X, y)
    weights = command_line(X, y, "--fhe", "simulate", "--seed", str(seed))
    assert np.array_equal(model.model_.weights, weights)


def test_images_are_the_command_lines_to_the_last_bit(command_line):
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    options = {"features": "pca", "components": 20, "iterations": 2, "ridge": 1e-3}
    model = EncryptedClassifier(fhe="simulate", **options).fit(X, y)
    weights = command_line(X, y, "--fhe", "simulate", "--features", "pca", "--pca", "20",
                           "--iterations", "2", "--ridge", "1e-3")
    assert np.array_equal(model.model_.weights, weights)


def test_string_labels_and_data_frames_are_the_command_lines(blobs, command_line):
    X, y = blobs
    frame = pd.DataFrame(X, columns=[f"column {j}" for j in range(6)])
    model = EncryptedClassifier(fhe="simulate").fit(frame, pd.Series(y))
    assert list(model.classes_) == ["ash", "birch", "cedar"]
    assert list(model.feature_names_in_) == list(frame.columns)
    assert np.array_equal(model.model_.weights, command_line(X, y, "--fhe", "simulate"))
    assert set(model.predict(frame)) <= set(model.classes_)


def test_balanced_classes_are_the_command_lines(blobs, command_line):
    X, y = blobs[0][:70], blobs[1][:70]
    keep = (y != "cedar") | (np.arange(70) % 2 == 0)
    X, y = X[keep], y[keep]
    model = EncryptedClassifier(fhe="simulate", class_weight="balanced", prior="balanced").fit(X, y)
    weights = command_line(X, y, "--fhe", "simulate", "--class-weight", "balanced", "--prior",
                           "balanced")
    assert np.array_equal(model.model_.weights, weights)
    given = EncryptedClassifier(fhe="simulate", class_weight={"ash": 2.0, "birch": 1.0}).fit(X, y)
    assert not np.array_equal(given.model_.weights, model.model_.weights)
    with pytest.raises(cipherfit.InputError, match="'oak', which is no class"):
        EncryptedClassifier(fhe="simulate", class_weight={"oak": 2.0}).fit(X, y)


def test_encrypted_models_are_the_clear_ones_within_the_bound(blobs):
    X, y = blobs
    options = {"features": "standardised", "iterations": 1}
    encrypted = EncryptedClassifier(**options).fit(X, y)
    clear = EncryptedClassifier(fhe="disable", **options).fit(X, y)
    report = encrypted.report_
    difference = np.abs(encrypted.model_.weights - clear.model_.weights).max()
    assert 0 < difference == report.weight_error < report.weight_error_bound < 1e-3
    assert np.array_equal(encrypted.predict(X), clear.predict(X))
    assert encrypted.plan_["security_bits"] == 128
    assert encrypted.cost_["sent_bytes"] > 1000 and encrypted.cost_["peak_rss_bytes"] > 1e6
    assert "Trained on encrypted data: 120 rows" in str(report)


def test_rows_in_parts_give_the_same_model(blobs, tmp_path, command_line):
    X, y = blobs
    options = {"features": "standardised", "iterations": 2, "solver": "primal"}
    whole = EncryptedClassifier(fhe="simulate", **options).fit(X, y)
    split = EncryptedClassifier(parts=3, workdir=tmp_path / "w", **options).fit(X, y)
    assert len(list((tmp_path / "w/job/batches").glob("*.cft"))) == 3
    assert 0 < split.report_.weight_error < split.report_.weight_error_bound
    assert np.array_equal(split.predict(X), whole.predict(X))
    assert np.array_equal(
        EncryptedClassifier(fhe="simulate", parts=3, **options).fit(X, y).model_.weights,
        command_line(X, y, "--fhe", "simulate", "--features", "standardised", "--iterations", "2",
                     "--solver", "primal", "--parts", "3"))
    for wrong in ({"parts": -1}, {"parts": 2.5}, {"parts": 5000}, {"parts": 2, "batch": 30}):
        with pytest.raises(cipherfit.InputError, match="parts"):
            EncryptedClassifier(**{"fhe": "simulate", **options, **wrong}).fit(X, y)


def test_two_classes_have_coefficients_of_the_columns(cancer):
    X, y = cancer
    model = EncryptedClassifier(fhe="simulate", features="standardised").fit(X, y)
    assert model.coef_.shape == (1, 30) and model.intercept_.shape == (1,)
    inside = (np.abs(X - X.mean(0)) < 4.9 * X.std(0)).all(axis=1)  # nothing is clipped there
    expected = X[inside] @ model.coef_[0] + model.intercept_[0]
    assert np.allclose(model.decision_function(X[inside]), expected, atol=1e-9)
    assert np.array_equal(model.predict(X), (model.decision_function(X) > 0).astype(int))


def test_models_that_are_not_linear_say_so_and_have_importances(cancer):
    X, y = cancer
    model = EncryptedClassifier(fhe="simulate", features="rbf", rbf_width=0.3, iterations=1,
                                components=40, ridge=1e-3, rbf_cosines=128).fit(X, y)
    with pytest.raises(AttributeError, match="not linear in the columns.*permutation_importance"):
        model.coef_
    importance = model.permutation_importance(X, y, n_repeats=3)
    assert importance.importances_mean.shape == (30,) and importance.importances_mean.max() > 0


def test_partial_fit_is_refused_with_the_reason():
    model = EncryptedClassifier()
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError, match="planned as a whole"):
        model.partial_fit


def test_a_pickle_holds_the_model_and_no_key(blobs, tmp_path):
    X, y = blobs
    model = EncryptedClassifier(features="standardised", iterations=1, workdir=tmp_path / "work")
    model.fit(X, y)
    key = (tmp_path / "work/owner/secret.key").read_bytes()
    pickled = pickle.dumps(model)
    parts = [key[i : i + 16] for i in range(256, len(key) - 16, 256)]
    assert len(parts) > 2 and not any(part in pickled for part in parts)
    again = pickle.loads(pickled)
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert clone(model).get_params() == model.get_params()


def test_pipelines_and_searches(blobs):
    X, y = blobs
    pipeline = make_pipeline(StandardScaler(), EncryptedClassifier(fhe="simulate"))
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.8
    search = GridSearchCV(EncryptedClassifier(fhe="simulate", features="standardised"),
                          {"ridge": [1e-3, 1e-1], "iterations": [1]}, cv=3).fit(X, y)
    assert search.best_estimator_.fhe == "simulate" and search.best_score_ > 0.8


def test_the_ten_lines_on_encrypted_data(cancer):
    X, y = cancer
    model = EncryptedClassifier(features="standardised", random_state=3).fit(X[::2], y[::2])
    assert model.score(X[1::2], y[1::2]) > 0.93
    probabilities = model.predict_proba(X[1::2])
    assert np.allclose(probabilities.sum(axis=1), 1)
