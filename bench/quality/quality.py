#!/usr/bin/env python3
"""Measures docs/learning-quality.md: cipherfit against scikit-learn on public data sets.

    bench/quality/quality.py all                     everything below, in this order
    bench/quality/quality.py fetch                   the data sets, into data/quality and data/mnist
    bench/quality/quality.py baselines               what scikit-learn reaches
    bench/quality/quality.py program                 what the program reaches, simulated
    bench/quality/quality.py program --encrypted     the same, trained on ciphertexts
    bench/quality/quality.py same-features           logistic regression on the program's features
    bench/quality/quality.py page                    fills in the tables of docs/learning-quality.md

Makes a virtual environment of its own in data/quality/venv, with the versions of requirements.txt.
Every split's figures are kept as JSON in data/quality/results, and nothing that is there is
measured again unless --again is given: a run that was stopped goes on, and one of a new program
needs --again or another --results. Nothing is chosen by a test row.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import fetch

venv = fetch.data / "venv"


def enter_venv():
    """Runs this script again with the Python of its own environment, which it makes if need be."""
    if Path(sys.prefix).resolve() == venv.resolve() or "CIPHERFIT_QUALITY_PYTHON" in os.environ:
        return
    wanted = (fetch.here / "requirements.txt").read_text()
    stamp = venv / "requirements.txt"
    if not stamp.is_file() or stamp.read_text() != wanted:
        fetch.run([sys.executable, "-m", "venv", "--clear", str(venv)])
        fetch.run([str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet",
                   "--disable-pip-version-check", "--only-binary", ":all:",
                   "--requirement", str(fetch.here / "requirements.txt")])
        stamp.write_text(wanted)
    # The matrices are small: threads of BLAS would wait for each other more than they compute.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    python = str(venv / "bin" / "python")
    os.execv(python, [python, *sys.argv])


def seeds(text):
    first, separator, end = text.rpartition(":")
    return range(int(first) if separator else 0, int(end))


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["all", "fetch", "baselines", "program", "same-features", "page"])
    parser.add_argument("--sets", help="names or groups, with commas; all unless given")
    parser.add_argument("--splits", type=seeds, default=range(10), metavar="N|FIRST:END",
                        help="seeds of the splits; 10, which is 0:10, unless given")
    parser.add_argument("--again", action="store_true", help="measure what was measured before")
    parser.add_argument("--cipherfit", default=str(fetch.root / "build" / "cipherfit"))
    parser.add_argument("--encrypted", action="store_true", help="train on ciphertexts")
    parser.add_argument("--balanced", action="store_true", help="with --class-weight balanced")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, default=fetch.data / "results")
    parser.add_argument("--out", type=Path, default=fetch.root / "docs" / "learning-quality.md")
    return parser.parse_args()


def main():
    options = arguments()
    if options.what in ("all", "fetch"):
        fetch.fetch_all()
    if options.what == "fetch":
        return
    enter_venv()
    import measure

    if options.what in ("all", "baselines"):
        measure.baselines(options)
    if options.what in ("all", "program"):
        measure.program(options)
    if options.what in ("all", "same-features"):
        measure.same_features(options)
    if options.what in ("all", "page"):
        import page

        page.write(options.results, options.out)


if __name__ == "__main__":
    try:
        main()
    except (fetch.FetchError, OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"quality: {error}", file=sys.stderr)
        sys.exit(2)
