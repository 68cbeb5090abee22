"""CKKS on NumPy arrays: encrypted vectors of real or complex numbers, with operators.

    from cipherfit import ckks
    parameters = ckks.Parameters(log_n=14, q_bits=[50, 40, 40, 40, 40], p_bits=[48] * 3, digits=2)
    key = ckks.SecretKey(parameters)                                  # the owner's
    evaluator = ckks.Evaluator(key.evaluation_keys(rotations=[3]))    # the computing party's
    x = key.encrypt(values, evaluator=evaluator)
    print(key.decrypt(x * x * 0.5 + 1))

Numbers are approximate: every operation adds a small error. Levels, scales and precision can be
asked for, misuse raises an exception with both values and the remedy. What the engine checks it
checks here as well.
"""

from __future__ import annotations

from collections.abc import Callable

from ._core.ckks import (Ciphertext, EncryptedMatrix, EvaluationKeys, Evaluator, LaneLayout,
                         Parameters, Polynomial, Precision, SecretKey, write)

__all__ = ["Ciphertext", "EncryptedMatrix", "EvaluationKeys", "Evaluator", "LaneLayout",
           "Parameters", "Polynomial", "Precision", "SecretKey", "fit", "write"]


def fit(function: Callable[[float], float], a: float, b: float, degree: int) -> Polynomial:
    """The polynomial that interpolates the function on [a, b], for ``Ciphertext.evaluate``."""
    return Polynomial.fit(function, a, b, degree)
