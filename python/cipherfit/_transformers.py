"""Features that are made in the clear before encryption, as scikit-learn transformers.

They are those of the programs, to the last bit: ``EncryptedClassifier(features="rbf", ...)`` and
``cipherfit fit --features rbf`` train on the same numbers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from . import _core
from ._errors import InputError
from ._progress import Report, shown
from ._validation import checked_rows, seed_of


class _Features(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What the two have in common."""

    progress: bool | str | Report
    random_state: Any

    def _options(self) -> dict[str, Any]:
        raise NotImplementedError

    def _image(self) -> tuple[int, int] | None:
        return None

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learns means, filters and components from the rows of X; y is not used."""
        X = checked_rows(self, X, fitting=True)
        options = {**self._options(), "seed": seed_of(self.random_state)}
        with shown(self.progress) as report:
            self.features_ = _core.fit_features(X, options, self._image(), report)
        self._n_features_out = int(self.features_.output_dimension)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Features of the rows of X; each depends on its own row alone."""
        check_is_fitted(self)
        X = checked_rows(self, X, fitting=False)
        with shown(self.progress) as report:
            return self.features_.transform(X, report)


class RandomFourierFeatures(_Features):
    """Whitened random cosines of standardised columns: for what no line separates.

    sqrt(2 / D) cos(W s + b) of the standardised, clipped columns s, which approximate the kernel
    exp(-(width / d) |s - s'|^2) of d columns, then whitened principal components (Rahimi and Recht,
    NIPS 2007). ``--features rbf`` of the command line.

    Parameters
    ----------
    width : float
        gamma times the number of columns.
    cosines : int
        Number of cosines, D.
    components : int, optional
        Components to keep; all that there are, at most 1023, unless given.
    ridge : float
        Added to the components' variances, in units of the total.
    random_state : int, optional
        Seed of W and b; None is 1.
    """

    def __init__(self, *, width: float = 0.1, cosines: int = 1024, components: int | None = None,
                 ridge: float = 1e-3, random_state: Any = None,
                 progress: bool | str | Report = False) -> None:
        self.width = width
        self.cosines = cosines
        self.components = components
        self.ridge = ridge
        self.random_state = random_state
        self.progress = progress

    def _options(self) -> dict[str, Any]:
        return {"features": "rbf", "rbf_width": self.width, "rbf_cosines": self.cosines,
                "components": self.components, "ridge": self.ridge}


class RandomConvFeatures(_Features):
    """Pooled random convolutions of grey images, then principal components.

    Rows are pixels with the values 0 to 255, from the top left corner. ``--features random-conv`` of
    the command line.

    Parameters
    ----------
    image_shape : (int, int), optional
        Height and width; square unless given.
    components : int, optional
        Components to keep; the library's own number unless given.
    threshold : float, optional
        Of the rectifier, in units of a white pixel.
    filters : int
        Number of random filters.
    normalise : bool
        Divide the answers to an image by their norm, so that brightness and thickness drop out.
    whitening : float, optional
        0 (plain components) to 1.
    ridge : float, optional
        Whitens entirely, with this share of the total variance added to the components' variances.
    random_state : int, optional
        Seed of the filters; None is 1.
    """

    def __init__(self, *, image_shape: tuple[int, int] | None = None, components: int | None = None,
                 threshold: float | None = None, filters: int = 64, normalise: bool = False,
                 whitening: float | None = None, ridge: float | None = None, random_state: Any = None,
                 progress: bool | str | Report = False) -> None:
        self.image_shape = image_shape
        self.components = components
        self.threshold = threshold
        self.filters = filters
        self.normalise = normalise
        self.whitening = whitening
        self.ridge = ridge
        self.random_state = random_state
        self.progress = progress

    def _image(self) -> tuple[int, int] | None:
        return None if self.image_shape is None else (self.image_shape[0], self.image_shape[1])

    def _options(self) -> dict[str, Any]:
        return {"features": "random-conv", "components": self.components,
                "conv_threshold": self.threshold, "conv_filters": self.filters,
                "conv_normalise": self.normalise, "whitening": self.whitening, "ridge": self.ridge}


class CnnFeatures(TransformerMixin, BaseEstimator):
    """Features of pictures by a convolutional network from an ONNX file.

    ``cipherfit extract`` makes the same numbers. Pictures are paths of PNG and JPEG files, or uint8
    arrays of height x width (grey) or height x width x 3 (red, green, blue).

    Parameters
    ----------
    network : path
        The ONNX file.
    description : dict or path, optional
        How pictures enter the network (docs/guides/your-own-images.md); the JSON file beside the
        network, if there is one, unless given.
    """

    def __init__(self, network: str | os.PathLike[str], *,
                 description: Mapping[str, Any] | str | os.PathLike[str] | None = None,
                 progress: bool | str | Report = "auto") -> None:
        self.network = network
        self.description = description
        self.progress = progress

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_opened"}

    def _open(self) -> Any:
        from . import _cnn  # OpenCV comes with it: only where it is asked for

        asked = (os.fspath(self.network), repr(self.description))
        if getattr(self, "_opened", (None,))[0] != asked:
            if isinstance(self.description, Mapping):
                network = _cnn.open(asked[0], json.dumps(dict(self.description)))
            else:
                beside = self.description or Path(self.network).with_suffix(".json")
                network = _cnn.open_with_file(asked[0], os.fspath(beside))
            self._opened = (asked, network)
        return self._opened[1]

    def fit(self, X: Any = None, y: Any = None) -> CnnFeatures:
        """Opens the network; there is nothing to learn."""
        self._open()
        return self

    def transform(self, X: Sequence[Any]) -> np.ndarray:
        """A row of features for each picture, as float32."""
        pictures = list(X)
        if not pictures:
            raise InputError("there is no picture: give a list of at least one", "bad_input")
        network = self._open()
        with shown(self.progress) as report:
            if all(isinstance(picture, (str, os.PathLike)) for picture in pictures):
                return network.run_files([os.fspath(picture) for picture in pictures], report)
            return network.run([np.ascontiguousarray(picture) for picture in pictures], report)

    @property
    def fingerprint_(self) -> str:
        """SHA-256 of the file and of all that decides how pictures go in."""
        return self._open().fingerprint
