"""The tables of docs/learning-quality.md, from the figures that `measure` kept.

The page's prose is the page's own. Each table stands between two comments, which name it, and is
written anew; what stands outside of them is left as it is.
"""

import json
import re

import numpy as np

import sets

bins = 15


def load(results):
    """{set: {seed: {model: figures}}} in the catalogue's order."""
    found = {}
    for entry in sets.catalogue:
        folders = [path for path in (results / entry.name).glob("*") if path.name.isdigit()]
        for folder in sorted(folders, key=lambda path: int(path.name)):
            models = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
            found.setdefault(entry.name, {})[int(folder.name)] = models
    return found


def column(splits, model, figure="accuracy"):
    """{seed: figure} of a model, where it was measured."""
    return {seed: models[model][figure] for seed, models in splits.items()
            if figure in models.get(model, {})}


def mean_and_error(values):
    """Mean and standard error; the error of one value is not known."""
    values = np.asarray(list(values), float)
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return float(values.mean()), float(error)


def differences(splits, model, other, figure="accuracy"):
    """Paired differences, split by split, where both were measured."""
    ours, theirs = column(splits, model, figure), column(splits, other, figure)
    return [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]


def percent(values, sign=""):
    values = list(values)
    if not values:
        return "-"
    mean, error = mean_and_error(values)
    shown = f"{100 * mean:{sign}.1f}"
    return shown if np.isnan(error) else f"{shown} ± {100 * error:.1f}"


def calibration_error(probabilities, labels):
    """Expected calibration error of P(second class) over equal bins of [0, 1]."""
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    error = 0.0
    for one in range(bins):
        inside = index == one
        if inside.any():
            gap = abs(probabilities[inside].mean() - labels[inside].mean())
            error += inside.mean() * gap
    return float(error)


def pooled(results, name, seeds, model):
    """Probabilities and labels of the test parts of several splits, end to end."""
    folders = [results / name / str(seed) for seed in seeds]
    return (np.concatenate([np.load(folder / f"{model}.npy") for folder in folders]),
            np.concatenate([np.load(folder / "labels.npy") for folder in folders]))


def table(header, rows):
    if not rows:
        return "Not measured yet."
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def shape_of(splits):
    return next(models["shape"] for models in splits.values() if "shape" in models)


def title(name, splits):
    shape = shape_of(splits)
    return f"{sets.by_name[name].title}, {shape['rows']:,} x {shape['columns']}, {shape['classes']}"


def names_of(found, groups):
    return [name for name in found if sets.by_name[name].group in groups]


def refusals(splits, model):
    return sum(models[model]["refused"] for models in splits.values() if model in models)


def chosen(splits):
    """What the rehearsal chose most often."""
    choices = [f"{f['feature_extractor']} {f['features']}, {f['iterations']} it."
               for models in splits.values() if not (f := models.get("simulated", {})).get(
                   "refused", True)]
    return max(sorted(set(choices)), key=choices.count) if choices else "-"


def accuracy_table(found, groups):
    rows = []
    for name in names_of(found, groups):
        splits = found[name]
        ours = column(splits, "simulated")
        refused = refusals(splits, "simulated")
        if not ours and not refused and not column(splits, "logistic"):
            continue
        paired = differences(splits, "simulated", "logistic")
        rows.append([
            title(name, splits),
            f"{len(ours)}, {refused} refused" if refused else str(len(ours) or len(splits)),
            f"{100 * np.mean(list(column(splits, 'shape', 'majority').values())):.1f}",
            percent(ours.values()), percent(column(splits, "logistic").values()),
            percent(paired, "+"), f"{100 * min(paired):+.1f}" if paired else "-",
            percent(column(splits, "logistic-same-features").values()),
            percent(column(splits, "ridge").values()), percent(column(splits, "svc").values()),
            chosen(splits),
        ])
    return table(["set, rows x columns, classes", "splits", "majority", "cipherfit",
                  "logistic regression", "difference", "worst split", "on the same features",
                  "ridge", "SVC", "chosen most often"], rows)


def summary(found):
    """What the bars ask of the tables, computed from the sets' means."""
    names = names_of(found, ["tables"])
    rows = {name: differences(found[name], "simulated", "logistic") for name in names}
    means = {name: mean_and_error(values) for name, values in rows.items() if values}
    if not means:
        return "The program was not measured yet on these splits."
    # Only splits that both were measured on, so that the means differ by the mean difference.
    both = {name: column(found[name], "simulated").keys() & column(found[name], "logistic").keys()
            for name in means}
    ours, theirs = (
        np.mean([np.mean([column(found[name], model)[seed] for seed in both[name]])
                 for name in means]) for model in ("simulated", "logistic"))
    overall, error = mean_and_error(mean for mean, _ in means.values())
    below = [name for name, (mean, se) in means.items()
             if mean < 0 and -mean > max(0.025, 2 * np.nan_to_num(se))]
    worst = min(means, key=lambda name: means[name][0])
    refused = sum(refusals(found[name], "simulated") for name in names)
    return table(["over the sets", "figure"], [
        ["sets, splits", f"{len(means)}, {sum(map(len, both.values()))}"],
        ["mean accuracy, cipherfit", f"{100 * ours:.2f} %"],
        ["mean accuracy, logistic regression with the best C", f"{100 * theirs:.2f} %"],
        ["difference, with its standard error over sets",
         f"{100 * overall:+.2f} ± {100 * error:.2f} points"],
        ["splits refused", str(refused)],
        ["worst set", f"{sets.by_name[worst].title}: {percent(rows[worst], '+')}"],
        ["sets below by more than 2.5 points and two standard errors",
         ", ".join(sets.by_name[name].title for name in below) or "none"],
    ])


def balanced_table(found):
    rows = []
    for name in names_of(found, ["imbalanced"]):
        splits = found[name]
        ours = column(splits, "simulated-balanced", "balanced_accuracy")
        if not ours:
            continue
        rows.append([
            title(name, splits), str(len(ours)), percent(ours.values()),
            percent(column(splits, "logistic-balanced", "balanced_accuracy").values()),
            percent(differences(splits, "simulated-balanced", "logistic-balanced",
                                "balanced_accuracy"), "+"),
            percent(column(splits, "simulated", "balanced_accuracy").values()),
            percent(column(splits, "logistic", "balanced_accuracy").values()),
        ])
    return table(["set, rows x columns, classes", "splits", "cipherfit, balanced",
                  "logistic regression, balanced", "difference", "cipherfit, unweighted",
                  "logistic regression, unweighted"], rows)


def calibration_table(found, results):
    rows = []
    for name in found:
        splits = found[name]
        seeds = [seed for seed in splits
                 if all((results / name / str(seed) / f"{model}.npy").is_file()
                        for model in ("simulated", "logistic", "labels"))]
        if not seeds:
            continue
        errors = [calibration_error(*pooled(results, name, seeds, model))
                  for model in ("simulated", "logistic")]
        losses = [np.mean([column(splits, model, "log_loss")[seed] for seed in seeds])
                  for model in ("simulated", "logistic")]
        rows.append([title(name, splits), *(f"{error:.3f}" for error in errors),
                     f"{errors[0] - errors[1]:+.3f}", *(f"{loss:.3f}" for loss in losses)])
    return table(["set, rows x columns, classes", "cipherfit", "logistic regression", "difference",
                  "log loss, cipherfit", "log loss, logistic regression"], rows)


def encrypted_table(found):
    rows = []
    for name in found:
        for seed, models in found[name].items():
            figures = models.get("encrypted")
            if figures is None:
                continue
            if figures["refused"]:
                rows.append([title(name, found[name]), str(seed), "refused"] + ["-"] * 8)
                continue
            rows.append([
                title(name, found[name]), str(seed), f"{100 * figures['accuracy']:.1f}",
                f"{100 * figures['simulated_test_accuracy']:.1f}",
                str(figures["prediction_disagreements"]),
                f"{figures['feature_extractor']} {figures['features']}",
                str(figures["iterations"]), str(figures["levels"]), f"2^{figures['log_n']}",
                f"{figures['train_seconds']:.1f} s", f"{figures['upload_bytes'] / 1e6:,.0f} MB",
            ])
    return table(["set, rows x columns, classes", "split", "encrypted", "twin", "disagreements",
                  "features", "iterations", "levels", "ring", "training", "up"], rows)


def fill(document, tables):
    """The document with every table between its comments; each must be there once."""
    for name, content in tables.items():
        pattern = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        document, count = pattern.subn(lambda match: f"{match[1]}\n{content}\n\n{match[2]}", document)
        if count != 1:
            raise ValueError(f"the page has {count} places for the table '{name}' instead of one")
    return document


def write(results, path):
    found = load(results)
    path.write_text(fill(path.read_text(), {
        "summary": summary(found),
        "tables": accuracy_table(found, ["tables"]),
        "more": accuracy_table(found, ["imbalanced", "more"]),
        "images": accuracy_table(found, ["images"]),
        "balanced": balanced_table(found),
        "calibration": calibration_table(found, results),
        "encrypted": encrypted_table(found),
    }))
