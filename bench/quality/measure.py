"""Measures sets and splits, and keeps what it found: RESULTS/SET/SEED/MODEL.json."""

import json
import platform
import warnings

import numpy as np

import baselines as reference
import program as cipherfit
import sets


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


def each_split(options):
    for entry in chosen(options.sets):
        rows, labels, names, class_names = sets.load(entry)
        for seed, train, test in sets.splits(entry, labels, range(options.splits)):
            folder = options.results / entry.name / str(seed)
            yield entry, seed, folder, (rows[train], labels[train]), (rows[test], labels[test])


def say(entry, seed, name, figures):
    accuracy = figures.get("accuracy")
    found = f"{100 * accuracy:.2f} %" if accuracy is not None else figures.get("message", "")
    print(f"{entry.name} {seed} {name}: {found}", flush=True)


def baselines(options):
    import sklearn

    for entry, seed, folder, train, test in each_split(options):
        shape = {
            "rows": len(train[1]) + len(test[1]),
            "training_rows": len(train[1]),
            "columns": train[0].shape[1],
            "classes": int(train[1].max()) + 1,
            "majority": float((test[1] == np.bincount(train[1]).argmax()).mean()),
        }
        keep(folder, "shape", shape)
        np.save(folder / "labels.npy", test[1].astype(np.uint8))
        balanced = entry.group == "imbalanced"
        for name, model in reference.models(seed, *train[0].shape, balanced):
            if (folder / f"{name}.json").is_file() and not options.again:
                continue
            with warnings.catch_warnings():
                # A large C that has not converged on separable rows is one of those to choose from.
                warnings.simplefilter("ignore")
                figures, probabilities = reference.fit_and_score(model, train, test)
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
            images=sets.image_folder(entry) if entry.source == "idx" else None)
        keep(folder, name, figures, probabilities)
        say(entry, seed, name, figures)
