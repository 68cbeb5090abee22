"""A model's features in NumPy, from its features.json: what scikit-learn is given as 'the same'.

Written from the description in docs/design/preprocessing.md, and checked wherever it is used: with
the model's weights these features must give the classes that `cipherfit predict` gave.
"""

import json
from functools import lru_cache

import numpy as np

words, middle = 312, 156
mask = np.uint64(0xFFFFFFFFFFFFFFFF)
upper, lower = np.uint64(0xFFFFFFFF80000000), np.uint64(0x7FFFFFFF)


class UnknownFeatures(Exception):
    """Features of a kind that this file does not compute."""


def seeded_state(seed):
    state = [seed]
    for index in range(1, words):
        before = state[-1]
        state.append((6364136223846793005 * (before ^ (before >> 62)) + index) % 2**64)
    return np.array(state, np.uint64)


def twist(state):
    """The next 312 words of the 64-bit Mersenne twister; those that need new words come last."""
    def mixed(high, low, far):
        joined = (high & upper) | (low & lower)
        odd = np.where(joined & np.uint64(1), np.uint64(0xB5026F5AA96619E9), np.uint64(0))
        return far ^ (joined >> np.uint64(1)) ^ odd

    following = state.copy()
    following[:middle] = mixed(state[:middle], state[1 : middle + 1], state[middle:])
    following[middle:-1] = mixed(state[middle:-1], state[middle + 1 :], following[: middle - 1])
    following[-1:] = mixed(state[-1:], following[:1], following[middle - 1 : middle])
    return following


def uniforms(seed, count):
    """Numbers in (0, 1] of std::mt19937_64, 53 bits each."""
    state, blocks = seeded_state(seed), []
    for _ in range(-(-count // words)):
        state = twist(state)
        x = state.copy()
        x ^= (x >> np.uint64(29)) & np.uint64(0x5555555555555555)
        x ^= (x << np.uint64(17)) & np.uint64(0x71D67FFFEDA60000)
        x ^= (x << np.uint64(37)) & np.uint64(0xFFF7EEE000000000)
        x ^= x >> np.uint64(43)
        blocks.append(x)
    drawn = np.concatenate(blocks)[:count]
    return ((drawn >> np.uint64(11)).astype(float) + 1.0) * 2.0**-53


@lru_cache(maxsize=4)
def orthogonal_cosines(inputs, count, gamma, seed):
    """Frequencies, inputs x count, and phases of the random Fourier features."""
    drawn = uniforms(seed, 2 * inputs * count + count)
    pairs = drawn[: 2 * inputs * count].reshape(-1, 2)
    gaussians = np.sqrt(-2 * np.log(pairs[:, 0])) * np.cos(2 * np.pi * pairs[:, 1])
    gaussians = gaussians.reshape(count, inputs).T
    frequencies = np.empty((inputs, count))
    for start in range(0, count, inputs):
        block = gaussians[:, start : start + inputs]
        norms = np.linalg.norm(block, axis=0)
        frequencies[:, start : start + inputs] = (
            np.linalg.qr(block)[0] * np.sqrt(2 * gamma) * np.roll(norms, -1))
    return frequencies, 2 * np.pi * drawn[2 * inputs * count :]


def transform(state, rows):
    """The features of rows, as the extractor with this state gives them."""
    if state["kind"] not in ("standardised", "rbf"):
        raise UnknownFeatures(state["kind"])
    phi = (rows - np.array(state["column_means"])) * np.array(state["column_factors"])
    if state["clip"] is not None:
        phi = np.clip(phi, -state["clip"], state["clip"])
    if state["kind"] == "rbf":
        gamma = state["width"] / rows.shape[1]
        frequencies, phases = orthogonal_cosines(
            rows.shape[1], state["cosines"], gamma, state["seed"])
        phi = np.sqrt(2 / len(phases)) * np.cos(phi @ frequencies + phases)
    components = len(state["standard_deviation"])
    projection = np.array(state["projection"]).reshape(-1, components)
    return (phi - np.array(state["mean"])) @ projection


def read(model):
    """A function from rows to the features of a model directory; the rows themselves for `raw`."""
    path = model / "features.json"
    if not path.is_file():
        return lambda rows: rows
    state = json.loads(path.read_text())
    return lambda rows: transform(state, rows)
