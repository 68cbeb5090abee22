#!/usr/bin/python3
"""Bad input: each gives status 2, one clear line, and leaves nothing half-written."""

import pathlib
import re
import resource
import shutil
import struct
import subprocess
import unittest

import numpy as np

from cli_support import ProgramTest, files_of, run, write_csv
from containers import forged


class BadData(ProgramTest):
    def refuse_training(self, text, *words):
        self.train.write_text(text)
        out = self.home / "out"
        self.refuse(*self.fit_arguments(out), words=["train.csv", *words])
        self.assertFalse(out.exists())

    def test_tables(self):
        self.refuse_training("0,1,2\n1,2\n", "row 2")
        self.refuse_training("0,1,2\n1,2,x\n", "row 2")
        self.refuse_training("0,1,2\n1,2,nan\n", "row 2")
        self.refuse_training("0,1,2\n1,inf,2\n", "row 2")
        self.refuse_training("0.5,1,2\n1,1,2\n", "row 1")
        self.refuse_training("", "rows")

    def test_one_class_only(self):
        self.train.write_text("4,1,2\n4,2,1\n")
        self.refuse(*self.fit_arguments(self.home / "out"), words=["train.csv", "two classes"])

    def test_missing_files(self):
        self.train.unlink()
        self.refuse(*self.fit_arguments(self.home / "out"), words=["train.csv", "No such file"])

    def test_a_test_label_that_is_no_class(self):
        self.test.write_text("7,1,1,1,1,1,1\n")
        self.refuse(*self.fit_arguments(self.home / "out"), words=["test.csv", "7"])
        self.assertFalse((self.home / "out").exists())

    def test_test_rows_of_another_width(self):
        self.test.write_text("1,1,1\n")
        self.refuse(*self.fit_arguments(self.home / "out"), words=["test.csv", "2 features"])

    def test_rows_that_are_not_there(self):
        self.refuse(*self.fit_arguments(self.home / "out", "--train-rows", "0:1000"),
                    words=["train.csv", "1000"])
        for rows in ("5", "b:c", "9:3", "-1:4", "1:2:3"):
            self.refuse(*self.fit_arguments(self.home / "out", f"--train-rows={rows}"),
                        words=["FIRST:END"])


class BadOptions(ProgramTest):
    def test_options_that_do_not_parse(self):
        self.refuse("fit", words=["--help"])
        self.refuse("nonsense")
        self.refuse(*self.fit_arguments(self.home / "out", "--sigmoid-degree", "4"), words=["4"])
        self.refuse(*self.fit_arguments(self.home / "out", "--preset", "paper"),
                    words=["paper", "chiang2023"])
        self.refuse(*self.fit_arguments(self.home / "out", "--preset", "chiang2023", "--step",
                                        "3"), words=["--step"])
        self.refuse(*self.fit_arguments(self.home / "out", "--pca", "3"), words=["--pca"])

    def test_more_components_than_the_rank(self):
        pixels = np.random.default_rng(1).integers(0, 256, (48, 144))
        rows = np.column_stack([np.arange(48) % 3, pixels])
        np.savetxt(self.train, rows, delimiter=",", fmt="%d")
        out = self.home / "out"
        conv = ("--train", self.train, "--features", "random-conv", "--quiet")
        for command in (("fit", "--test", self.train, "--out", out, *conv),
                        ("fit", "--test", self.train, "--out", out, "--fhe", "simulate", *conv),
                        ("plan", "--owner", out, *conv), ("rehearse", "--owner", out, *conv)):
            self.refuse(*command, "--pca", "48", words=["48 principal components", "rank 47"])
            self.refuse(*command, "--pca", "16384", words=["16384"])
            self.assertFalse(out.exists())
        self.succeed("plan", "--iterations", "1", "--pca", "47", *conv)

    def test_many_classes_and_features_are_planned_or_refused(self):
        def sizes(samples, features, classes):
            return ("plan", "--samples", samples, "--feature-count", features, "--classes", classes,
                    "--iterations", "2", "--quiet")

        text = self.succeed(*sizes(2000, 4097, 1001), "--memory-limit", "16").stdout
        self.assertIn("2,000 rows, 4,097 features, 1,001 classes", text)
        self.assertIn("128-bit security", text)
        self.refuse(*sizes(100_000, 100_000, 100_000), words=["100000 samples", "GB", "the limit"])
        most = 2**64 - 1
        self.refuse(*sizes(most, most, most))
        # Of rows that are there, each class in two of them.
        write_csv(self.train, rows=2002, features=5, classes=1001)
        text = self.succeed("plan", "--train", self.train, "--no-rehearsal", "--iterations", "1",
                            "--quiet").stdout
        self.assertIn("2,002 rows, 5 features, 1,001 classes", text)
        write_csv(self.train, rows=12, features=4097, classes=3)
        text = self.succeed("plan", "--train", self.train, "--no-rehearsal", "--iterations", "2",
                            "--quiet").stdout
        self.assertIn("12 rows, 4,097 features, 3 classes", text)

    def test_more_iterations_than_levels(self):
        """Of a ring that is too small to bootstrap in; the planner would choose one that is not."""
        out = self.home / "out"
        arguments = list(self.fit_arguments(out, "--no-rehearsal", "--log-n", "13"))
        arguments[arguments.index("--iterations") + 1] = "60"
        self.refuse(*arguments, words=["60", "log_n = 13", "at most"])
        self.assertFalse(out.exists())

    def test_a_range_that_the_rehearsal_leaves(self):
        out = self.home / "out"
        self.refuse(*self.fit_arguments(out, "--sigmoid-range", "0.01"), words=["range", "|z|"])
        self.assertFalse(out.exists())

    def test_output_directories(self):
        occupied = self.home / "occupied"
        occupied.mkdir()
        (occupied / "diary.txt").write_text("mine")
        for more in ((), ("--force",)):
            self.refuse(*self.fit_arguments(occupied, *more), words=["occupied", "--out"])
        self.assertEqual((occupied / "diary.txt").read_text(), "mine")
        self.refuse(*self.fit_arguments(self.train), words=["train.csv", "not a directory"])
        self.refuse(*self.fit_arguments("/proc/cipherfit-out"), words=["/proc/cipherfit-out"])

    def test_a_directory_without_permission(self):
        closed = self.home / "closed"
        closed.mkdir()
        programs, options = self.as_other_user(closed)
        closed.chmod(0o500)
        for out in (closed, closed / "out"):
            result = subprocess.run(
                [str(word) for word in (programs / "cipherfit", *self.fit_arguments(out))],
                capture_output=True, text=True, check=False, **options)
            self.assertEqual(result.returncode, 2)
            self.assertRegex(result.stderr, r"\Acipherfit: .*closed.*Permission denied\n\Z")
        self.assertEqual(list(closed.iterdir()), [])


class BadFiles(ProgramTest):
    def setUp(self):
        super().setUp()
        self.owner, self.job = self.encrypted_job()

    def refuse_server(self, *words):
        before = files_of(self.job)
        line = self.refuse("train", "--job", self.job, "--quiet", words=words)
        self.assertEqual(before, files_of(self.job))
        return line

    def change(self, name, change):
        path = self.job / name
        path.write_bytes(bytes(change(bytearray(path.read_bytes()))))

    def test_damage_of_every_kind_to_every_file(self):
        def flip(data):
            data[len(data) // 2] ^= 1
            return data

        def newer(data):
            data[8:12] = struct.pack("<I", 99)
            return data

        def huge_section(data):
            data[164 + 8:164 + 16] = struct.pack("<Q", 1 << 62)
            return data

        damages = {"truncated": lambda d: d[:-100], "flipped": flip, "newer": newer,
                   "extended": lambda d: d + b"0", "huge section": huge_section,
                   "empty": lambda d: b"", "text": lambda d: b"hello, world\n" * 50}
        for name in ("plan.cft", "training_data.cft", "evaluation_keys.cft"):
            good = (self.job / name).read_bytes()
            for damage, change in damages.items():
                with self.subTest(file=name, damage=damage):
                    self.change(name, change)
                    self.refuse_server(name)
                    self.refuse("inspect", self.job / name, words=[name])
            (self.job / name).write_bytes(good)

    def test_the_owner_makes_damaged_files_anew(self):
        """All but another job's: that is somebody's, and named."""
        keygen = ("keygen", "--owner", self.owner, "--job", self.job, "--quiet")
        encrypt = ("encrypt", "--owner", self.owner, "--job", self.job, "--quiet")
        _, other = self.encrypted_job("other")
        for name, again in (("plan.cft", encrypt), ("training_data.cft", encrypt),
                            ("evaluation_keys.cft", keygen)):
            good = (self.job / name).read_bytes()
            last = len(good) - 40  # of the digest of all
            for damaged in (good[:-100], good[:last] + bytes([good[last] ^ 1]) + good[last + 1:],
                            good + b"0", b"", b"hello, world"):
                with self.subTest(file=name, size=len(damaged)):
                    (self.job / name).write_bytes(damaged)
                    self.refuse("train", "--job", self.job, "--quiet", words=[name])
                    self.succeed(*again)
                    self.assertEqual((self.job / name).stat().st_size, len(good))
            good = (self.job / name).read_bytes()
            self.succeed(*again)
            self.assertEqual((self.job / name).read_bytes(), good)
            for foreign in ((other / name).read_bytes(), (self.owner / "secret.key").read_bytes()):
                (self.job / name).write_bytes(foreign)
                self.refuse(*again, words=[name])
                self.assertEqual((self.job / name).read_bytes(), foreign)
            (self.job / name).write_bytes(good)
        self.succeed("train", "--job", self.job, "--quiet")
        self.succeed("decrypt", "--owner", self.owner, "--job", self.job, "--out",
                     self.home / "model")

    def test_missing_files(self):
        for name in ("training_data.cft", "evaluation_keys.cft", "plan.cft"):
            with self.subTest(name):
                path = self.job / name
                good = path.read_bytes()
                path.unlink()
                self.refuse_server(name, "No such file")
                path.write_bytes(good)
        self.refuse("train", "--job", self.home / "nowhere", "--quiet", words=["nowhere"])

    def test_files_swapped_between_two_jobs(self):
        _, other = self.encrypted_job("other")
        again = self.home / "again"
        shutil.copytree(self.owner, self.home / "again-owner")
        (self.home / "again-owner/job.json").unlink()
        self.succeed("encrypt", "--owner", self.home / "again-owner", "--job", again, "--quiet")
        cases = ((other, "training_data.cft", "made with another key"),
                 (other, "evaluation_keys.cft", "made with another key"),
                 (again, "training_data.cft", "belongs to another job"))
        for source, name, words in cases:
            with self.subTest(words, file=name):
                good = (self.job / name).read_bytes()
                shutil.copy(source / name, self.job / name)
                self.refuse_server(name, words)
                (self.job / name).write_bytes(good)

    def test_keys_of_other_parameters(self):
        owner, job = self.home / "wide-owner", self.home / "wide-job"
        self.succeed("plan", "--train", self.train, "--owner", owner, "--iterations", "1",
                     "--quiet")
        self.succeed("keygen", "--owner", owner, "--job", job, "--quiet")
        shutil.copy(job / "evaluation_keys.cft", self.job / "evaluation_keys.cft")
        self.refuse_server("evaluation_keys.cft", "other parameters")
        shutil.copy(owner / "secret.key", self.owner / "secret.key")
        self.refuse("decrypt", "--owner", self.owner, "--job", self.job, "--out",
                    self.home / "model", words=["secret.key", "other parameters"])

    def test_a_model_of_another_job_or_damaged(self):
        self.succeed("train", "--job", self.job, "--quiet")
        _, other = self.encrypted_job("other")
        self.succeed("train", "--job", other, "--quiet")
        model = self.home / "model"
        good = (self.job / "model.cft").read_bytes()
        for change, word in ((lambda: shutil.copy(other / "model.cft", self.job / "model.cft"),
                              "another key"),
                             (lambda: self.change("model.cft", lambda d: d[:-1]), "model.cft"),
                             (lambda: shutil.copy(self.job / "plan.cft", self.job / "model.cft"),
                              "model.cft"),
                             (lambda: (self.job / "model.cft").unlink(), "No such file")):
            change()
            self.refuse("decrypt", "--owner", self.owner, "--job", self.job, "--out", model,
                        words=[word])
            self.assertFalse(model.exists())
            (self.job / "model.cft").write_bytes(good)
        self.succeed("decrypt", "--owner", self.owner, "--job", self.job, "--out", model)

    def test_a_result_outside_the_predicted_error_is_no_model(self):
        self.succeed("train", "--job", self.job, "--quiet")
        self.change("model.cft", forged)
        model = self.home / "model"
        self.refuse("decrypt", "--owner", self.owner, "--job", self.job, "--out", model,
                    words=["within the noise"])
        self.assertFalse(model.exists())

    def test_a_damaged_checkpoint(self):
        (self.job / "checkpoint.cft").write_bytes(b"\0" * 1000)
        self.refuse_server("checkpoint.cft")

    def test_other_rows_than_the_plan_has(self):
        write_csv(self.train, seed=77)
        self.refuse("encrypt", "--owner", self.owner, "--job", self.home / "new", "--quiet",
                    words=["train.csv", "not the rows"])
        self.assertFalse((self.home / "new").exists())

    def test_an_owner_directory_without_a_plan(self):
        for command in ("keygen", "encrypt"):
            self.refuse(command, "--owner", self.home / "none", "--job", self.job,
                        words=["no plan", "cipherfit plan"])

    def test_a_model_directory_that_is_none(self):
        self.refuse("evaluate", "--model", self.home, "--test", self.test, words=["model.json"])
        (self.home / "model.json").write_text("{}")
        self.refuse("evaluate", "--model", self.home, "--test", self.test, words=["model.json"])


class FullDisk(ProgramTest):
    """A limit on the size of files stands for a disk that fills up."""

    @staticmethod
    def limit(size):
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def test_writers_say_so_and_leave_nothing_half_written(self):
        owner, job = self.encrypted_job()
        for path in (job / "evaluation_keys.cft",):
            path.unlink()
        self.refuse("keygen", "--owner", owner, "--job", job, "--quiet",
                    words=["evaluation_keys.cft", "File too large"],
                    preexec_fn=self.limit(100_000))
        self.assertEqual(sorted(p.name for p in job.iterdir()),
                         [".lock", "plan.cft", "training_data.cft"])
        self.succeed("keygen", "--owner", owner, "--job", job, "--quiet")
        self.refuse("train", "--job", job, "--quiet", words=["checkpoint.cft", "File too large"],
                    preexec_fn=self.limit(20_000))
        self.assertEqual(sorted(p.name for p in job.iterdir()),
                         [".lock", "evaluation_keys.cft", "plan.cft", "training_data.cft"])
        self.succeed("train", "--job", job, "--quiet")
        self.refuse("decrypt", "--owner", owner, "--job", job, "--out", self.home / "model",
                    words=["decryptions.json", "File too large"], preexec_fn=self.limit(10))
        self.assertFalse((self.home / "model").exists())
        # Large enough for the record of the decryption, and not for the weights.
        self.refuse("decrypt", "--owner", owner, "--job", job, "--out", self.home / "model",
                    words=["model.json", "File too large"], preexec_fn=self.limit(600))
        self.assertFalse((self.home / "model" / "model.json").exists())
        self.succeed("decrypt", "--owner", owner, "--job", job, "--out", self.home / "model")

    def test_the_library_knows_no_options_and_every_hint_has_its_words(self):
        root = pathlib.Path(__file__).resolve().parents[2]
        sources = "".join(re.sub(r'"\s*\n\s*"', "", path.read_text())
                          for path in sorted((root / "src").rglob("*.cpp")))
        strings = re.findall(r'"(?:[^"\\\n]|\\.)*"', re.sub(r"^\s*//.*$", "", sources, flags=re.M))
        self.assertEqual([text for text in strings if re.search(r"--[a-z]", text)], [])
        self.assertEqual([text for text in strings if "'cipherfit" in text], [])
        hints = (root / "app/common/option_hints.cpp").read_text()
        remedies = re.findall(r'Hint\{"([^"]*)",', hints)
        self.assertGreater(len(remedies), 8)
        for remedy in remedies:
            self.assertIn(remedy, sources)

    def test_fit_goes_on_when_there_is_room_again(self):
        out = self.home / "out"
        result = run(*self.fit_arguments(out), preexec_fn=self.limit(200_000))
        self.assertEqual(result.returncode, 2)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertIn("File too large", result.stderr)
        self.assertEqual(list(out.rglob(".cipherfit-*")), [])
        self.succeed(*self.fit_arguments(out))


if __name__ == "__main__":
    unittest.main()
