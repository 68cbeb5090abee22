"""The joint training in the clear, on rows that the script alone has all of."""

import numpy as np


def preparation(kind, components, rows):
    """The map x -> (x - mean) P of the rows' sums, as docs/design/multiparty.md has it."""
    features = rows.shape[1]
    if kind == "none":
        return np.zeros(features), np.eye(features)
    mean = rows.mean(axis=0)
    variances = np.maximum((rows**2).mean(axis=0) - mean**2, 0)
    if kind == "centred":
        return mean, np.eye(features) / np.sqrt(variances.sum())
    if kind == "standardised":
        used = variances > 0
        scale = np.zeros(features)
        scale[used] = 1 / np.sqrt(variances[used] * used.sum())
        return mean, np.diag(scale)
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows) - np.outer(mean, mean))
    kept = vectors[:, ::-1][:, :components]
    return mean, kept / np.sqrt(values[::-1][:components].sum())


def design(rows, mean, projection, row_bound):
    x = (rows - mean) @ projection
    length = np.linalg.norm(x, axis=1, keepdims=True)
    longest = np.sqrt(row_bound**2 - 1)
    return np.hstack([np.ones((len(x), 1)), x * np.minimum(1, longest / np.maximum(length, 1e-300))])


def chebyshev(gram, moments, iterations, ridge, lowest):
    """Chebyshev's semi-iteration for a spectrum in [lowest, 1 + ridge]."""
    centre, radius = (1 + ridge + lowest) / 2, (1 + ridge - lowest) / 2
    ratio, weight = (radius / centre) ** 2, 1.0
    state = before = np.zeros_like(moments)
    for t in range(iterations):
        weight = 1.0 if t == 0 else 1 / (1 - ratio / 2) if t == 1 else 1 / (1 - ratio * weight / 4)
        update = weight / centre
        state, before = ((weight - update * ridge) * state + (1 - weight) * before
                         + update * (moments - gram @ state)), state
    return state


def train(parts, labels, classes, terms):
    """Weights (classes x 1 + features, bias first) of members' rows, and those of the prepared
    columns in the plan's units, of which the released ones have noise."""
    rows = np.concatenate(parts)
    mean, projection = preparation(terms["preparation"], terms["components"], rows)
    designs = [design(part, mean, projection, terms["row_bound"]) for part in parts]
    x = np.concatenate(designs)
    y = np.eye(classes)[np.concatenate(labels)] - 0.5
    if classes == 2:  # one column, that of class 1 against class 0
        y = y[:, 1:]
    bound = sum(np.linalg.svd(part, compute_uv=False)[0] ** 2 for part in designs)
    state = chebyshev(x.T @ x / bound, x.T @ y / np.sqrt(len(x) * bound), terms["iterations"],
                      terms["ridge"], terms["lowest"] or terms["ridge"])
    weights = (state * np.sqrt(len(x) / bound)).T
    if classes == 2:
        weights = np.vstack([-weights / 2, weights / 2])
    raw = weights[:, 1:] @ projection.T
    unit = np.sqrt(bound / len(x))
    return np.hstack([weights[:, :1] - (raw @ mean)[:, None], raw]), {
        "mean": mean, "projection": projection, "unit": unit}


def in_plan_units(weights, about):
    """Weights of the features as weights of the prepared columns, in the plan's units."""
    prepared = weights[:, 1:] @ np.linalg.pinv(about["projection"]).T
    bias = weights[:, 0] + weights[:, 1:] @ about["mean"]
    return np.hstack([bias[:, None], prepared]) * about["unit"]


def accuracy(weights, rows, labels):
    return float(((rows @ weights[:, 1:].T + weights[:, 0]).argmax(axis=1) == labels).mean())
