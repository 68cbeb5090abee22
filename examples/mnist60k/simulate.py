#!/usr/bin/python3
"""The run of run.sh in the clear: settings compared in float64, before hours are spent on ciphertexts.

    simulate.py [--whiten A ...] [--sigmoid-degree D ...] [--step S ...] [--noise-bits K ...]

Options that may be repeated are tried in all combinations, one line each: the share of the 10,000 test
images that is right after one epoch, mean and standard deviation over some shuffles, the largest
|z| at which a gradient is taken, and the largest entry of the states in scaled coordinates. An
implementation of its own, NumPy alone, of the random convolutions, the principal components, the
preprocessing and the recurrence that include/cipherfit/backbone/random_conv.h and
include/cipherfit/train/{preprocess,recipe,sigmoid}.h define.

The principal components are kept in --cache, so that only the first run takes minutes.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np

root = Path(__file__).resolve().parents[2]
mask = 2**64 - 1


def idx(path):
    raw = path.read_bytes()
    shape = np.frombuffer(raw, ">i4", raw[3], 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def filter_bank(count, size, seed):
    """Zero-mean filters of norm 256, rounded, from SplitMix64."""
    state, taps, bank = seed, size * size, []

    def gaussian():
        nonlocal state
        total = 0
        for _ in range(3):
            state = (state + 0x9E3779B97F4A7C15) & mask
            z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
            z ^= z >> 31
            total += sum((z >> shift) & 0xFFFF for shift in (48, 32, 16, 0))
        return 2 * total - 12 * 65535

    for _ in range(count):
        drawn = [gaussian() for _ in range(taps)]
        centred = np.array([taps * value - sum(drawn) for value in drawn], float)
        scaled = centred * 256 / np.linalg.norm(centred)
        bank.append(np.copysign(np.floor(abs(scaled) + 0.5), scaled))
    return np.array(bank, np.float32)


def pooled(images, options, size=5, threshold=0.3):
    """Rectified responses, averaged over a grid of cells: n x (grid^2 filters)."""
    bank, grid = filter_bank(options.filters, size, options.filter_seed), 4
    side = images.shape[1] - size + 1
    cell, bias = side // grid, np.float32(round(threshold * 255 * 256))
    result = []
    for start in range(0, len(images), 500):
        part = images[start:start + 500].astype(np.float32)
        patches = np.lib.stride_tricks.sliding_window_view(part, (size, size), axis=(1, 2))
        response = np.maximum(patches.reshape(-1, size * size) @ bank.T - bias, 0)
        cells = response.reshape(len(part), grid, cell, grid, cell, -1).sum(axis=(2, 4))
        result.append(cells.reshape(len(part), -1) / (cell * cell * 255 * 256))
    return np.concatenate(result).astype(float)


def principal_components(options):
    """Training and test rows in the basis of the training rows' components, and the deviations."""
    train = pooled(idx(options.data / "train-images-idx3-ubyte"), options)
    test = pooled(idx(options.data / "t10k-images-idx3-ubyte"), options)
    mean = train.mean(axis=0)
    train -= mean
    variance, vectors = np.linalg.eigh(train.T @ train / len(train))
    basis = vectors[:, ::-1][:, :options.pca]
    return train @ basis, (test - mean) @ basis, np.sqrt(variance[::-1][:options.pca])


def cached_components(options):
    name = f"{options.filters}-{options.filter_seed}-{options.pca}.npz"
    file = options.cache / name
    if not file.exists():
        train, test, deviation = principal_components(options)
        options.cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, train=train, test=test, deviation=deviation)
    loaded = np.load(file)
    return loaded["train"], loaded["test"], loaded["deviation"]


def scaled_rows(components, whitening, batch):
    train, test, deviation = components
    train, test = train * deviation**-whitening, test * deviation**-whitening
    factor = 1 / np.sqrt((train**2).sum() / len(train))
    x = np.c_[np.ones(len(train)), train * factor]
    magnitude = abs(x)
    bound = 0.25 * (magnitude * magnitude.sum(axis=1, keepdims=True)).sum(axis=0)
    scale = np.sqrt(len(train) / batch / (1e-10 + bound))
    return x * scale, np.c_[np.ones(len(test)), test * factor] * scale


def fit_sigmoid(degree, bound, nodes=256):
    """Odd coefficients of the least-squares polynomial at Chebyshev nodes."""
    z = bound * np.cos((np.arange(nodes) + 0.5) * np.pi / nodes)
    powers = np.stack([z**k for k in range(1, degree + 1, 2)], axis=1)
    return np.linalg.lstsq(powers, 1 / (1 + np.exp(-z)) - 0.5, rcond=None)[0]


def train(x, y, setting, options, shuffle):
    """The model after every iteration, the largest |z| and the largest entry of the states."""
    odd = fit_sigmoid(setting.degree, setting.range)
    order = np.random.default_rng(shuffle).permutation(len(x))
    batches = -(-len(x) // options.batch)
    noise = np.random.default_rng(shuffle + 1000)
    u = m = np.zeros((y.shape[1], x.shape[1]))
    a, largest_z, largest_state, models = 1.0, 0.0, 0.0, []
    for t in range(options.epochs * batches):
        rows = order[t % batches * options.batch:(t % batches + 1) * options.batch]
        z = x[rows] @ u.T
        largest_z = max(largest_z, abs(z).max())
        if largest_z > 1000:
            break
        p = 0.5 + sum(c * z**(2 * k + 1) for k, c in enumerate(odd))
        following = (1 + np.sqrt(1 + 4 * a * a)) / 2
        eta, a = (1 - a) / following if setting.momentum == "nesterov" else 0.0, following
        after = (1 - setting.decay) * u + setting.step * (y[rows] - p).T @ x[rows]
        u, m = (1 - eta) * after + eta * m, after
        if setting.noise_bits and (t + 1) % options.noise_every == 0:
            size = 2.0**-setting.noise_bits * abs(u).max()
            u, m = (state + noise.normal(0, size, state.shape) for state in (u, m))
        largest_state = max(largest_state, abs(u).max(), abs(m).max())
        models.append(m)
    return models, largest_z, largest_state


def show(rows, labels, setting, options):
    (x, others), (known, truth) = rows, labels
    y = np.eye(10)[known]
    curves, largest_z, largest_state = [], 0.0, 0.0
    for shuffle in range(options.shuffles):
        models, z, state = train(x, y, setting, options, shuffle)
        largest_z, largest_state = max(largest_z, z), max(largest_state, state)
        shown = models if options.curve else models[-1:]
        curves.append([100 * ((others @ m.T).argmax(axis=1) == truth).mean() for m in shown])
    name = " ".join(f"{key} {value}" for key, value in vars(setting).items())
    if largest_z > 1000:
        print(f"{name}: diverges", flush=True)
        return
    last = [curve[-1] for curve in curves]
    print(f"{name}: {np.mean(last):.2f} % +- {np.std(last):.2f}, |z| <= {largest_z:.1f}, "
          f"states <= {largest_state:.0f}", flush=True)
    if options.curve:
        print("  " + " ".join(f"{value:.1f}" for value in np.mean(curves, axis=0)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    searched = {"whiten": (float, 1.0), "degree": (int, 1), "range": (float, 8.0),
                "step": (float, 32.0), "decay": (float, 0.0), "noise_bits": (int, 0),
                "momentum": (str, "none")}
    flags = {"degree": "--sigmoid-degree", "range": "--sigmoid-range"}
    for name, (kind, value) in searched.items():
        flag = flags.get(name, "--" + name.replace("_", "-"))
        choices = ("none", "nesterov") if name == "momentum" else None
        parser.add_argument(flag, dest=name, type=kind, nargs="+", default=[value],
                            choices=choices)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--pca", type=int, default=255)
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--filter-seed", type=int, default=1)
    parser.add_argument("--shuffles", type=int, default=3)
    parser.add_argument("--noise-every", type=int, default=3,
                        help="iterations from one noise of bootstrapping to the next")
    parser.add_argument("--curve", action="store_true", help="accuracy after every iteration")
    parser.add_argument("--data", type=Path, default=root / "data/mnist")
    parser.add_argument("--cache", type=Path, default=root / "out/mnist60k-simulation")
    options = parser.parse_args()
    components = cached_components(options)
    labels = tuple(idx(options.data / name).astype(int)
                   for name in ("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"))
    rows = {a: scaled_rows(components, a, options.batch) for a in options.whiten}
    for values in itertools.product(*(getattr(options, name) for name in searched)):
        setting = argparse.Namespace(**dict(zip(searched, values)))
        show(rows[setting.whiten], labels, setting, options)


if __name__ == "__main__":
    main()
