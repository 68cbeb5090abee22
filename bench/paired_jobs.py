#!/usr/bin/python3
"""Two versions of the server on the same training, in turns.

    paired_jobs.py OLD_PROGRAMS OLD_JOB NEW_PROGRAMS NEW_JOB [--repeat 5] [--threads 2]

Each JOB is a job directory with the owner's part in it, which that version's `cipherfit encrypt`
wrote from the same rows and options; what an earlier run left in it is removed. Prints, as JSON,
the seconds of training of each run, by the server's own report, and the ratio of the medians. The
order changes with every repetition, so that a slow minute of the machine meets both."""

import argparse
import json
import shutil
import statistics
import subprocess
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("old_programs", "old_job", "new_programs", "new_job"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def train(programs, job, threads):
    """The seconds of one training, which begins from what the owner wrote."""
    for name in ("model.cft", "server_report.json", "checkpoint.cft"):
        (job / name).unlink(missing_ok=True)
    shutil.rmtree(job / "checkpoints", ignore_errors=True)
    subprocess.run([str(programs / "cipherfit-server"), str(job), "--threads", str(threads)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return json.loads((job / "server_report.json").read_text())["training_seconds"]


def main():
    given = arguments()
    versions = {"old": (given.old_programs, given.old_job), "new": (given.new_programs, given.new_job)}
    seconds = {name: [] for name in versions}
    for number in range(given.repeat):
        for name in sorted(versions, reverse=number % 2 == 0):
            seconds[name].append(round(train(*versions[name], given.threads), 3))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(json.dumps({"seconds": seconds, "medians": medians,
                      "new_to_old": round(medians["new"] / medians["old"], 3)}, indent=1))


if __name__ == "__main__":
    main()
