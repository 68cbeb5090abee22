#!/usr/bin/python3
"""Peak memory of the server's process against the plan's prediction, over shapes of all solvers.

    bench/memory_peaks.py BIN_DIRECTORY [--threads N] [--only WORD]

BIN_DIRECTORY holds cipherfit and cipherfit-server. Prints one line a shape, and fails if a peak lies
above its prediction, or further below it than 5 % or 48 MB, whichever is larger.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np


def shapes():
    """(name, rows, features, classes, options of plan)."""
    for rows, features, classes in ((48, 12, 3), (200, 60, 10), (900, 255, 10), (90, 6, 40),
                                    (300, 20, 100), (60, 300, 2)):
        for iterations in (1, 2):
            yield ("primal", rows, features, classes,
                   ("--solver", "primal", "--iterations", iterations))
    for rows, features, classes in ((60, 40, 10), (128, 255, 10), (100, 30, 2), (64, 500, 26)):
        for iterations, degree in ((2, 3), (4, 1), (3, 5)):
            yield ("dual", rows, features, classes,
                   ("--solver", "dual", "--iterations", iterations, "--sigmoid-degree", degree))
    for rows, features, classes in ((40, 11, 3), (60, 30, 2), (90, 60, 5)):
        yield ("dual, the server's Gram matrix", rows, features, classes,
               ("--solver", "dual", "--gram", "server", "--iterations", 2))
    for rows, features, classes in ((200, 31, 2), (500, 63, 10), (300, 127, 10), (400, 255, 26),
                                    (400, 200, 100)):
        for iterations in (4, 8):
            yield ("statistics", rows, features, classes,
                   ("--solver", "statistics", "--iterations", iterations))
    for rows, features, classes in ((400, 63, 10), (600, 30, 2), (300, 20, 40)):
        yield ("mini-batches", rows, features, classes,
               ("--solver", "primal", "--batch", rows // 2, "--iterations", 2))
    for rows, features, classes in ((800, 63, 10), (1200, 30, 2)):
        yield ("parts", rows, features, classes,
               ("--solver", "primal", "--parts", 4, "--iterations", 2))
    for solver in ("primal", "dual"):
        yield ("bootstrapped " + solver, 60, 20, 3,
               ("--solver", solver, "--iterations", 24, "--sigmoid-degree", 3,
                "--decay", 0.1))


def measure(binaries, home, shape, threads):
    name, rows, features, classes, options = shape
    random = np.random.default_rng(1)
    labels = np.arange(rows) % classes
    values = random.normal(size=(rows, features))
    values[np.arange(rows), labels % features] += 2
    table = home / "train.csv"
    np.savetxt(table, np.column_stack([labels, values]), delimiter=",",
               fmt=["%d"] + ["%.6f"] * features)
    program, server = binaries / "cipherfit", binaries / "cipherfit-server"
    owner, job = home / "owner", home / "job"

    def run(*command):
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                                check=False, stdin=subprocess.DEVNULL)
        if result.returncode != 0:
            sys.exit(f"{name}: {result.stderr.strip()}")

    run(program, "plan", "--train", table, "--features", "raw", "--owner", owner, "--no-rehearsal",
        "--quiet", "--json", home / "plan.json", *options)
    plan = json.loads((home / "plan.json").read_text())
    for step in ("keygen", "encrypt"):
        run(program, step, "--owner", owner, "--job", job, "--quiet")
    run(server, job, "--threads", threads, "--quiet")
    report = json.loads((job / "server_report.json").read_text())
    return plan["log_n"], plan["predicted_server_peak_bytes"], report["peak_rss_bytes"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="shapes whose name has this word")
    options = parser.parse_args()
    wrong = number = 0
    print("| solver | rows x features, classes | options | N | predicted, MB | peak, MB |")
    print("|---|---|---|---|---|---|")
    for shape in shapes():
        if options.only not in shape[0]:
            continue
        with tempfile.TemporaryDirectory() as home:
            log_n, predicted, peak = measure(options.binaries.resolve(), Path(home), shape,
                                             options.threads)
        right = peak <= predicted and predicted - peak <= max(0.05 * predicted, 48e6)
        number += 1
        wrong += not right
        name, rows, features, classes, words = shape
        print(f"| {name} | {rows} x {features}, {classes} | {' '.join(map(str, words[2:]))} | "
              f"2^{log_n} | {predicted / 1e6:.0f} | {peak / 1e6:.0f}{'' if right else ' **'} |",
              flush=True)
    print(f"\n{number} shapes, {wrong} out of bounds")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
