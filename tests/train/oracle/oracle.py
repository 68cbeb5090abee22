#!/usr/bin/python3
"""Independent oracle for the training recurrence: the published formulation in NumPy.

It keeps the weights W, V and the diagonal B as separate matrices, in unscaled coordinates, where the
library changes variables. Usage:

    oracle.py CASES.json RESULTS.json      runs a list of cases
    oracle.py --reference reference.json   writes the committed cases with their results

A case: features (n rows), test (rows), labels, classes, preset, iterations and, for the standard
preset, step, degree and range. A result: weights (c x (features + 1), bias first, for the
preprocessed features), scores of the test rows, the largest |z| of each iteration.
"""
import json
import sys

import numpy as np


def fitted_sigmoid(degree, bound, nodes=256):
    z = bound * np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes)
    powers = np.arange(1, degree + 1, 2)
    # Columns of unit size at the ends keep the monomial basis well conditioned.
    basis = (z / bound)[:, None] ** powers
    target = 1 / (1 + np.exp(-z)) - 0.5
    coefficients = np.linalg.lstsq(basis, target, rcond=None)[0] / float(bound) ** powers
    return lambda v: 0.5 + sum(c * v**p for c, p in zip(coefficients, powers))


def with_bias(rows):
    return np.hstack([np.ones((len(rows), 1)), rows])


def inverse_hessian_bound(x):
    return 1 / (1e-10 + 0.25 * (np.abs(x).T @ np.abs(x)).sum(axis=1))


def run_standard(train, test, y, case):
    mean = train.mean(axis=0)
    size = np.sqrt(np.mean(np.sum((train - mean) ** 2, axis=1)))
    x, held = with_bias((train - mean) / size), with_bias((test - mean) / size)
    b = inverse_hessian_bound(x)
    s = fitted_sigmoid(case["degree"], case["range"])
    w = np.zeros((y.shape[1], x.shape[1]))
    v = w.copy()
    a = 1.0
    largest = []
    for _ in range(case["iterations"]):
        a_next = (1 + np.sqrt(1 + 4 * a * a)) / 2
        eta = (1 - a) / a_next
        z = x @ v.T
        largest.append(np.abs(z).max())
        m = v + case["step"] * b * ((y - s(z)).T @ x)
        v = (1 - eta) * m + eta * w
        w = m
        a = a_next
    return w, held @ w.T, largest


def run_chiang2023(train, test, y, case):
    x, held = with_bias(train), with_bias(test)
    b = inverse_hessian_bound(x)
    w = np.full((y.shape[1], x.shape[1]), 0.0128)
    v = w.copy()
    a = 0.01
    largest = []
    for t in range(case["iterations"]):
        a_next = (1 + np.sqrt(1 + 4 * a * a)) / 2
        eta = (1 - a) / a_next
        gamma = 1 / ((t + 1) * len(x))
        z = x @ v.T
        largest.append(np.abs(z).max())
        p = 0.5 + 0.10679534503216294 * z - 0.00038503259805075 * z**3
        m = w + (1 + gamma) * b * ((y - p).T @ x)
        w = (1 - eta) * m + eta * v
        v = m
        a = a_next
    return w, held @ w.T, largest


def run(case):
    train, test = np.array(case["features"]), np.array(case["test"])
    y = np.eye(case["classes"])[case["labels"]]
    method = {"standard": run_standard, "chiang2023": run_chiang2023}[case["preset"]]
    weights, scores, largest = method(train, test, y, case)
    return {"weights": weights.tolist(), "scores": scores.tolist(), "max_abs_z": largest}


def reference_cases():
    rng = np.random.default_rng(2023)
    common = [
        dict(preset="standard", iterations=2, step=12.0, degree=3, range=12.0),
        dict(preset="standard", iterations=6, step=4.0, degree=1, range=8.0),
        dict(preset="standard", iterations=5, step=3.5, degree=5, range=9.5),
        dict(preset="standard", iterations=4, step=2.0, degree=7, range=16.0),
        dict(preset="chiang2023", iterations=1),
        dict(preset="chiang2023", iterations=7),
    ]
    for settings, (n, f, c) in zip(common, [(6, 4, 3), (5, 2, 2), (3, 7, 3), (7, 1, 2), (6, 4, 3), (4, 5, 2)]):
        draw = lambda rows: np.round(np.maximum(rng.normal(0.4, 1.0, (rows, f)), 0), 3)
        yield dict(settings, classes=c, features=draw(n).tolist(), test=draw(2).tolist(),
                   labels=rng.integers(0, c, n).tolist())


def main():
    if sys.argv[1] == "--reference":
        cases = [dict(case, expected=run(case)) for case in reference_cases()]
        with open(sys.argv[2], "w") as file:
            file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    else:
        with open(sys.argv[1]) as file:
            results = [run(case) for case in json.load(file)]
        with open(sys.argv[2], "w") as file:
            json.dump(results, file)


if __name__ == "__main__":
    main()
