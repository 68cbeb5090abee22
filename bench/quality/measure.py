"""Measures sets and splits, and keeps what it found: RESULTS/SET/SEED/MODEL.json."""

import json
import platform
import warnings

import numpy as np

import baselines as reference
import features
import program as cipherfit
import sets

# Splits whose models are kept, for logistic regression on the same features.
kept_models = 3


def chosen(names):
    """The sets that a list of names and groups stands for, in the catalogue's order."""
    if not names:
        return sets.catalogue
    wanted = names.split(",")
    known = {entry.name for entry in sets.catalogue} | {entry.group for entry in sets.catalogue}
    for name in wanted:
        if name not in known:
            raise ValueError(f"unknown set or group '{name}'; known are {', '.join(sorted(known))}")
    return [entry for entry in sets.catalogue if {entry.name, entry.group} & set(wanted)]


def keep(folder, name, figures, probabilities=None):
    """Writes figures, and the second class's probability of every test row; whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    if probabilities is not None:
        np.save(folder / f"{name}.npy", np.asarray(probabilities, np.float32))
    part = folder / f"{name}.json.part"
    part.write_text(json.dumps(figures, indent=1) + "\n")
    part.replace(folder / f"{name}.json")


def keep_shape(folder, train, test):
    """What the tables say of a split, and its test labels, which calibration is computed with."""
    shape = {
        "rows": len(train[1]) + len(test[1]),
        "training_rows": len(train[1]),
        "columns": train[0].shape[1],
        "classes": int(train[1].max()) + 1,
        "majority": float((test[1] == np.bincount(train[1]).argmax()).mean()),
    }
    keep(folder, "shape", shape)
    np.save(folder / "labels.npy", test[1].astype(np.uint8))


def each_split(options):
    """All sets' first splits, then their second ones, so that a run may end at any time."""
    for seed in options.splits:
        for entry in chosen(options.sets):
            if entry.source == "idx" and seed > 0:
                continue
            rows, labels, names, class_names = sets.load(entry)
            train, test = sets.split(entry, labels, seed)
            folder = options.results / entry.name / str(seed)
            split = (rows[train], labels[train]), (rows[test], labels[test])
            keep_shape(folder, *split)
            yield entry, seed, folder, *split


def say(entry, seed, name, figures):
    accuracy = figures.get("accuracy")
    found = f"{100 * accuracy:.2f} %" if accuracy is not None else figures.get("message", "")
    print(f"{entry.name} {seed} {name}: {found}", flush=True)


def baselines(options):
    import sklearn

    for entry, seed, folder, train, test in each_split(options):
        balanced = entry.group == "imbalanced"
        for name, model in reference.models(seed, *train[0].shape, balanced):
            if (folder / f"{name}.json").is_file() and not options.again:
                continue
            with warnings.catch_warnings():
                # A large C that has not converged on separable rows is one of those to choose from.
                warnings.simplefilter("ignore")
                figures, probabilities = reference.fit_and_score(name, model, train, test)
            figures["scikit_learn"] = sklearn.__version__
            figures["python"] = platform.python_version()
            keep(folder, name, figures, probabilities)
            say(entry, seed, name, figures)


def program(options):
    name = "encrypted" if options.encrypted else "simulated"
    more = []
    if options.balanced:
        name += "-balanced"
        more = ["--class-weight", "balanced"]
    for entry, seed, folder, train, test in each_split(options):
        if (folder / f"{name}.json").is_file() and not options.again:
            continue
        figures, probabilities = cipherfit.fit_and_predict(
            options.cipherfit, train, test, encrypted=options.encrypted,
            threads=options.threads, more=more,
            images=sets.image_folder(entry) if entry.source == "idx" else None,
            model=folder / "model" if name == "simulated" and seed < kept_models else None)
        keep(folder, name, figures, probabilities)
        say(entry, seed, name, figures)


def same_features(options):
    """Logistic regression on the features that the program chose, for the splits with a model."""
    for entry, seed, folder, train, test in each_split(options):
        path = folder / "logistic-same-features.json"
        if not (folder / "model").is_dir() or (path.is_file() and not options.again):
            continue
        try:
            of_rows = features.read(folder / "model")
            train, test = [(of_rows(rows), labels) for rows, labels in (train, test)]
        except features.UnknownFeatures:
            continue
        weights = np.load(folder / "model" / "weights.npy")
        told = json.loads((folder / "simulated.json").read_text())["accuracy"]
        found = cipherfit.accuracy_of(weights, *test)
        if abs(found - told) > 1.5 / len(test[1]):
            raise ValueError(f"{entry.name} {seed}: these features give {found}, predict {told}")
        model = reference.logistic_on_features(seed, *train[0].shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            figures, probabilities = reference.fit_and_score("logistic", model, train, test)
        keep(folder, "logistic-same-features", figures, probabilities)
        say(entry, seed, "logistic-same-features", figures)
