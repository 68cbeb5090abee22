#!/usr/bin/python3
"""Learning curves for every number of principal components and every whitening, in the clear.

    learning_curves.py TRAIN TEST [--sets 6] [--rows 128] [--iterations 8]

TRAIN and TEST are directories that `cipherfit extract` wrote. TRAIN is cut into sets of so many rows;
each is prepared and trained on as docs/design/preprocessing.md and docs/design/training.md say, with
one step for all. Prints the mean share of TEST's rows that are classified right after each
iteration, and for comparison that of scikit-learn's logistic regression with the best C, where
scikit-learn is installed. The step is pinned so that the curves can be compared; the rehearsal
would choose another for each.
"""

import argparse
from pathlib import Path

import numpy as np

components = (32, 64, 96, 112, 127)
whitenings = (0.0, 0.25, 0.5, 0.75, 1.0)


def load(folder):
    return (np.load(folder / "features.npy").astype(float), np.load(folder / "labels.npy"))


def cubic(bound):
    """The sigmoid's least-squares cubic on [-bound, bound]."""
    z = np.linspace(-bound, bound, 4001)
    odd = np.linalg.lstsq(np.stack([z, z**3], axis=1), 1 / (1 + np.exp(-z)) - 0.5, rcond=None)[0]
    return lambda x: 0.5 + odd[0] * x + odd[1] * x**3


def principal_components(rows, count, whitening):
    mean = rows.mean(axis=0)
    _, singular, vectors = np.linalg.svd(rows - mean, full_matrices=False)
    deviation = singular / np.sqrt(len(rows))
    count = min(count, int((deviation > 1e-6 * deviation[0]).sum()))
    return mean, vectors[:count].T * deviation[:count] ** -whitening


def train(rows, labels, classes, iterations, step, bound):
    """The weights after each iteration, bias first, and the largest |z|."""
    factor = 1 / np.sqrt((rows**2).sum() / len(rows))
    x = np.c_[np.ones(len(rows)), rows * factor]
    scale = np.sqrt(1 / (1e-10 + 0.25 * (abs(x).T @ abs(x)).sum(axis=1)))
    xs, y, sigmoid = x * scale, np.eye(classes)[labels], cubic(bound)
    u = m = np.zeros((classes, x.shape[1]))
    a, largest, models = 1.0, 0.0, []
    for _ in range(iterations):
        following = (1 + np.sqrt(1 + 4 * a * a)) / 2
        eta, a = (1 - a) / following, following
        z = xs @ u.T
        largest = max(largest, abs(z).max())
        after = u + step * (y - sigmoid(z)).T @ xs
        u, m = (1 - eta) * after + eta * m, after
        models.append(m * scale * np.append(1, np.full(rows.shape[1], factor)))
    return models, largest


def curve(train_set, test_set, projection, options):
    (rows, labels), (others, truth) = train_set, test_set
    mean, matrix = projection
    classes = int(max(labels.max(), truth.max())) + 1
    models, largest = train((rows - mean) @ matrix, labels, classes, options.iterations,
                            options.step, options.range)
    design = np.c_[np.ones(len(others)), (others - mean) @ matrix]
    return [((design @ w.T).argmax(axis=1) == truth).mean() for w in models], largest


def show(name, curves, options):
    mean = 100 * np.mean([points for points, _ in curves], axis=0)
    note = "" if max(z for _, z in curves) < options.range else "  (|z| left the range)"
    print(f"{name:<28}" + " ".join(f"{value:5.1f}" for value in mean) + note, flush=True)


def show_logistic_regression(sets, test_set):
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        print("logistic regression: scikit-learn is not installed")
        return
    best = [max(LogisticRegression(C=c, max_iter=5000).fit(*part).score(*test_set)
                for c in (0.001, 0.01, 0.1, 1, 10)) for part in sets]
    print(f"{'logistic regression, best C':<28}{100 * np.mean(best):5.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--sets", type=int, default=6)
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--iterations", type=int, default=8)
    parser.add_argument("--step", type=float, default=16)
    parser.add_argument("--range", type=float, default=12)
    options = parser.parse_args()
    (rows, labels), test_set = load(options.train), load(options.test)
    cuts = [slice(i * options.rows, (i + 1) * options.rows) for i in range(options.sets)]
    sets = [(rows[cut], labels[cut]) for cut in cuts]
    show_logistic_regression(sets, test_set)
    print(f"{'components, whitening':<28}" + " ".join(f"{t + 1:>5}" for t in
                                                     range(options.iterations)))
    plain = (lambda part: (part.mean(axis=0), np.eye(part.shape[1])))
    show("centred only", [curve(s, test_set, plain(s[0]), options) for s in sets], options)
    for count in components:
        for whitening in whitenings:
            show(f"{count}, {whitening}",
                 [curve(s, test_set, principal_components(s[0], count, whitening), options)
                  for s in sets], options)


if __name__ == "__main__":
    main()
