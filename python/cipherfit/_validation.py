"""Checking of rows, over the versions of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

try:
    from sklearn.utils.validation import validate_data as _validate_data
except ImportError:  # before 1.6

    def _validate_data(estimator: Any, **arguments: Any) -> Any:
        return estimator._validate_data(**arguments)


def checked(estimator: Any, X: Any, y: Any = None, fitting: bool | None = None) -> Any:
    """X as rows of doubles; with `fitting` given, X and y."""
    arguments: dict[str, Any] = {"dtype": np.float64, "order": "C", "reset": bool(fitting)}
    if fitting is None:
        return np.ascontiguousarray(_validate_data(estimator, X=X, **arguments))
    if fitting:
        arguments["ensure_min_samples"] = 2
    X, y = _validate_data(estimator, X=X, y=y, **arguments)
    return np.ascontiguousarray(X), y


def checked_rows(estimator: Any, X: Any, fitting: bool) -> np.ndarray:
    """X as rows of doubles, for transformers."""
    arguments: dict[str, Any] = {"dtype": np.float64, "order": "C", "reset": fitting}
    if fitting:
        arguments["ensure_min_samples"] = 2
    return np.ascontiguousarray(_validate_data(estimator, X=X, **arguments))


def seed_of(random_state: Any) -> int:
    """A seed as the library takes it; None is 1, as the command line has it."""
    if random_state is None:
        return 1
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
