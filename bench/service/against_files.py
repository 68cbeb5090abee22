#!/usr/bin/python3
"""`cipherfit fit` through a service on the loopback against the same by files, alternately.

    against_files.py BUILD [--repeat 3] [--home DIR] -- --train ROWS --test ROWS [options of fit]

prints the seconds of each whole command and of the server's work as JSON, and whether the service
makes the very model that a server makes of the same files. A job's process has a low priority: on a
machine that others use too, start all of it with `nice -n 10`, so that both have the same."""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--home", type=Path)
    parser.add_argument("fit", nargs="+", help="options of fit, after --")
    return parser.parse_args()


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
    given = arguments()
    os.environ["CIPHERFIT_BUILD"] = str(given.build.resolve())
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tests/cli"))
    from remote_support import Service  # pylint: disable=import-outside-toplevel

    program = str(given.build.resolve() / "cipherfit")
    figures = {"by_files": [], "by_service": [], "server_by_files": [], "server_by_service": []}
    with tempfile.TemporaryDirectory(prefix="cipherfit-against-", dir=given.home) as name:
        home = Path(name)
        service = Service(home).start()
        remote = ["--server", service.address, "--identity", str(service.identity())]

        def fit(kind, out, more):
            begin = time.monotonic()
            subprocess.run([program, "fit", *given.fit, "--out", str(out), "--json", str(out) + ".json",
                            "--quiet", *more], check=True, stdout=subprocess.DEVNULL)
            figures[kind].append(round(time.monotonic() - begin, 2))
            figures[f"server_{kind}"].append(json.loads(Path(str(out) + ".json").read_text())["train_seconds"])

        try:
            for number in range(given.repeat):
                fit("by_files", home / f"files{number}", [])
                fit("by_service", home / f"service{number}", remote)
            job, again = home / "files0/job", home / "again"
            shutil.copytree(job, again, ignore=shutil.ignore_patterns("model.cft", "server_report.json"))
            subprocess.run([program, "train", "--job", str(again), "--quiet", *remote], check=True)
            figures["same_model"] = digest(job / "model.cft") == digest(again / "model.cft")
        finally:
            service.end()
    least = {kind: min(figures[kind]) for kind in ("by_files", "by_service")}
    figures["slower_by_seconds"] = round(least["by_service"] - least["by_files"], 2)
    good = figures["same_model"] and figures["slower_by_seconds"] <= max(2.0, 0.1 * least["by_files"])
    print(json.dumps(figures))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
