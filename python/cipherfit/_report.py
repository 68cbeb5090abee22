"""What a fit says about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_PLAN = ("preset", "solver", "samples", "features", "classes", "iterations", "batches", "batch",
         "decay", "momentum", "bootstraps", "step", "sigmoid", "sigmoid_degree", "security",
         "security_bits", "log_n", "slots", "log_qp", "largest_secure_log_qp", "scale_bits", "levels",
         "levels_per_iteration", "first_iteration_levels", "digits", "special_primes",
         "feature_extractor", "max_abs_z", "rehearsed_accuracy", "calibrated")
_COST = ("key_switches", "evaluation_keys", "upload_ciphertexts", "download_ciphertexts",
         "predicted_evaluation_key_bytes", "predicted_upload_bytes", "predicted_download_bytes",
         "predicted_server_peak_bytes", "predicted_server_threads", "spending")
_SERVER = ("sent_bytes", "model_bytes", "peak_rss_bytes", "training_seconds", "load_seconds",
           "resumed_at", "threads", "isa")


def plan_of(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in _PLAN}


def cost_of(figures: dict[str, Any], server: dict[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in _COST} | {
        name: server[name] for name in _SERVER if name in server}


def _bytes(count: float) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


@dataclass
class TrainingReport:
    """Outcome of a fit: what was chosen, what was sent, how far the model is from the twin's."""

    fhe: str
    choice: str  # of the rehearsal, in a line; empty where nothing was open
    weight_error: float  # largest difference of a weight from the training in the clear
    weight_error_bound: float  # that encryption may cause, predicted
    train_accuracy: float
    figures: dict[str, Any] = field(repr=False)
    timings: dict[str, float] = field(repr=False)
    server: dict[str, Any] = field(repr=False)

    def __str__(self) -> str:
        plan = self.figures
        what = {"execute": "Trained on encrypted data",
                "simulate": "Simulated encrypted training (nothing was encrypted)",
                "disable": "Trained in the clear"}[self.fhe]
        sent = self.server.get("sent_bytes", plan["predicted_upload_bytes"] +
                               plan["predicted_evaluation_key_bytes"])
        rows = [("chosen", self.choice or "nothing was open"),
                ("left the owner" if self.fhe == "execute" else "would leave the owner",
                 f"{plan['upload_ciphertexts']} ciphertexts, {plan['evaluation_keys']} evaluation "
                 f"keys, {_bytes(sent)}"),
                ("ring", f"N = 2^{plan['log_n']}, log2(QP) = {plan['log_qp']:.0f}, "
                         f"{plan['security']}-bit security, {plan['levels']} levels"),
                ("seconds", ", ".join(f"{name.removesuffix('_seconds')} {seconds:.2f}"
                                      for name, seconds in self.timings.items())),
                ("training rows right", f"{100 * self.train_accuracy:.2f} %"),
                ("weights", f"differ from the training in the clear by at most "
                            f"{self.weight_error:.1e} (predicted below {self.weight_error_bound:.1e})")]
        head = (f"{what}: {plan['samples']} rows, {plan['features']} features, {plan['classes']} "
                f"classes, {plan['iterations']} iterations")
        return "\n".join([head, *(f"  {name:<22}{text}" for name, text in rows)])

    def show(self) -> None:
        """Prints the report."""
        print(self)
