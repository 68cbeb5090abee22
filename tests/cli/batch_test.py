#!/usr/bin/python3
"""Mini-batches and reviews from end to end: fit, a killed server, plans, lost files, answers."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

import numpy as np

from cli_support import ProgramTest, cipherfit, run, server, write_csv

rows, batch, iterations = 240, 80, 4
names = [f"batch_{number:05}.cft" for number in range(rows // batch)]


def children(process):
    """Process numbers of the programs that this one has started."""
    found = []
    for task in Path(f"/proc/{process}/task").iterdir():
        found += (task / "children").read_text().split()
    return [int(child) for child in found]


class MiniBatches(ProgramTest):
    recipe = ("--features", "raw", "--batch", str(batch), "--iterations", str(iterations))

    def setUp(self):
        super().setUp()
        write_csv(self.train, rows=rows, seed=1)

    def arguments(self, out, *more):
        words = ("fit", "--train", self.train, "--test", self.test, "--out", out, *self.recipe,
                 "--threads", "2", "--quiet", *more)
        return [str(word) for word in words]

    def job(self):
        owner, job = self.home / "owner", self.home / "job"
        self.succeed("plan", "--train", self.train, "--owner", owner, *self.recipe, "--quiet")
        self.succeed("keygen", "--owner", owner, "--job", job, "--quiet")
        self.succeed("encrypt", "--owner", owner, "--job", job, "--quiet")
        return owner, job

    def test_fit_survives_a_killed_server_and_learns(self):
        out, report = self.home / "out", self.home / "report.json"
        job = out / "job"
        with subprocess.Popen([cipherfit, *self.arguments(out)], stderr=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, text=True) as process:
            while process.poll() is None and not (job / "checkpoint.cft").exists():
                time.sleep(0.005)
            for child in children(process.pid):
                os.kill(child, signal.SIGKILL)
            _, errors = process.communicate()
        # On a machine so fast that the server was done before the signal, fit has succeeded.
        if process.returncode != 0:
            self.assertEqual(len(errors.splitlines()), 1, errors)
            self.assertTrue((job / "checkpoint.cft").exists())
            self.assertFalse((out / "model").exists())

        # What the server would have left without the kill.
        straight = self.home / "straight"
        shutil.copytree(job, straight)
        for name in ("checkpoint.cft", "model.cft"):
            (straight / name).unlink(missing_ok=True)
        subprocess.run([server, straight, "--quiet"], check=True)

        self.succeed(*self.arguments(out, "--json", report))
        self.assertEqual((job / "model.cft").read_bytes(), (straight / "model.cft").read_bytes())
        figures = json.loads(report.read_text())
        self.assertEqual([figures[name] for name in ("batches", "batch", "iterations")],
                         [rows // batch, batch, iterations])
        self.assertEqual(figures["bootstraps"], 0)
        self.assertEqual(figures["security_bits"], 128)
        self.assertFalse((job / "training_data.cft").exists())
        self.assertEqual(sorted(path.name for path in (job / "batches").iterdir()), names)
        self.assertEqual(figures["upload_bytes"],
                         sum((job / "batches" / name).stat().st_size for name in names))
        self.assertEqual(figures["prediction_disagreements"], 0)
        self.assertLess(figures["max_abs_weight_error"], figures["predicted_weight_error_bound"])
        weights = np.load(out / "model/weights.npy")
        self.assertEqual(weights.shape, (3, 7))
        right = (self.test_values @ weights[:, 1:].T + weights[:, 0]).argmax(axis=1)
        self.assertAlmostEqual(np.mean(right == self.test_labels), figures["test_accuracy"])
        self.assertGreater(figures["test_accuracy"], 0.9)  # four standard deviations apart

        before = (out / "model/weights.npy").read_bytes()
        self.succeed(*self.arguments(out))
        self.assertEqual((out / "model/weights.npy").read_bytes(), before)

    def test_a_lost_or_swapped_batch_is_named_and_sent_again(self):
        owner, job = self.job()
        first, second, third = (job / "batches" / name for name in names)
        kept = first.read_bytes()
        second.unlink()
        self.refuse("train", "--job", job, "--quiet", words=[str(second), "missing"])
        third.rename(second)
        first_again = shutil.copy(first, third)
        self.refuse("train", "--job", job, "--quiet", words=[str(second), "batch 2", "swapped"])
        self.assertTrue((job / "checkpoint.cft").exists())  # of the first iteration, which is done
        self.succeed("encrypt", "--owner", owner, "--job", job, "--quiet")
        self.assertEqual(first.read_bytes(), kept)
        self.assertNotEqual(Path(first_again).read_bytes(), kept)
        self.succeed("train", "--job", job, "--quiet")
        # Held to the twin, as every model is.
        self.succeed("decrypt", "--owner", owner, "--job", job, "--out", self.home / "model")

    def test_a_batch_that_is_damaged_or_of_others(self):
        owner, job = self.job()
        first, second, third = (job / "batches" / name for name in names)
        kept, good = first.read_bytes(), second.read_bytes()
        elsewhere = self.home / "elsewhere"
        self.succeed("keygen", "--owner", owner, "--job", elsewhere, "--quiet")
        again = self.home / "again"
        shutil.copytree(owner, again)
        (again / "job.json").unlink()
        self.succeed("encrypt", "--owner", again, "--job", elsewhere, "--quiet")
        encrypt = ("encrypt", "--owner", owner, "--job", job, "--quiet")
        for damaged in (good[:-1], good[:len(good) // 2], good[:100] + b"?" + good[101:],
                        good[:-5000] + b"?" + good[-4999:], good + b"?", b""):
            second.write_bytes(damaged)
            self.refuse("train", "--job", job, "--quiet", words=[str(second)])
            self.succeed(*encrypt)
            self.assertEqual(second.stat().st_size, len(good))
            self.assertEqual(first.read_bytes(), kept)
        foreign = (elsewhere / "batches" / second.name).read_bytes()
        second.write_bytes(foreign)
        for command in (("train", "--job", job, "--quiet"), encrypt):
            self.refuse(*command, words=[str(second), "another job"])
        self.assertEqual(second.read_bytes(), foreign)
        second.unlink()
        second.mkdir()
        for command in (("train", "--job", job, "--quiet"), encrypt):
            self.refuse(*command, words=[str(second)])
        second.rmdir()
        third.unlink()
        self.succeed(*encrypt)
        self.succeed("train", "--job", job, "--quiet")
        self.succeed("decrypt", "--owner", owner, "--job", job, "--out", self.home / "model")

    def test_plans_say_what_the_batches_are(self):
        sizes = ("--samples", "1000", "--feature-count", "6", "--classes", "3")
        for data in (("--train", self.train), sizes):
            count = {True: rows, False: 1000}[data is not sizes]
            batches = -(-count // batch)
            text = self.succeed("plan", *data, "--batch", batch, "--epochs", "1", "--quiet").stdout
            self.assertRegex(text, rf"mini-batches +{batches} of {batch} rows")
            self.assertIn(f"{batches} iterations", text)
        self.assertNotIn("mini-batches", self.succeed("plan", *sizes).stdout)
        # All rows in one are no mini-batches.
        whole = self.succeed("plan", "--train", self.train, "--batch", rows, "--quiet").stdout
        self.assertNotIn("mini-batches", whole)

    def test_batches_that_cannot_be(self):
        out = self.home / "out"
        big = ("--batch", str(rows + 1))
        self.refuse("plan", "--train", self.train, *big, "--quiet", words=["241", "240", "--batch"])
        self.refuse("fit", "--train", self.train, "--test", self.test, "--out", out, *big, "--quiet",
                    words=["241", "240", "--batch"])
        self.assertFalse(out.exists())
        sizes = ("plan", "--samples", "100", "--feature-count", "6", "--classes", "3")
        self.refuse(*sizes, "--batch", "101", words=["101", "100", "--batch"])
        self.refuse(*sizes, "--epochs", "2", words=["--batch"])
        self.refuse(*sizes, "--batch", "10", "--epochs", "2", "--iterations", "3",
                    words=["--epochs", "--iterations"])
        self.refuse(*sizes, "--batch", "1", "--epochs", "101", words=["10000"])
        self.refuse(*sizes, "--batch", "-1", words=["--batch"])
        self.refuse(*sizes, "--batch", "10", "--solver", "dual", words=["mini-batches"])
        self.refuse(*sizes, "--decay", "0.6", words=["--decay"])

    def test_numbers_out_of_range_are_answered_with_the_range(self):
        """In words that can be read: no bound of hundreds of digits."""
        sizes = ("plan", "--samples", "100", "--feature-count", "6", "--classes", "3")
        train = ("train", "--job", self.home)
        for command in ((*sizes, "--step", "0"), (*train, "--checkpoint-every", "0"),
                        (*train, "--review-every", "-1"), (*train, "--review-wait", "inf"),
                        (*train, "--keep-checkpoints", "-1")):
            line = self.refuse(*command, words=[command[-2], command[-1], "cipherfit " + command[0]])
            self.assertLess(len(line), 200)

    def test_plans_name_what_is_not_usual(self):
        sizes = ("plan", "--samples", "100", "--feature-count", "6", "--classes", "3")
        usual = self.succeed(*sizes).stdout
        self.assertNotIn("momentum", usual)
        self.assertNotIn("decay", usual)
        text = self.succeed(*sizes, "--momentum", "none", "--decay", "0.05").stdout
        self.assertIn("no momentum, decay 0.05", text)

    def test_long_dual_runs_have_models_in_between(self):
        report = self.home / "plan.json"

        def models(*data):
            text = self.succeed("plan", *data, "--json", report, "--quiet").stdout
            return json.loads(report.read_text())["models_every"], text

        sizes = ("--samples", "128", "--feature-count", "400", "--classes", "10")
        long = (*sizes, "--iterations", "200", "--solver", "dual")
        every, text = models(*long)
        self.assertEqual(every, 10)
        self.assertRegex(text, r"models in between +after every 10 iterations")
        every, text = models(*long, "--models-every", "25")
        self.assertEqual(every, 25)
        every, text = models(*long, "--models-every", "0")
        self.assertEqual(every, 0)
        self.assertRegex(text, r"models in between +none")
        # Other runs have one after every iteration.
        every, text = models(*sizes, "--iterations", "2")
        self.assertEqual(every, 1)
        self.assertNotIn("models in between", text)
        self.refuse("plan", *long, "--models-every", "200", words=["every 200", "of 200"])
        self.refuse("plan", *long, "--models-every", "-1", words=["--models-every"])

        # What the owner keeps has it, and a bound for every iteration's model; fit without a curve
        # asks for none.
        write_csv(self.train, rows=48)
        rows = ("--train", self.train, "--iterations", "60", "--solver", "dual", "--no-rehearsal",
                "--step", "2", "--quiet")
        owner = self.home / "long"
        self.succeed("plan", *rows, "--owner", owner)
        kept = json.loads((owner / "plan.json").read_text())
        self.assertEqual(kept["plan"]["refresh"]["models_every"], 5)
        for name in ("weight_error_bounds", "state_error_bounds"):
            self.assertEqual(len(kept[name]), 60)
            self.assertEqual(kept[name][-1], kept[name[:-1]])
            self.assertGreater(min(kept[name]), 0)
        simulated = ("fit", *rows, "--test", self.test, "--fhe", "simulate", "--json", report)
        for more, expected in (((), 5), (("--no-curve",), 0),
                               (("--no-curve", "--models-every", "20"), 20)):
            self.succeed(*simulated, *more, "--out", self.home / f"simulated-{expected}")
            self.assertEqual(json.loads(report.read_text())["models_every"], expected)

    def test_the_owner_reviews_a_run_and_stops_it(self):
        owner, job = self.job()
        straight, stopped = self.home / "straight", self.home / "stopped"
        shutil.copytree(job, straight)
        self.succeed("train", "--job", straight, "--quiet")
        train = ("train", "--review-every", "1", "--quiet", "--job")
        review = ("review", "--owner", owner, "--validation", self.test, "--job")
        self.refuse(*review, job, words=["no checkpoint", "--review-every"])
        for iteration, answer in ((1, "auto"), (2, "continue"), (3, "continue")):
            kept = job / f"checkpoints/iteration_{iteration:04}.cft"
            for _ in range(2):
                self.refuse(*train, job, words=[str(kept), "cipherfit review"], status=130)
            if iteration == 3:
                shutil.copytree(job, stopped)
            text = self.succeed(*review, job, "--answer", answer).stdout
            self.assertRegex(text, rf"answer +continue, after iteration {iteration} of 4")
            self.assertEqual(len(self.accuracies(text)), iteration)
        self.succeed(*train, job)
        self.assertEqual((job / "model.cft").read_bytes(), (straight / "model.cft").read_bytes())

        model = self.home / "model"
        self.refuse(*review, stopped, "--answer", "perhaps", words=["--answer"])
        result = run(*review, stopped, "--answer", "stop")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--out", result.stderr)
        self.refuse(*train, stopped, words=["iteration 3"], status=130)  # there is no answer yet
        text = self.succeed(*review, stopped, "--answer", "stop", "--out", model).stdout
        accuracies = self.accuracies(text)
        best = accuracies.index(max(accuracies)) + 1
        self.assertIn(f"of iteration {best}", text)
        weights = np.load(model / "weights.npy")
        right = (self.test_values @ weights[:, 1:].T + weights[:, 0]).argmax(axis=1)
        self.assertAlmostEqual(100 * np.mean(right == self.test_labels), max(accuracies), delta=0.01)
        for _ in range(2):
            ended = self.succeed(*train, stopped)
            self.assertIn("after iteration 3 of 4", ended.stderr)
            self.assertFalse((stopped / "model.cft").exists())

        # Auto: to stop once as many as --patience are no better than the best before them.
        for patience in (1, 2, 3):
            text = self.succeed(*review, stopped, "--patience", patience, "--out",
                                self.home / f"patience-{patience}").stdout
            expected = "stop" if 3 - accuracies.index(max(accuracies)) > patience else "continue"
            self.assertRegex(text, f"answer +{expected}, after iteration 3")
            self.assertEqual((self.home / f"patience-{patience}").exists(), expected == "stop")

        # An answer that is none: one line, and nothing is lost.
        answer = stopped / "checkpoints/iteration_0003.answer.json"
        answer.write_text("go on\n")
        self.refuse(*train, stopped, words=[str(answer)])
        self.succeed(*review, stopped, "--answer", "continue")
        self.succeed(*train, stopped)
        self.assertEqual((stopped / "model.cft").read_bytes(),
                         (straight / "model.cft").read_bytes())

    def accuracies(self, text):
        return [float(share) for share in re.findall(r"iteration \d+ +([0-9.]+) % of 30 rows", text)]


class Parts(ProgramTest):
    """All rows in every iteration, from several files."""

    recipe = ("--features", "raw", "--no-rehearsal", "--iterations", "2", "--solver", "primal")

    def setUp(self):
        super().setUp()
        write_csv(self.train, rows=rows, seed=1)

    def fit(self, name, *more):
        out, report = self.home / name, self.home / f"{name}.json"
        self.succeed("fit", "--train", self.train, "--test", self.test, "--out", out, *self.recipe,
                     "--json", report, "--quiet", *more)
        return out, json.loads(report.read_text())

    def test_give_the_model_of_one_file_in_less_memory(self):
        one, report_of_one = self.fit("one")
        three, report_of_three = self.fit("three", "--parts", "3")
        self.assertEqual((report_of_one["parts"], report_of_three["parts"]), (1, 3))
        self.assertTrue((one / "job" / "training_data.cft").exists())
        self.assertEqual(sorted(path.name for path in (three / "job" / "batches").iterdir()), names)
        self.assertFalse((three / "job" / "training_data.cft").exists())
        weights = [np.load(out / "model" / "weights.npy") for out in (one, three)]
        bound = (report_of_one["predicted_weight_error_bound"]
                 + report_of_three["predicted_weight_error_bound"])
        self.assertLess(np.abs(weights[0] - weights[1]).max(), bound)
        self.assertLess(bound, 1e-2 * np.abs(weights[0]).max())

    def test_are_planned_with_a_word_on_them(self):
        result = self.succeed("plan", "--train", self.train, "--owner", self.home / "owner",
                              *self.recipe, "--parts", "3")
        self.assertIn("in 3 files, one read after the other", result.stdout + result.stderr)

    def test_that_cannot_be_are_refused(self):
        for more in (("--parts", "0"), ("--parts", "3", "--batch", "80"),
                     ("--parts", "3", "--solver", "dual")):
            options = [word for word in self.recipe if more[-2] != "--solver"
                       or word not in ("--solver", "primal")]
            result = run("plan", "--train", self.train, "--owner", self.home / "owner", *options,
                         *more, "--quiet")
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)


if __name__ == "__main__":
    unittest.main()
