"""What scikit-learn reaches on a split. Nothing here sees a test row before the last line."""

import time

import numpy as np
from sklearn.linear_model import LogisticRegressionCV, RidgeClassifierCV
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

strengths = np.logspace(-3, 3, 7)
# Sets with more training rows get one SVC of fixed parameters: the grid would take hours.
most_rows_of_svc_grid = 2000
# From so many rows on, logistic regression tries fewer C and SVC sees the first rows only.
many_rows = 50000
rows_of_large_svc = 10000


def folds(count, seed):
    return StratifiedKFold(count, shuffle=True, random_state=seed)


def logistic(seed, rows, class_weight=None):
    """Logistic regression on standardised columns, C by cross-validation."""
    large = rows >= many_rows
    return make_pipeline(
        StandardScaler(),
        LogisticRegressionCV(
            Cs=strengths[1:4] if large else strengths,
            cv=folds(2 if large else 5, seed),
            max_iter=100 if large else 2000,
            class_weight=class_weight,
            scoring="balanced_accuracy" if class_weight else "accuracy",
        ),
    )


def logistic_on_features(seed, rows, columns):
    """The same on features as they are; with many of them fewer C and folds are tried."""
    large = rows * columns > 500000
    return LogisticRegressionCV(
        Cs=strengths[2:5] if large else strengths, cv=folds(2 if large else 5, seed),
        max_iter=200 if large else 2000, scoring="accuracy")


def ridge():
    return make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=strengths))


def support_vectors(seed, rows, columns):
    if rows > most_rows_of_svc_grid:
        return make_pipeline(StandardScaler(), SVC(C=10, gamma=1 / columns))
    grid = {"svc__C": [1, 10, 100], "svc__gamma": [0.1 / columns, 0.3 / columns, 1 / columns]}
    return GridSearchCV(make_pipeline(StandardScaler(), SVC()), grid, cv=folds(3, seed))


def models(seed, rows, columns, balanced):
    """(name, model) of everything that the raw columns of a set are compared with."""
    yield "logistic", logistic(seed, rows)
    yield "ridge", ridge()
    yield "svc", support_vectors(seed, rows, columns)
    if balanced:
        yield "logistic-balanced", logistic(seed, rows, "balanced")


def score(model, rows, labels):
    """Figures of a fitted model on test rows, and for two classes the second's probability."""
    predictions = model.predict(rows)
    figures = {
        "accuracy": accuracy_score(labels, predictions),
        "balanced_accuracy": balanced_accuracy_score(labels, predictions),
    }
    probabilities = None
    if hasattr(model, "predict_proba"):
        probabilities = model.predict_proba(rows)
        figures["log_loss"] = log_loss(labels, probabilities, labels=model.classes_)
        probabilities = probabilities[:, 1] if probabilities.shape[1] == 2 else None
    return figures, probabilities


def fit_and_score(name, model, train, test):
    if name == "svc" and len(train[1]) >= many_rows:
        train = train[0][:rows_of_large_svc], train[1][:rows_of_large_svc]
    started = time.perf_counter()
    model.fit(*train)
    seconds = time.perf_counter() - started
    figures, probabilities = score(model, *test)
    return figures | {"fit_seconds": seconds}, probabilities
