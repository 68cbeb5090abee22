#!/usr/bin/python3
"""Outputs: links and devices are written through, what is read or kept is never written over, what
cannot be written is refused before the work, and --force removes what the program wrote alone."""

import json
import os
import stat
import subprocess
import threading
import unittest

import numpy as np

from cli_support import ProgramTest, cipherfit, files_of, run
from image_support import SmallNetwork, write_folder


class Outputs(ProgramTest):
    def simulated(self, out, *more):
        return (*self.fit_arguments(out, "--fhe", "simulate"), *more)

    def model(self):
        out = self.home / "run"
        if not out.exists():
            self.succeed(*self.simulated(out))
        return out / "model"

    def writers(self):
        """Commands with an option for an output file that is left to the caller, and what of it is
        found in the bytes."""
        model = self.model()
        data = ("--model", model, "--data", self.test)
        self.writer_count = getattr(self, "writer_count", 0) + 1
        out = self.home / f"written{self.writer_count}"
        yield (*self.simulated(out), "--json"), b"security_bits"
        yield (*self.simulated(self.home / f"{out}-report"), "--report"), b"<!"
        yield ("plan", "--train", self.train, "--iterations", "2", "--quiet", "--json"), b"log_n"
        yield ("rehearse", "--train", self.train, "--iterations", "2", "--quiet",
               "--json"), b"chosen"
        yield ("rehearse", "--train", self.train, "--iterations", "2", "--quiet",
               "--out"), b"sigmoid_range"
        yield ("evaluate", "--model", model, "--test", self.test, "--json"), b"confusion"
        yield ("predict", *data, "--quiet", "--out"), b"probability_1"
        yield ("predict", *data, "--quiet", "--out", self.home / "p.csv", "--scores"), b"NUMPY"

    def test_a_link_stays_and_the_file_behind_it_is_replaced(self):
        folder = self.home / "elsewhere"
        folder.mkdir()
        for number, (command, word) in enumerate(self.writers()):
            with self.subTest(command):
                target, link = folder / str(number), self.home / f"link{number}"
                if number % 2 == 0:  # the others lead to a file that is not there yet
                    target.write_text("old")
                link.symlink_to(target if number % 3 else os.path.relpath(target, self.home))
                self.succeed(*command, link)
                self.assertTrue(link.is_symlink())
                self.assertIn(word, target.read_bytes())
                self.assertEqual(stat.S_IMODE(target.stat().st_mode), 0o600)
        self.assertEqual(sorted(path.name for path in folder.iterdir()),
                         sorted(str(n) for n in range(number + 1)))

    def test_devices_pipes_and_standard_output_are_written_to(self):
        device = self.home / "dev"
        device.symlink_to("/proc/self/fd/1")
        for command, word in self.writers():
            with self.subTest(command):
                words = [str(w) for w in (cipherfit, *command)]
                result = subprocess.run([*words, device], capture_output=True, check=False)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(word, result.stdout)
                self.assertTrue(device.is_symlink())
        for name, (command, word) in enumerate(self.writers()):
            fifo = self.home / f"fifo{name}"
            os.mkfifo(fifo)
            received = []
            reader = threading.Thread(target=lambda: received.append(fifo.read_bytes()))
            reader.start()
            self.succeed(*command, fifo)
            reader.join()
            self.assertIn(word, received[0])
            self.assertTrue(fifo.is_fifo())
        null = self.home / "null"
        null.symlink_to("/dev/null")
        for command, _ in self.writers():
            self.succeed(*command, null)
            self.assertTrue(null.is_symlink())
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))

    def test_standard_output_holds_the_result_alone(self):
        command = ("evaluate", "--model", self.model(), "--test", self.test, "--json")
        result = self.succeed(*command, "/dev/stdout")
        self.assertIn("accuracy", json.loads(result.stdout))
        self.assertIn("predicted as", result.stderr)
        # A file behind standard output is gone on with, neither replaced nor begun anew.
        log = self.home / "log"
        with open(log, "w", encoding="ascii") as file:
            file.write("before\n")
            file.flush()
            subprocess.run([str(w) for w in (cipherfit, *command, "/dev/stdout")], stdout=file,
                           stderr=subprocess.DEVNULL, check=True)
            file.write("after\n")
        text = log.read_text()
        self.assertTrue(text.startswith("before\n{") and text.endswith("}\nafter\n"), text)
        # By its own name it would be replaced under the stream.
        with open(log, "w", encoding="ascii") as file:
            result = subprocess.run([str(w) for w in (cipherfit, *command, log)], stdout=file,
                                    stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("standard output goes there too", result.stderr)

    def test_what_cannot_be_written_is_refused_before_the_work(self):
        closed = self.home / "closed"
        closed.mkdir()
        before = files_of(self.home)
        for command, _ in self.writers():
            for path, words in ((closed, "directory"), (self.home / "none/file", "No such file"),
                                (self.train / "file", "Not a directory"), ("", "is empty"),
                                ("/dev/full", "No space left"), ("/proc/file", "/proc/file")):
                with self.subTest(command, path=path):
                    self.refuse(*command, path, words=[words])
            for out in self.home.glob("written*"):
                self.fail(f"{out} was written")
        after = files_of(self.home)
        self.assertEqual({name: after[name] for name in before}, before)

    def test_chmod(self):
        """As somebody who may not read or write everything: a line, status 2, nothing lost."""
        model, folder = self.model(), self.home / "folder"
        folder.mkdir()
        protected = folder / "protected"
        protected.write_text("mine")
        programs, options = self.as_other_user(folder, model.parent)
        for path in (self.train, self.test):
            path.chmod(0o644)
        protected.chmod(0o444)

        def other(*command):
            result = subprocess.run([str(w) for w in (programs / "cipherfit", *command)],
                                    capture_output=True, text=True, check=False, cwd=folder,
                                    **options)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertRegex(result.stderr, r"\Acipherfit: .*Permission denied.*\n\Z")
            self.assertEqual(result.stdout, "")

        def fit(out):
            return [w if w != "OUT" else out for w in self.simulated("OUT")]

        other(*fit(folder / "a"), "--json", protected)
        other("plan", "--train", self.train, "--json", protected, "--quiet")
        folder.chmod(0o500)
        other(*fit(folder / "a"))
        other("plan", "--train", self.train, "--owner", folder / "owner", "--quiet")
        other("evaluate", "--model", model, "--test", self.test, "--json", folder / "new")
        folder.chmod(0o000)
        other(*fit(folder))
        other("evaluate", "--model", model, "--test", self.test, "--json", folder / "new")
        other("decrypt", "--owner", folder, "--job", folder / "job", "--out", self.home / "m")
        other("keygen", "--owner", folder / "owner", "--job", folder / "job")
        other("report", "--run", folder)
        other("inspect", folder / "plan.cft")
        other("train", "--job", folder)
        other("extract", "--images", folder, "--out", self.home / "features")
        folder.chmod(0o700)
        self.train.chmod(0o000)
        other(*fit(folder / "a"))
        other("rehearse", "--train", self.train, "--quiet")
        (model / "weights.npy").chmod(0o000)
        other("evaluate", "--model", model, "--test", self.test)
        other("predict", "--model", model, "--data", self.test, "--out", folder / "p")
        self.assertEqual(protected.read_text(), "mine")
        self.assertEqual([path.name for path in folder.iterdir()], ["protected"])

    def test_what_is_read_or_kept_is_not_written_over(self):
        model = self.model()
        recipe = self.home / "recipe.json"
        self.succeed("rehearse", "--train", self.train, "--iterations", "2", "--quiet", "--out",
                     recipe)
        hard, link = self.home / "hard", self.home / "soft"
        os.link(self.train, hard)
        link.symlink_to(self.test)
        before = files_of(self.home)
        out = self.home / "new"
        fit = ("fit", "--train", self.train, "--test", self.test, "--out", out, "--fhe", "simulate",
               "--quiet")
        data = ("--model", model, "--data", self.test, "--quiet")
        for command in ((*fit, "--json", self.train), (*fit, "--json", self.test),
                        (*fit, "--report", self.train), (*fit, "--json", hard),
                        (*fit, "--json", link), (*fit, "--recipe", recipe, "--json", recipe),
                        (*fit, "--json", self.home / "x", "--report", self.home / "x"),
                        (*fit, "--json", self.home / "x", "--report", self.home / "./new/../x"),
                        (*fit, "--json", out / "model/weights.npy"),
                        (*fit, "--json", out / "owner/secret.key"),
                        ("plan", "--train", self.train, "--json", self.train),
                        ("plan", "--train", self.train, "--owner", out, "--json",
                         out / "plan.json"),
                        ("rehearse", "--train", self.train, "--out", self.train),
                        ("rehearse", "--train", self.train, "--json", recipe, "--out", recipe),
                        ("evaluate", "--model", model, "--test", self.test, "--json", self.test),
                        ("evaluate", "--model", model, "--test", self.test, "--json",
                         model / "model.json"),
                        ("predict", *data, "--out", self.test),
                        ("predict", *data, "--out", model / "weights.npy"),
                        ("predict", *data, "--out", self.home / "p", "--scores", self.home / "p"),
                        ("predict", *data, "--out", self.home / "p", "--scores", self.test)):
            with self.subTest(command):
                self.refuse(*command, words=["give"])
        self.assertEqual(files_of(self.home), before)

    def test_rows_with_files_beside_them(self):
        folder = self.home / "rows"
        folder.mkdir()
        np.save(folder / "X.npy", self.test_values)
        np.save(folder / "y.npy", self.test_labels)
        before = files_of(folder)
        for train in (folder, folder / "X.npy"):
            for name in ("X.npy", "y.npy"):
                self.refuse("plan", "--train", train, "--json", folder / name, words=["--json"])
        self.assertEqual(files_of(folder), before)
        for _ in range(2):  # other names beside them are the user's to choose, again and again
            self.succeed("plan", "--train", folder, "--json", folder / "plan.json", "--iterations",
                         "2", "--quiet")

    def test_nothing_private_goes_to_the_server(self):
        owner, job = self.encrypted_job()
        before = files_of(job)
        self.refuse("keygen", "--owner", owner, "--job", owner, words=["goes to the server"])
        inner = self.home / "job2"
        inner.mkdir()
        self.succeed("plan", "--train", self.train, "--iterations", "2", "--quiet", "--owner",
                     inner / "owner")
        self.refuse("keygen", "--owner", inner / "owner", "--job", inner,
                    words=["goes to the server"])
        self.succeed("train", "--job", job, "--quiet")
        before = files_of(job)
        pair = ("--owner", owner, "--job", job)
        self.refuse("decrypt", *pair, "--out", job, words=["goes to the server"])
        self.refuse("decrypt", *pair, "--out", job / "model", words=["goes to the server"])
        self.refuse("decrypt", *pair, "--out", owner, words=["--owner"])
        self.refuse("report", *pair, "--test", self.test, "--out", job / "report.html",
                    words=["goes to the server"])
        data = ("--model", self.model(), "--data", self.test)
        self.refuse("encrypt-rows", *data, "--owner", self.home / "same", "--job",
                    self.home / "same", words=["goes to the server"])
        self.assertFalse((self.home / "same").exists())
        self.assertEqual(files_of(job), before)

    def test_images_are_not_written_among(self):
        photos, network = self.home / "photos", self.home / "net.onnx"
        write_folder(photos, {"ant": 2, "bird": 2})
        SmallNetwork().write(network)
        before = files_of(photos)
        base = ("extract", "--images", photos, "--backbone", network, "--quiet")
        for more in (("--out", photos), ("--out", photos / "features"),
                     ("--out", photos / "ant/features"),
                     ("--out", self.home / "f", "--json", photos / "ant/about.json"),
                     ("--out", self.home / "f", "--json", network)):
            self.refuse(*base, *more, words=["--images" if more[-1] != network else "--backbone"])
        self.assertEqual(files_of(photos), before)


class Force(ProgramTest):
    def test_only_what_the_program_wrote_is_removed(self):
        out = self.home / "out"
        self.fit(out)
        notes = [out / folder / "notes.txt" for folder in ("model", "owner", "job")]
        for path in notes:
            path.write_text("mine")
        key = (out / "owner/secret.key").read_bytes()
        self.succeed(*self.fit_arguments(out, "--force"))
        self.assertNotEqual((out / "owner/secret.key").read_bytes(), key)
        self.succeed(*self.fit_arguments(out, "--force", "--fhe", "simulate"))
        for path in notes:
            self.assertEqual(path.read_text(), "mine")
        names = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
        self.assertEqual({name for name in names if not name.endswith((".lock", "notes.txt"))},
                         {name for name in names if name.startswith("model/")} - {
                             "model/notes.txt"})

    def test_nothing_is_removed_behind_a_link(self):
        other, out = self.home / "other", self.home / "out"
        self.fit(other)
        before = files_of(other)
        out.symlink_to(other)
        for more in ((), ("--fhe", "simulate")):
            self.refuse(*self.fit_arguments(out, "--force", *more), words=["symbolic link"])
        out.unlink()
        for name in ("owner", "job", "model", "report.html", "job/model.cft"):
            with self.subTest(name):
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                (out / name).symlink_to(other / name)
                for more in ((), ("--fhe", "simulate")):
                    result = run(*self.fit_arguments(out, "--force", *more))
                    self.assertIn(result.returncode, (0, 2), result.stderr)
                self.assertEqual(files_of(other), before)
                self.assertTrue((out / name).is_symlink())
                (out / name).unlink()
        self.assertEqual(files_of(other), before)

    def test_a_force_that_fails_keeps_the_earlier_run(self):
        out = self.home / "out"
        self.fit(out)
        before = files_of(out)
        for more in (("--sigmoid-range", "0.01"), ("--json", self.train)):
            self.refuse(*self.fit_arguments(out, "--force", *more))
            self.assertEqual(files_of(out), before)

    def test_a_simulated_run_by_force_mixes_with_nothing(self):
        out = self.home / "out"
        self.fit(out)
        arguments = list(self.fit_arguments(out, "--force", "--fhe", "simulate"))
        arguments[arguments.index("--iterations") + 1] = "1"
        self.succeed(*arguments)
        left = [str(path.relative_to(out)) for path in out.rglob("*")
                if path.is_file() and path.name != ".lock"]
        self.assertTrue(all(name.startswith("model/") for name in left), left)
        # The same again goes on; others are another run.
        arguments.remove("--force")
        self.succeed(*arguments)
        arguments[arguments.index("--iterations") + 1] = "2"
        self.refuse(*arguments, words=["out"])
        self.refuse(*self.fit_arguments(out), words=["holds another run"])

    def test_renew_removes_the_jobs_files_alone(self):
        owner, job = self.encrypted_job()
        (job / "notes.txt").write_text("mine")
        keys = (job / "evaluation_keys.cft").read_bytes()
        data = (job / "training_data.cft").read_bytes()
        self.succeed("encrypt", "--owner", owner, "--job", job, "--renew", "--quiet")
        self.assertNotEqual((job / "training_data.cft").read_bytes(), data)
        self.assertEqual((job / "evaluation_keys.cft").read_bytes(), keys)
        self.assertEqual((job / "notes.txt").read_text(), "mine")


if __name__ == "__main__":
    unittest.main()
