#!/usr/bin/python3
"""A large upload over a line that is cut at random, and a training whose server is killed: the client
must finish with the model that a server makes of the same files.

    broken_lines.py BUILD [--rows N] [--features N] [--iterations N] [--cuts N] [--kills N]

makes rows, encrypts them, trains once by files, then through the service, and prints a line of
figures as JSON. With --job JOB an encrypted job is taken instead, and with --model FILE what a
server has made of it. Everything runs on the loopback; --home DIR is where it happens."""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--job", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=6)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path)
    return parser.parse_args()


def run(program, *words):
    subprocess.run([str(program), *map(str, words)], check=True)


def encrypted_job(given, program, home):
    """Of random rows in three classes."""
    draw = np.random.default_rng(given.seed)
    labels = np.arange(given.rows) % 3
    centres = draw.normal(size=(3, given.features))
    rows = centres[labels] + draw.normal(size=(given.rows, given.features))
    table = home / "train.csv"
    np.savetxt(table, np.column_stack([labels, rows]), delimiter=",", fmt=["%d"] + ["%.6g"] * given.features)
    owner, job = home / "owner", home / "job"
    run(program, "plan", "--train", table, "--owner", owner, "--features", "raw", "--iterations",
        given.iterations, "--quiet")
    run(program, "keygen", "--owner", owner, "--job", job, "--quiet")
    run(program, "encrypt", "--owner", owner, "--job", job, "--quiet")
    return job


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checkpoints(home):
    return {str(p): p.stat().st_mtime_ns for p in home.rglob("checkpoint.cft")}


def kill_while_training(service, process, place, kills):
    """Each kill comes after a checkpoint that is newer than the last kill."""
    done, seen = 0, checkpoints(place)
    while process.poll() is None:
        now = checkpoints(place)
        if done < kills and any(seen.get(path) != time_ for path, time_ in now.items()):
            service.kill()
            done += 1
            service.start()
            seen = checkpoints(place)
        time.sleep(0.02)
    return done


def main():
    given = arguments()
    os.environ["CIPHERFIT_BUILD"] = str(given.build.resolve())
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tests/cli"))
    from remote_support import CuttingProxy, Service  # pylint: disable=import-outside-toplevel

    program = given.build.resolve() / "cipherfit"
    with tempfile.TemporaryDirectory(prefix="cipherfit-lines-", dir=given.home) as name:
        home = Path(name)
        job = given.job or encrypted_job(given, program, home)
        files = [path for path in job.rglob("*.cft") if path.name not in ("model.cft", "checkpoint.cft")
                 and path.parent.name != "checkpoints"]
        remote = home / "remote"
        for path in files:
            target = remote / path.relative_to(job)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, target)
            except OSError:
                shutil.copy(path, target)
        size = sum(path.stat().st_size for path in files)
        model = given.model or job / "model.cft"
        start = time.monotonic()
        if not model.exists():
            run(program, "train", "--job", job, "--quiet")
        by_files = time.monotonic() - start
        place = home / "service"
        place.mkdir()
        service = Service(place).start()
        draw = random.Random(given.seed)
        cuts = [draw.randrange(1, max(2, 2 * size // (given.cuts + 1))) for _ in range(given.cuts)]
        proxy = CuttingProxy(service.port, cuts)
        start = time.monotonic()
        process = subprocess.Popen(
            [str(program), "train", "--job", str(remote), "--quiet", "--server", proxy.address, "--identity",
             str(service.identity())])
        kills = kill_while_training(service, process, place, given.kills)
        by_service = time.monotonic() - start
        same = process.returncode == 0 and digest(model) == digest(remote / "model.cft")
        proxy.close()
        service.end()
        print(json.dumps({"upload_bytes": size, "bytes_to_server": proxy.to_server, "cuts": proxy.done_cuts,
                          "kills": kills, "seconds_by_files": round(by_files, 1),
                          "seconds_by_service": round(by_service, 1), "status": process.returncode,
                          "same_model": same}))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
