"""The joint training in the clear, on rows that the script alone has all of."""

import numpy as np

resolution = 2.0**-21  # half a unit of the published sums' fixed point


def public_features(steps, rows):
    """What a charter's public map makes of rows, by the steps of docs/reference/pipeline.md that
    come before the projection."""
    for step in steps:
        if step["op"] == "pool_convolutions":
            rows = np.concatenate([pooled(step, rows[i : i + 1000])
                                   for i in range(0, len(rows), 1000)])
        elif step["op"] == "unit_rows":
            rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)
        elif step["op"] == "scale":
            rows = np.clip((rows - step["mean"]) * step["factor"], -step["clip"], step["clip"])
        elif step["op"] == "cosines":
            phases = np.array(step["phases"])
            rows = np.sqrt(2 / len(phases)) * np.cos(rows @ np.array(step["frequencies"]) + phases)
    return rows


def pooled(step, images):
    size, grid = step["filter_size"], step["grid"]
    filters = np.array(step["filters"], np.float32).reshape(-1, size * size)
    images = images.reshape(-1, step["height"], step["width"]).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))
    high, wide = windows.shape[1:3]
    answers = windows.reshape(-1, size * size) @ filters.T - np.float32(step["threshold"])
    answers = np.maximum(answers, 0).reshape(len(images), high, wide, -1)
    ends = lambda n: [k * n // grid for k in range(grid + 1)]
    cells = [answers[:, top:bottom, left:right].mean(axis=(1, 2), dtype=np.float64)
             for top, bottom in zip(ends(high), ends(high)[1:])
             for left, right in zip(ends(wide), ends(wide)[1:])]
    return np.concatenate(cells, axis=1)


def preparation(terms, rows):
    """The map x -> (x - mean) P of the rows' sums, as docs/design/multiparty.md has it."""
    kind, components = terms["preparation"], terms["components"]
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
    kept, largest = vectors[:, ::-1][:, :components], values[::-1][:components]
    if kind == "whitened":
        ridge = terms["whitening_ridge"] * np.maximum(values, 0).sum()
        return mean, kept / np.sqrt(np.maximum(largest, 0) + ridge)
    return mean, kept / np.sqrt(largest.sum())


def check_whitening(terms, rows, mean, projection):
    """How far the members' components are from those of the rows' covariance: the largest entry of
    P^T C P outside of its diagonal, and of the diagonal less s^2 / (s^2 + ridge T)."""
    covariance = rows.T @ rows / len(rows) - np.outer(rows.mean(axis=0), rows.mean(axis=0))
    values = np.maximum(np.linalg.eigvalsh(covariance)[::-1], 0)
    kept = values[: projection.shape[1]]
    seen = projection.T @ covariance @ projection
    seen -= np.diag(kept / (kept + terms["whitening_ridge"] * values.sum()))
    return max(np.abs(seen).max(), np.abs(rows.mean(axis=0) - mean).max())


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


def shortened(rows, mean, projection, row_bound):
    length = np.linalg.norm((rows - mean) @ projection, axis=1)
    return np.maximum(length - np.sqrt(row_bound**2 - 1), 0).sum()


def whitened_bound(parts, mean, projection, terms):
    """L of whitened columns: the rows, what fixed point may add, and what shortening may."""
    rows = sum(map(len, parts))
    rounding = len(parts) * resolution / rows
    of_mean = np.sqrt(len(mean)) * rounding
    of_covariance = len(mean) * rounding + 2 * of_mean * (np.linalg.norm(mean) + of_mean)
    squares = sum((part**2).sum() for part in parts) / rows
    most = 1 / (terms["whitening_ridge"] * (squares - (mean**2).sum()))
    return rows * (1 + most * of_covariance + np.sqrt(most) * of_mean + 1e-6) + sum(
        shortened(part, mean, projection, terms["row_bound"]) for part in parts)


def train(parts, labels, classes, terms, given=None):
    """Weights (classes x 1 + features, bias first) of members' rows, and those of the prepared
    columns in the plan's units, of which the released ones have noise. `given`: mean and projection
    that were published."""
    rows = np.concatenate(parts)
    mean, projection = given or preparation(terms, rows)
    designs = [design(part, mean, projection, terms["row_bound"]) for part in parts]
    x = np.concatenate(designs)
    y = np.eye(classes)[np.concatenate(labels)] - 0.5
    if classes == 2:  # one column, that of class 1 against class 0
        y = y[:, 1:]
    if terms["preparation"] == "whitened":
        bound = whitened_bound(parts, mean, projection, terms)
    else:
        bound = sum(np.linalg.svd(part, compute_uv=False)[0] ** 2 for part in designs)
    state = chebyshev(x.T @ x / bound, x.T @ y / np.sqrt(len(x) * bound), terms["iterations"],
                      terms["ridge"], terms["lowest"] or terms["ridge"])
    weights = (state * np.sqrt(len(x) / bound)).T
    if classes == 2:
        weights = np.vstack([-weights / 2, weights / 2])
    raw = weights[:, 1:] @ projection.T
    unit = np.sqrt(bound / len(x))
    return np.hstack([weights[:, :1] - (raw @ mean)[:, None], raw]), {
        "mean": mean, "projection": projection, "unit": unit, "prepared": weights}


def in_plan_units(weights, about):
    """Weights of the features as weights of the prepared columns, in the plan's units."""
    prepared = weights[:, 1:] @ np.linalg.pinv(about["projection"]).T
    bias = weights[:, 0] + weights[:, 1:] @ about["mean"]
    return np.hstack([bias[:, None], prepared]) * about["unit"]


def accuracy(weights, rows, labels):
    return float(((rows @ weights[:, 1:].T + weights[:, 0]).argmax(axis=1) == labels).mean())
