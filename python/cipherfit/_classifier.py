"""EncryptedClassifier: scikit-learn's interface to training on encrypted data."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Bunch
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from . import _core
from ._client import Client
from ._errors import InputError
from ._progress import Report, shown
from ._server import run_server, server_figures, trained_seconds
from ._report import TrainingReport, cost_of, plan_of
from ._validation import checked, seed_of

# Parameters that go to the library as they are.
_OPTIONS = ("features", "components", "iterations", "epochs", "batch", "parts", "decay", "momentum", "ridge",
            "rbf_width", "rbf_cosines", "whitening", "conv_threshold", "conv_filters", "conv_normalise",
            "preset", "solver", "gram",
            "sigmoid_degree", "sigmoid_range", "step", "final_step", "rehearse", "prefer_accuracy",
            "security", "log_n", "scale_bits", "memory_limit_gb", "most_ciphertexts", "models_every")


class _Rows(NamedTuple):
    X: np.ndarray
    labels: np.ndarray  # indices into classes
    classes: np.ndarray
    seed: int


class EncryptedClassifier(ClassifierMixin, BaseEstimator):
    """A linear classifier that a server trains on ciphertexts.

    ``fit`` does what the command ``cipherfit fit`` does: it chooses features and recipe on held-out
    training rows in the clear, makes a key, encrypts, has a server process train on the ciphertexts,
    decrypts the model once, and holds it to the same training in the clear. The server is a process
    of its own, the program ``cipherfit-server`` that the package carries: it gets a job directory and
    nothing else, and no code in it can hold a secret key.

    Parameters
    ----------
    features : {"auto", "raw", "standardised", "rbf", "random-conv", "random-conv+rbf", "pca", \
"pca+rbf"}
        What is trained on. "standardised" keeps the model linear in the columns (``coef_``), "rbf"
        adds random Fourier features, "random-conv" is for grey images (``image_shape``); "auto"
        chooses on held-out rows.
    components : int, optional
        Principal components to keep; chosen unless given.
    iterations : int, optional
        Iterations on ciphertexts; chosen from 1, 2, 4 and 8 unless given.
    fhe : {"execute", "simulate", "disable"}
        "execute" encrypts. "simulate" trains in the clear with noise of the predicted size, for
        searches. "disable" trains in the clear.
    class_weight : dict or "balanced", optional
        Weights of the classes' rows. Classes that a dict leaves out have the weight 1.
    prior : dict or "balanced", optional
        Shares of the classes where the model will be used; needs a rehearsal.
    random_state : int, RandomState instance, optional
        Seed of features, folds and simulated noise; None is the command line's 1, so that fits
        repeat. Keys and encryption always draw from the system.
    image_shape : (int, int), optional
        Height and width where rows are grey images with the values 0 to 255.
    workdir : path, optional
        A directory that keeps the key, the job and its checkpoints. ``fit`` with the same rows and
        parameters goes on where an earlier one was stopped. The key is stored there in the clear,
        readable by its user alone. None: a temporary directory for the job, and the key stays in
        memory.
    server, identity : str and path, optional
        "HOST:PORT" of a service (``cipherfit-server serve``) that trains in place of the local
        server process, and the directory with this client's certificate (``Client``).
    checkpoint_every : int
        Iterations after which the server writes a checkpoint to go on from.
    threads : int, optional
        Threads of this process and of the server; all unless given.
    progress : bool, "auto" or callable
        Progress bars (if tqdm is installed), or a function of (phase, share, detail).
    epochs, batch, parts, decay, momentum, ridge, rbf_width, rbf_cosines, whitening, conv_threshold, \
conv_filters, conv_normalise, preset, \
solver, gram, sigmoid_degree, sigmoid_range, step, final_step, rehearse, prefer_accuracy, security, \
log_n, scale_bits, memory_limit_gb, most_ciphertexts, models_every
        As the command line's options of the same names; chosen or planned unless given.

    Attributes
    ----------
    classes_ : ndarray of the class labels, ascending.
    coef_, intercept_ : weights of the columns, where the model is linear in them ("raw",
        "standardised"); elsewhere use ``permutation_importance``.
    n_features_in_, feature_names_in_ : of the rows that were trained on.
    n_iter_ : iterations that were run.
    report_ : TrainingReport; ``report_.show()`` prints it.
    plan_ : dict; ring, levels and recipe.
    cost_ : dict; bytes, memory and operations, predicted and, after "execute", measured.
    """

    def __init__(self, *, features: str = "auto", components: int | None = None,
                 iterations: int | None = None, fhe: str = "execute",
                 class_weight: Mapping[Any, float] | str | None = None,
                 prior: Mapping[Any, float] | str | None = None,
                 random_state: Any = None, image_shape: tuple[int, int] | None = None,
                 workdir: str | os.PathLike[str] | None = None, server: str | None = None,
                 identity: str | os.PathLike[str] | None = None, checkpoint_every: int = 1,
                 threads: int | None = None, progress: bool | str | Report = "auto",
                 epochs: int | None = None, batch: int | None = None, parts: int | None = None,
                 decay: float | None = None,
                 momentum: str = "nesterov", ridge: float | None = None,
                 rbf_width: float | None = None, rbf_cosines: int = 1024,
                 whitening: float | None = None, conv_threshold: float | None = None,
                 conv_filters: int = 64, conv_normalise: bool = False,
                 preset: str = "standard", solver: str = "auto", gram: str = "owner",
                 sigmoid_degree: int | None = None, sigmoid_range: float | None = None,
                 step: float | None = None, final_step: float | None = None, rehearse: bool = True,
                 prefer_accuracy: bool = False, security: str = "128", log_n: int | None = None,
                 scale_bits: int | None = None, memory_limit_gb: float | None = None,
                 most_ciphertexts: int | None = None, models_every: int | None = None) -> None:
        self.features = features
        self.components = components
        self.iterations = iterations
        self.fhe = fhe
        self.class_weight = class_weight
        self.prior = prior
        self.random_state = random_state
        self.image_shape = image_shape
        self.workdir = workdir
        self.server = server
        self.identity = identity
        self.checkpoint_every = checkpoint_every
        self.threads = threads
        self.progress = progress
        self.epochs = epochs
        self.batch = batch
        self.parts = parts
        self.decay = decay
        self.momentum = momentum
        self.ridge = ridge
        self.rbf_width = rbf_width
        self.rbf_cosines = rbf_cosines
        self.whitening = whitening
        self.conv_threshold = conv_threshold
        self.conv_filters = conv_filters
        self.conv_normalise = conv_normalise
        self.preset = preset
        self.solver = solver
        self.gram = gram
        self.sigmoid_degree = sigmoid_degree
        self.sigmoid_range = sigmoid_range
        self.step = step
        self.final_step = final_step
        self.rehearse = rehearse
        self.prefer_accuracy = prefer_accuracy
        self.security = security
        self.log_n = log_n
        self.scale_bits = scale_bits
        self.memory_limit_gb = memory_limit_gb
        self.most_ciphertexts = most_ciphertexts
        self.models_every = models_every

    # --- Training ---

    def fit(self, X: Any, y: Any) -> EncryptedClassifier:
        """Trains on the rows of X with the labels y, under encryption unless ``fhe`` says otherwise.

        Raises InputError (a ValueError) for rows and parameters that cannot be used. Ctrl-C stops
        the work at its next safe point; with a ``workdir`` the next fit goes on there.
        """
        if self.fhe not in ("execute", "simulate", "disable"):
            raise InputError(f"fhe={self.fhe!r}: give 'execute', 'simulate' or 'disable'",
                             "invalid_argument")
        client = self._client()
        rows = self._rows(X, y)
        with shown(self.progress) as report, self._directories() as (owner, job):
            started = time.monotonic()
            planned = self._plan(rows, owner, report)
            timings = {"plan_seconds": time.monotonic() - started}
            server: dict[str, Any] = {}
            if self.fhe == "execute":
                model, server = self._execute(planned, job, client, timings, report)
            elif self.fhe == "simulate":
                model = planned.simulate(rows.seed, report)
            else:
                model = planned.twin()
        return self._finish(rows, planned, model, timings, server)

    def _rows(self, X: Any, y: Any) -> _Rows:
        X, y = checked(self, X, y, fitting=True)
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise InputError("y has one class only, and a classifier needs two: give rows of another "
                             "class as well", "bad_input")
        if self.threads is not None:
            _core.set_threads(self.threads)
        return _Rows(X, labels, classes, seed_of(self.random_state))

    def _finish(self, rows: _Rows, planned: Any, model: Any, timings: dict[str, float],
                server: dict[str, Any]) -> EncryptedClassifier:
        self.classes_ = rows.classes
        self._set_model(model)
        figures = json.loads(planned.figures())
        self.plan_ = plan_of(figures)
        self.cost_ = cost_of(figures, server)
        self.n_iter_ = int(figures["iterations"])
        self.report_ = TrainingReport(
            fhe=self.fhe, choice=planned.choice, figures=figures, timings=timings, server=server,
            weight_error=planned.weight_error(model),
            weight_error_bound=figures["predicted_weight_error_bound"],
            train_accuracy=float(np.mean(self._indices(rows.X) == rows.labels)))
        return self

    def _plan(self, rows: _Rows, owner: str | None, report: Report | None) -> Any:
        options = {name: getattr(self, name) for name in _OPTIONS}
        options["seed"] = rows.seed
        weights = self._class_numbers("class_weight", rows.classes, 1.0, options)
        prior = self._class_numbers("prior", rows.classes, None, options)
        columns = getattr(self, "feature_names_in_", ())
        image = None if self.image_shape is None else tuple(self.image_shape)
        return _core.plan(rows.X, rows.labels.astype(np.int32), [str(name) for name in rows.classes],
                          [str(name) for name in columns], options, weights, prior, image, owner,
                          report)

    def _class_numbers(self, name: str, classes: np.ndarray, default: float | None,
                       options: dict[str, Any]) -> np.ndarray | None:
        """A number for each class, or None; "balanced" is left to the library."""
        given = getattr(self, name)
        if given is None:
            return None
        if isinstance(given, str):
            options[name] = given
            return None
        numbers = np.array([given.get(label, default) for label in classes.tolist()], dtype=object)
        missing = [label for label, number in zip(classes, numbers) if number is None]
        unknown = [label for label in given if label not in classes.tolist()]
        if missing or unknown:
            raise InputError(
                f"{name}: {'misses' if missing else 'names'} {(missing or unknown)[0]!r}, "
                f"which is {'a' if missing else 'no'} class of y: give every class a number",
                "bad_input")
        return numbers.astype(np.float64)

    def _client(self) -> Client | None:
        if (self.server is None) != (self.identity is None):
            raise InputError("server and identity go together: give both, or none", "invalid_argument")
        return None if self.server is None else Client(self.server, self.identity)

    def _execute(self, planned: Any, job: str, client: Client | None, timings: dict[str, float],
                 report: Report | None) -> tuple[Any, dict[str, Any]]:
        def timed(name: str, step: Any, *arguments: Any) -> Any:
            started = time.monotonic()
            result = step(*arguments)
            timings[name] = time.monotonic() - started
            return result

        timed("send_seconds", planned.send, job, report)
        if client is None:
            timed("train_seconds", run_server, job, self.threads, self.checkpoint_every, report)
        elif not Path(job, "model.cft").exists():
            timed("service_seconds", client._train, job, self.checkpoint_every, report)
            timings["train_seconds"] = trained_seconds(job)
        model = timed("decrypt_seconds", planned.decrypt, job, report)
        if "service_seconds" in timings:
            client._forget_quietly(job)
        return model, server_figures(job)

    @contextlib.contextmanager
    def _directories(self) -> Iterator[tuple[str | None, str]]:
        """The owner's directory, or None, and the job's, by absolute paths."""
        if self.fhe != "execute":
            yield None, ""
        elif self.workdir is None:
            with tempfile.TemporaryDirectory(prefix="cipherfit-") as directory:
                yield None, directory
        else:
            work = Path(self.workdir).absolute()
            work.mkdir(parents=True, exist_ok=True)
            owner, job = work / "owner", work / "job"
            owner.mkdir(mode=0o700, exist_ok=True)
            owner.chmod(0o700)
            job.mkdir(exist_ok=True)
            yield str(owner), str(job)

    def _set_model(self, model: Any) -> None:
        self.model_ = model
        weights = model.column_weights()
        for name in ("coef_", "intercept_"):
            self.__dict__.pop(name, None)
        if weights is not None:
            if len(weights) == 2:  # as scikit-learn has it, the second class against the first
                weights = weights[1:] - weights[:1]
            self.coef_ = np.ascontiguousarray(weights[:, 1:])
            self.intercept_ = weights[:, 0].copy()

    def __getattr__(self, name: str) -> Any:
        if name in ("coef_", "intercept_") and "model_" in self.__dict__:
            raise AttributeError(
                f"there is no {name}: the model is not linear in the columns of X (its features are "
                f"{self.model_.extractor!r}); fit with features='standardised', or ask "
                "permutation_importance(X, y)")
        if name == "partial_fit":
            raise AttributeError(
                "there is no partial_fit: an encrypted training is planned as a whole, its levels, "
                "keys and noise bounds are those of one run on fixed rows; fit anew on all rows")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # --- Use ---

    def _scores(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self.model_.scores(checked(self, X))

    def _indices(self, X: np.ndarray) -> np.ndarray:
        return np.argmax(self.model_.scores(X), axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """The class of the largest score, of every row."""
        scores = self._scores(X)
        return self.classes_[np.argmax(scores, axis=1)]

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores: one a row for two classes (of the second against the first), else one a class."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes, calibrated on rows that the rehearsal held out.

        Where the calibration shifts classes, as with unequal sizes, the most probable class may
        differ from ``predict``, which takes the largest score, as the command line does.
        """
        scores = self._scores(X)
        return self.model_.probabilities(scores)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithms of ``predict_proba``."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def permutation_importance(self, X: Any, y: Any, n_repeats: int = 5,
                               random_state: Any = None) -> Bunch:
        """Accuracy that is lost where a column's values are those of other rows (Breiman 2001).

        Returns a Bunch with ``importances_mean`` and ``importances_std``, its standard error.
        """
        check_is_fitted(self)
        X, y = checked(self, X, y, fitting=False)
        index = {label: k for k, label in enumerate(self.classes_.tolist())}
        unknown = [label for label in np.unique(y).tolist() if label not in index]
        if unknown:
            raise InputError(f"y: {unknown[0]!r} is no class that was trained: leave such rows out",
                             "bad_input")
        labels = np.array([index[label] for label in np.asarray(y).tolist()], dtype=np.int32)
        lost = self.model_.importances(X, labels, n_repeats, seed_of(random_state))
        return Bunch(importances_mean=lost[:, 0].copy(), importances_std=lost[:, 1].copy())
