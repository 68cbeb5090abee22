#!/usr/bin/python3
"""Several hospitals, one model: the protocol from cards to the released model, every party a
process of its own, and what each alone and all together reach. run.sh builds and starts it."""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from parties import (Clock, Party, check_walls, copy_programs, fail, no_core_dumps, run_together)
from report import write_page
from twin import accuracy, check_whitening, in_plan_units, public_features, train

patience = 3600  # seconds that a party waits for the others
many_rows = 2000  # above, MNIST's pixels instead of a network's features
projected = 255  # columns that more features than that are turned into


def arguments():
    parser = argparse.ArgumentParser(prog="hospitals", allow_abbrev=False)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--threshold", type=int, default=5)
    parser.add_argument("--rows-each", type=int, default=32)
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--ridge", type=float)
    parser.add_argument("--preparation")
    parser.add_argument("--components", type=int)
    parser.add_argument("--extractor", choices=("none", "random-conv", "rbf"))
    parser.add_argument("--train", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.members < 2 or options.rows_each < 1:
        parser.error("at least two members with a row each")
    if not 1 <= options.threshold <= min(8, options.members):
        parser.error("the threshold is 1 to 8, and at most the number of members")
    if (options.train is None) != (options.test is None):
        parser.error("give --train and --test, or neither")
    options.out = options.out or options.root / "out/hospitals"
    options.json = options.json or options.out / "hospitals.json"
    return options


def read_csv(path):
    """Features and the labels' texts; a first line is a header where its second field is not a number."""
    lines = [line.split(",") for line in path.read_text().splitlines() if line.strip()]
    try:
        float(lines[0][1])
    except (ValueError, IndexError):
        lines = lines[1:]
    try:
        return (np.array([[float(field) for field in line[1:]] for line in lines]),
                [line[0].strip() for line in lines])
    except ValueError:
        fail(f"{path}: a feature is not a number")


def read_idx(path):
    data = path.read_bytes()
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def mnist(options, rows, work):
    """Features of the first rows and of test images; the labels' texts."""
    data = options.root / "data/mnist"
    train_labels = read_idx(data / "train-labels-idx1-ubyte")[:rows]
    if len(train_labels) < rows:
        fail(f"MNIST has {len(train_labels)} training images, and {rows} are asked for")
    test_labels = read_idx(data / "t10k-labels-idx1-ubyte")
    texts = lambda labels: [str(label) for label in labels]
    if rows > many_rows:
        pixels = lambda name, n: read_idx(data / name)[:n].reshape(n, -1).astype(float)
        return (pixels("train-images-idx3-ubyte", rows), texts(train_labels),
                pixels("t10k-images-idx3-ubyte", len(test_labels)), texts(test_labels))
    features = []
    for name, count in (("train-images-idx3-ubyte", rows), ("t10k-images-idx3-ubyte", 1000)):
        out = options.out / f"features-{name.split('-')[0]}-{count}"
        if os.spawnv(os.P_WAIT, str(options.root / "build/cipherfit"), [
                "cipherfit", "extract", "--images", str(data / name), "--rows", f"0:{count}",
                "--out", str(out), "--threads", str(options.threads), "--quiet", "--backbone",
                str(options.root / "data/backbone/efficientnet-lite0.onnx")]) != 0:
            fail("the features of the images could not be made")
        features.append(np.load(out / "features.npy").astype(float))
    return features[0], texts(train_labels), features[1], texts(test_labels[:1000])


def fewer_columns(*tables):
    """Projected to fewer columns by a map that is public and fitted on nobody's rows."""
    width = tables[0].shape[1]
    public, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(width, projected)))
    return [table @ public for table in tables]


class Study:
    """Everybody, and the directory that they share."""

    def __init__(self, options, work):
        self.options, self.work = options, work
        programs = work / "bin"
        copy_programs(options.root / "build", programs)
        self.members = [Party(f"hospital {i + 1}", work / f"hospital-{i + 1}", programs, i)
                        for i in range(options.members)]
        self.recipient = Party("recipient", work / "recipient", programs, options.members)
        self.server = Party("server", work / "server", programs, options.members + 1)
        self.charter = work / "charter"
        # A few processes at a time do the work; the others wait for their messages.
        self.threads = ("--threads", max(1, options.threads // 2), "--quiet")

    def everyone(self):
        return (*self.members, self.recipient)

    def key_holders(self):
        return self.members[:8]

    def places(self, party):
        return ("--member", party.home / "private", "--charter", self.charter)

    def write_charter(self, classes, features):
        options = self.options
        cards = self.work / "cards"
        cards.mkdir()
        for party in self.everyone():
            party.run("cipherfit", "member", "new", "--member", party.home / "private", "--name",
                      party.name, "--card", party.home / "card")
            shutil.copy(party.home / "card", cards / f"{party.home.name}.card")
            (cards / f"{party.home.name}.card").chmod(0o644)
        card = lambda party: cards / f"{party.home.name}.card"
        roles = [word for party in self.members for word in (
            "--member" if party in self.key_holders() else "--contributor", card(party))]
        more = [word for name in ("ridge", "preparation", "components", "extractor", "iterations")
                if getattr(options, name) is not None
                for word in (f"--{name}", getattr(options, name))]
        self.charter.mkdir()
        self.charter.chmod(0o1777)
        self.recipient.run(
            "cipherfit", "charter", "new", "--out", self.charter, "--title", "hospitals",
            "--threshold", options.threshold, *roles, "--recipient", card(self.recipient),
            "--feature-count", features, "--classes", ",".join(classes), "--smallest-rows",
            options.members, *more)
        for name in ("messages", "signatures"):
            (self.charter / name).chmod(0o1777)  # all may write, and nobody remove another's
        for party in self.everyone():
            party.run("cipherfit", "charter", "sign", self.charter, "--member",
                      party.home / "private")
        self.recipient.run("cipherfit", "charter", "show", self.charter, "--json",
                           self.recipient.home / "charter.json")
        return json.loads((self.recipient.home / "charter.json").read_text())

    def keys_and_uploads(self, parts, labels):
        started = []
        for party, rows, texts in zip(self.members, parts, labels):
            np.save(party.home / "X.npy", rows)
            np.save(party.home / "y.npy", np.array(texts))
            for name in ("X.npy", "y.npy"):
                party.own(party.home / name)
                (party.home / name).chmod(0o600)
            started.append((party, party.start(
                "cipherfit", "member", "contribute", *self.places(party), "--train",
                party.home / "X.npy", "--wait", patience, *self.threads)))
        started.append((self.recipient, self.recipient.start(
            "cipherfit", "member", "step", *self.places(self.recipient), "--wait", patience,
            *self.threads)))
        run_together(started)

    def train(self):
        self.server.run("cipherfit-server", self.charter, "--threads", self.options.threads,
                        "--quiet")
        return json.loads((self.charter / "server_report.json").read_text())

    def verify(self, holders):
        for first in range(0, len(holders), 2):  # two at a time
            run_together([(party, party.start("cipherfit", "member", "verify", *self.places(party),
                                              *self.threads))
                          for party in holders[first : first + 2]])

    def release(self, holders):
        opened = self.recipient.start(
            "cipherfit", "recipient", "open", *self.places(self.recipient), "--out",
            self.recipient.home / "model", "--wait", patience, *self.threads)
        run_together([(party, party.start("cipherfit", "member", "release", *self.places(party),
                                          "--wait", patience, *self.threads))
                      for party in holders] + [(self.recipient, opened)])
        return np.load(self.recipient.home / "model/weights.npy")

    def public_steps(self):
        """Map and projection of the released model; nothing where it is for columns as they are."""
        self.recipient.run("cipherfit", "export-pipeline", "--model", self.recipient.home / "model",
                           "--out", self.recipient.home / "pipeline.json")
        return json.loads((self.recipient.home / "pipeline.json").read_text())["steps"]

    def sent_bytes(self, kinds, sender):
        return sum(path.stat().st_size for path in (self.charter / "messages").glob("*.msg")
                   if int(path.name[3:5]) in kinds and int(path.name[6:9]) == sender)


def play(options, work):
    rows = options.members * options.rows_each
    if options.train:
        (all_rows, all_labels), (test, test_labels) = read_csv(options.train), read_csv(options.test)
        if len(all_rows) < rows:
            fail(f"{options.train}: has {len(all_rows)} rows, and {rows} are asked for")
        all_rows, all_labels = all_rows[:rows], all_labels[:rows]
    else:
        all_rows, all_labels, test, test_labels = mnist(options, rows, work)
        if rows > many_rows:
            options.preparation = options.preparation or "whitened"
            options.extractor = options.extractor or "random-conv"
            if options.preparation in ("components", "whitened"):
                options.components = options.components or 255
    if test.shape[1] != all_rows.shape[1]:
        fail(f"rows to train on have {all_rows.shape[1]} features, and those to test {test.shape[1]}")
    if all_rows.shape[1] > projected and not options.components and not options.extractor:
        all_rows, test = fewer_columns(all_rows, test)
    names = set(all_labels) | set(test_labels)
    numbers = all(name.lstrip("-").isdigit() for name in names)
    classes = sorted(names, key=int if numbers else str)
    index = {name: i for i, name in enumerate(classes)}
    ends = range(options.rows_each, rows + 1, options.rows_each)
    parts = [all_rows[end - options.rows_each : end] for end in ends]
    texts = [all_labels[end - options.rows_each : end] for end in ends]
    labels = [np.array([index[text] for text in part]) for part in texts]
    truth = np.array([index[text] for text in test_labels])

    study = Study(options, work)
    walls = check_walls([*study.everyone(), study.server])
    print(f"   {walls}")
    clock = Clock()
    charter = clock.phase("cards, charter, signatures",
                          lambda: study.write_charter(classes, all_rows.shape[1]))
    clock.phase("joint keys, masked sums, encrypted statistics",
                lambda: study.keys_and_uploads(parts, texts))
    members_cpu = max(party.cpu_seconds for party in study.members)
    server = clock.phase("the server adds up and trains", study.train)
    asked = study.key_holders()[: options.threshold]
    clock.phase(f"{len(asked)} holders recompute the training", lambda: study.verify(asked))
    weights = clock.phase("release", lambda: study.release(asked))
    total = clock.total()

    terms = {name: charter[name] for name in ("preparation", "components", "whitening_ridge",
                                              "row_bound", "iterations", "ridge", "lowest")}
    steps = study.public_steps()
    given = None
    if steps:
        all_rows, test = public_features(steps[:-1], all_rows), public_features(steps[:-1], test)
        parts = [all_rows[end - options.rows_each : end] for end in ends]
        given = np.array(steps[-1]["mean"]), np.array(steps[-1]["matrix"])
        apart = check_whitening(terms, all_rows, *given) if terms["preparation"] == "whitened" else 0
        if apart > 1e-3:
            fail(f"the members' components differ from those of all rows by {apart:.2g}")
    twin, about = train(parts, labels, len(classes), terms, given)
    if steps:
        scaled, scaled_twin = weights * about["unit"], about["prepared"] * about["unit"]
        weights = np.hstack([weights[:, :1] - weights[:, 1:] @ given[1].T @ given[0][:, None],
                             weights[:, 1:] @ given[1].T])
    else:
        scaled, scaled_twin = in_plan_units(weights, about), in_plan_units(twin, about)
    own_terms = dict(terms)
    if options.components:
        own_terms["components"] = min(options.components, options.rows_each - 1)
    alone = [accuracy(train([part], [own], len(classes), own_terms)[0], test, truth)
             for part, own in zip(parts, labels)]
    size = lambda kinds: max(study.sent_bytes(kinds, i) for i in range(options.members))
    seconds = list(clock.seconds.values())
    return {
        "members": options.members, "threshold": options.threshold,
        "rows_each": options.rows_each, "iterations": charter["iterations"],
        "ridge": charter["ridge"], "preparation": charter["preparation"],
        "extractor": charter["extractor"], "components": charter["components"],
        "columns": charter["columns"], "classes": len(classes), "test_rows": len(test),
        "published_sums": charter["published_sums"],
        "security_bits": charter["security_bits"], "log_n": charter["log_n"],
        "log_qp": charter["log_qp"], "kappa": charter["kappa"],
        "statistical_bits": charter["statistical_bits"],
        "release_bits": charter["release_bits"],
        "alone_test_accuracy": alone,
        "pooled_test_accuracy": accuracy(weights, test, truth),
        "simulated_test_accuracy": accuracy(twin, test, truth),
        "max_abs_weight": float(np.abs(scaled_twin).max()),
        "max_abs_weight_error": float(np.abs(scaled - scaled_twin).max()),
        "dealer_upload_bytes": size(range(1, 8)),
        "contributor_upload_bytes": size(range(8, 11)),
        "member_seconds": members_cpu,
        "aggregate_seconds": server["aggregate_seconds"],
        "train_seconds": server["training_seconds"],
        "verify_seconds": seconds[3], "release_seconds": seconds[4],
        "server_peak_rss_bytes": server["peak_rss_bytes"], "total_seconds": total,
        "phase_seconds": clock.seconds, "walls": walls}


def main():
    options = arguments()
    no_core_dumps()
    os.umask(0o022)
    options.out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="cipherfit-hospitals-"))
    work.chmod(0o755)
    try:
        figures = play(options, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    options.json.write_text(json.dumps(figures, indent=2) + "\n")
    page = options.out / "hospitals.html"
    write_page(page, figures)
    print(f"""
  alone                 {100 * np.mean(figures['alone_test_accuracy']):.1f} % on average \
({100 * min(figures['alone_test_accuracy']):.1f} to {100 * max(figures['alone_test_accuracy']):.1f})
  together              {100 * figures['pooled_test_accuracy']:.1f} %, \
in the clear {100 * figures['simulated_test_accuracy']:.1f} %
  weights               at most {figures['max_abs_weight']:.3g}, and differ from those in the \
clear by at most {figures['max_abs_weight_error']:.2g}
  sent                  a dealer {figures['dealer_upload_bytes'] / 1e6:.0f} MB, \
a contributor {figures['contributor_upload_bytes'] / 1e6:.1f} MB
  took                  {figures['total_seconds']:.0f} s in all
  report                {page}
  figures               {options.json}""")


if __name__ == "__main__":
    main()
