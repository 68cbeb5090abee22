#!/usr/bin/python3
"""Independent oracle for metrics and calibrations: their definitions in NumPy, as slow as need be.

    metrics.py metrics_reference.json      writes the committed cases with their results
"""
import json
import sys

import numpy as np


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def auc(p, positive):
    """By all pairs of a row of the class and one of another."""
    a, b = p[positive], p[~positive]
    if len(a) == 0 or len(b) == 0:
        return None
    return float(np.mean((a[:, None] > b) + 0.5 * (a[:, None] == b)))


def calibration_error(p, predicted, labels):
    n, c = p.shape
    total = 0.0
    for b in range(15):
        chosen = []
        for i in range(n):
            k = 1 if c == 2 else predicted[i]
            if min(int(p[i, k] * 15), 14) == b:
                chosen.append((p[i, k], float(labels[i] == k)))
        if chosen:
            confidence, right = np.mean(chosen, axis=0)
            total += len(chosen) / n * abs(confidence - right)
    return total


def metrics(p, predicted, labels):
    n, c = p.shape
    recall, precision, area = [], [], []
    for k in range(c):
        of_class, as_class = labels == k, predicted == k
        right = int((of_class & as_class).sum())
        recall.append(right / of_class.sum() if of_class.any() else None)
        precision.append(right / as_class.sum() if as_class.any() else None)
        area.append(auc(p[:, k], of_class))
    known = [v for v in recall if v is not None]
    areas = [v for v in area if v is not None]
    return {"accuracy": float((predicted == labels).mean()),
            "majority_baseline": float(np.bincount(labels).max() / n),
            "balanced_accuracy": float(np.mean(known)), "recall": recall, "precision": precision,
            "class_auc": area, "auc": float(np.mean(areas)) if areas else None,
            "log_loss": float(-np.log(np.clip(p[np.arange(n), labels], 1e-15, 1)).mean()),
            "expected_calibration_error": float(calibration_error(p, predicted, labels))}


def golden(f, low, high):
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(80):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if f(a) < f(b) else (a, high)
    return (low + high) / 2


def calibrate(scores, labels, weights):
    """Coordinate descent by golden sections on the smoothed, weighted cross-entropy."""
    n, c = scores.shape
    counts = np.bincount(labels, minlength=c)
    others = 1 / (counts[labels] + 2)
    targets = np.repeat((others / (c - 1))[:, None], c, axis=1)
    targets[np.arange(n), labels] = 1 - others
    w = weights / weights.sum()

    def loss(scale, offsets):
        z = scale * scores + offsets
        z = z - z.max(axis=1, keepdims=True)
        return float(w @ (np.log(np.exp(z).sum(axis=1)) - (targets * z).sum(axis=1)))

    scale, offsets, last = 1.0, np.zeros(c), np.inf
    for _ in range(2000):
        scale = golden(lambda a: loss(a, offsets), 0.0, 4 * scale + 1)
        for k in range(c):
            def moved(d, k=k):
                return loss(scale, offsets + d * (np.arange(c) == k))
            offsets = offsets + golden(moved, -3, 3) * (np.arange(c) == k)
        now = loss(scale, offsets)
        if last - now < 1e-15:
            break
        last = now
    return {"probabilities": softmax(scale * scores + offsets).tolist(), "loss": now}


def reference():
    random = np.random.default_rng(11)
    cases = []
    for n, c, kind in ((60, 2, "plain"), (90, 3, "plain"), (40, 2, "ties"), (50, 5, "absent"),
                       (30, 3, "certain")):
        labels = random.integers(0, c - (kind == "absent"), n)
        scores = random.normal(size=(n, c)) + 1.2 * np.eye(c)[labels]
        if kind == "ties":
            scores = np.round(scores)
        p = np.eye(c)[labels] if kind == "certain" else softmax(scores)
        if kind == "certain":
            p[0] = np.roll(p[0], 1)
        predicted = p.argmax(axis=1)
        cases.append({"probabilities": p.tolist(), "labels": labels.tolist(),
                      "predicted": predicted.tolist(),
                      "expected": metrics(p, predicted, labels)})
    fits = []
    for n, c, size, weighted in ((80, 2, 0.05, False), (120, 2, 3.0, True), (90, 3, 0.2, False),
                                 (150, 4, 1.0, True)):
        labels = np.minimum(random.integers(0, 2 * c, n), c - 1)
        scores = size * (random.normal(size=(n, c)) + np.eye(c)[labels])
        weights = 1.0 + labels if weighted else np.ones(n)
        fits.append({"scores": scores.tolist(), "labels": labels.tolist(),
                     "weights": weights.tolist() if weighted else [],
                     "expected": calibrate(scores, labels, weights)})
    return {"metrics": cases, "calibrations": fits}


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="ascii") as file:
        json.dump(reference(), file)
        file.write("\n")
