"""Runs the program on a split as a user would: `fit` and `predict` with default options."""

import csv
import json
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

kept_figures = [
    "feature_extractor", "features", "iterations", "samples", "classes", "decay", "solver", "step",
    "sigmoid_degree", "levels", "log_n", "security_bits", "test_accuracy", "train_accuracy",
    "simulated_test_accuracy", "rehearsed_accuracy", "prediction_disagreements", "train_seconds",
    "encrypt_seconds", "keygen_seconds", "decrypt_seconds", "server_training_seconds",
    "server_peak_rss_bytes", "upload_bytes", "evaluation_key_bytes", "download_bytes", "isa",
    "threads", "max_abs_z", "max_abs_weight_error", "predicted_weight_error_bound", "version",
]


class Refused(Exception):
    """The program ended with a message, as it does where the user can mend something."""


def run(program, *words):
    result = subprocess.run(
        [str(word) for word in (program, *words)], capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL)
    if result.returncode == 2:
        raise Refused(result.stderr.strip().splitlines()[-1])
    if result.returncode != 0:
        raise subprocess.SubprocessError(f"{' '.join(map(str, words))}: exit status "
                                         f"{result.returncode}: {result.stderr.strip()[-500:]}")
    return result


def write_split(folder, train, test):
    """The split as the arrays that `--train` and `--test` find in a folder."""
    folder.mkdir()
    for part, (rows, labels) in (("train", train), ("test", test)):
        np.save(folder / f"X_{part}.npy", rows)
        np.save(folder / f"y_{part}.npy", labels.astype(np.int64))


def read_predictions(path, classes):
    """Classes, and rows x classes probabilities, of the file that `predict --top CLASSES` wrote.

    The class that is predicted comes first. It has the largest score, and offsets of the
    calibration may give another one a larger probability.
    """
    with path.open() as file:
        lines = list(csv.reader(file))[1:]
    predictions = np.array([int(line[1]) for line in lines])
    probabilities = np.zeros((len(lines), classes))
    for row, line in enumerate(lines):
        for name, probability in zip(line[1::2], line[2::2]):
            probabilities[row, int(name)] = float(probability)
    return predictions, probabilities


def class_means(predictions, labels):
    """Balanced accuracy: the mean over classes of the share that is recognised."""
    return float(np.mean([(predictions[labels == c] == c).mean() for c in np.unique(labels)]))


def accuracy_of(weights, rows, labels):
    """Share of rows that a model with these weights, a row a class and the bias first, has right."""
    scores = rows @ weights[:, 1:].T + weights[:, 0]
    predictions = scores.argmax(axis=1) if len(weights) > 1 else (scores[:, 0] > 0).astype(int)
    return float((predictions == labels).mean())


def figures_of(predictions, probabilities, labels):
    true = probabilities[np.arange(len(labels)), labels]
    return {
        "accuracy": float((predictions == labels).mean()),
        "balanced_accuracy": class_means(predictions, labels),
        "log_loss": float(-np.log(np.clip(true, 1e-12, 1)).mean()),
    }


def processor_seconds():
    """What the programs that ended have used: on a busy machine it says more than the clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def fit_and_predict(program, train, test, *, encrypted, threads, images=None, model=None, more=()):
    """(figures, second class's probabilities or None); a refusal is a figure too: "refused".

    `images` is a folder with the split as IDX files; the program reads those, as images. `model` is
    where the model's directory is kept; it is forgotten unless given.
    """
    classes = int(train[1].max()) + 1
    with tempfile.TemporaryDirectory(prefix="cipherfit-quality-") as holder:
        home = Path(holder)
        out, predictions = home / "run", home / "predictions.csv"
        data = images or home / "data"
        if images:
            rows = ["--data", images / "t10k-images-idx3-ubyte"]
        else:
            write_split(data, train, test)
            rows = ["--data", data / "X_test.npy", "--data-labels", data / "y_test.npy"]
        mode = [] if encrypted else ["--fhe", "simulate"]
        started, used = time.perf_counter(), processor_seconds()
        try:
            run(program, "fit", "--train", data, "--test", data, "--out", out, "--json",
                home / "run.json", "--threads", threads, "--quiet", *mode, *more)
            seconds, used = time.perf_counter() - started, processor_seconds() - used
            run(program, "predict", "--model", out / "model", *rows, "--out", predictions,
                "--top", classes, "--threads", threads, "--quiet")
        except Refused as refusal:
            return {"refused": True, "message": str(refusal),
                    "seconds": time.perf_counter() - started}, None
        told = json.loads((home / "run.json").read_text())
        if model:
            shutil.rmtree(model, ignore_errors=True)
            shutil.copytree(out / "model", model)
        predicted, probabilities = read_predictions(predictions, classes)
    figures = {name: told[name] for name in kept_figures if name in told}
    figures |= figures_of(predicted, probabilities, test[1])
    if abs(figures["accuracy"] - told["test_accuracy"]) > 0.5 / len(test[1]):
        raise ValueError(f"fit says that {told['test_accuracy']} of the test rows are right, "
                         f"the classes that predict wrote say {figures['accuracy']}")
    figures |= {"refused": False, "seconds": seconds, "processor_seconds": used}
    return figures, probabilities[:, 1] if classes == 2 else None
