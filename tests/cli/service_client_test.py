#!/usr/bin/python3
"""The owner's side of the service: the same results as by files, over lines that break and past
servers that are killed; what is refused."""

import random
import shutil
import signal
import subprocess
import unittest

from cli_support import ProgramTest, cipherfit, files_of
from remote_support import CuttingProxy, Service, wait_for


class ServiceTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.place = self.home / "service"
        self.place.mkdir()
        self.service = Service(self.place, clients=("alice", "bob")).start()
        self.addCleanup(self.service.end)

    def remote(self, address=None, client="alice", patience=60):
        return ("--server", address or self.service.address, "--identity", self.service.identity(client),
                "--server-patience", patience)

    def jobs_left(self):
        jobs = self.place / "data/jobs"
        return [path.name for path in jobs.iterdir()] if jobs.is_dir() else []



class Jobs(ServiceTest):
    def jobs(self, word, *arguments, **options):
        return self.succeed("jobs", word, *arguments, *self.remote(**options)).stdout.splitlines()

    def test_jobs_are_listed_cancelled_and_deleted_by_their_owner(self):
        _, job = self.encrypted_job()
        self.assertEqual(self.jobs("list"), [])
        self.succeed("train", "--job", job, "--quiet", *self.remote())
        (line,) = self.jobs("list")
        number, state = line.split()[0], line.split()[-1]
        self.assertEqual(state, "succeeded")
        self.assertEqual(self.jobs("list", client="bob"), [])
        self.refuse("jobs", "cancel", number, *self.remote(client="bob"), words=["no such job"])
        self.refuse("jobs", "delete", number, *self.remote(client="bob"), words=["no such job"])
        self.assertEqual(self.jobs("cancel", number), [line], "what is over stays what it is")
        self.assertEqual(self.jobs("delete", number), [f"{number}  deleted"])
        self.refuse("jobs", "delete", number, *self.remote(), words=["no such job"])
        self.assertEqual(self.jobs("list"), [])
        self.refuse("jobs", "list", words=["--server"])
        # One whose files are on their way has not begun, and ends at once.
        other = self.home / "other"
        shutil.copytree(job, other, ignore=shutil.ignore_patterns("model.cft", ".service"))
        keys = other / "evaluation_keys.cft"
        keys.rename(self.home / "keys")
        self.refuse("train", "--job", other, "--quiet", *self.remote())
        (line,) = self.jobs("list")
        self.assertTrue(line.endswith("waits for files"), line)
        self.assertEqual(self.jobs("cancel", line.split()[0])[0].split()[-1], "cancelled")


class SameAsByFiles(ServiceTest):
    def test_a_job_trained_by_the_service_gives_the_bytes_that_a_server_gives(self):
        owner, job = self.encrypted_job()
        copy = self.home / "copy"
        shutil.copytree(job, copy)
        self.succeed("train", "--job", job, "--keep-checkpoints", "1", "--quiet")
        self.succeed("train", "--job", copy, "--keep-checkpoints", "1", "--quiet", *self.remote())
        by_files, by_service = files_of(job), files_of(copy)
        for name in ("model.cft", "checkpoints/iteration_0001.cft"):
            self.assertEqual(by_files[name], by_service[name], name)
        self.assertIn("server_report.json", by_service)
        self.assertFalse([name for name in by_service if name.endswith(".part")])
        self.succeed("decrypt", "--owner", owner, "--job", copy, "--out", self.home / "model", "--quiet")
        again = self.succeed("train", "--job", copy, *self.remote())
        self.assertIn("the model is there already", again.stderr)

    def test_fit_and_predict(self):
        shown = self.home / "shown"
        result = self.succeed(*[word for word in self.fit_arguments(shown) if word != "--quiet"], *self.remote())
        # So small a job may be done before its training is seen.
        for words in ("service: connecting", "sending evaluation_keys.cft",
                      "sending training_data.cft", "getting model.cft"):
            self.assertIn(words, result.stderr)
        self.assertTrue((shown / "report.html").exists())
        self.assertTrue((shown / "model/weights.npy").exists())
        for name in ("model.cft", "server_report.json", ".service"):
            self.assertEqual((shown / "job" / name).stat().st_mode & 0o077, 0, name)
        self.assertEqual(self.jobs_left(), [], "what is done is deleted")
        # The same again: nothing is left to do.
        self.succeed(*self.fit_arguments(shown), *self.remote())
        predicted = [self.home / name for name in ("here.csv", "there.csv")]
        arguments = ("predict", "--model", shown / "model", "--data", self.test, "--quiet", "--out")
        self.succeed(*arguments, predicted[0])
        self.succeed(*arguments, predicted[1], *self.remote())
        classes = [[line.split(",")[:2] for line in path.read_text().splitlines()] for path in predicted]
        self.assertEqual(*classes)
        self.assertEqual(self.jobs_left(), [])


class BrokenLines(ServiceTest):
    def test_an_upload_that_is_cut_at_random(self):
        _, job = self.encrypted_job()
        copy = self.home / "copy"
        shutil.copytree(job, copy)
        self.succeed("train", "--job", job, "--quiet")
        size = sum(path.stat().st_size for path in copy.rglob("*.cft"))
        chance = random.Random(3)
        cuts = [chance.randrange(3000, max(4000, size // 3)) for _ in range(5)]
        proxy = CuttingProxy(self.service.port, cuts)
        self.addCleanup(proxy.close)
        self.succeed("train", "--job", copy, "--quiet", *self.remote(proxy.address))
        self.assertGreaterEqual(proxy.done_cuts, 2)
        self.assertEqual((job / "model.cft").read_bytes(), (copy / "model.cft").read_bytes())

    def test_a_client_that_is_killed_goes_on(self):
        _, job = self.encrypted_job()
        process = subprocess.Popen(
            [str(word) for word in (cipherfit, "train", "--job", job, "--quiet", *self.remote())],
            stderr=subprocess.PIPE, text=True)
        wait_for(lambda: self.jobs_left() or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        self.succeed("train", "--job", job, "--quiet", *self.remote())
        self.assertTrue((job / "model.cft").exists())
        self.assertEqual(len(self.jobs_left()), 1)

    def test_a_server_that_is_killed_while_it_trains(self):
        owner, job = self.home / "owner", self.home / "job"
        self.succeed("plan", "--train", self.train, "--owner", owner, "--features", "raw",
                     "--iterations", "5", "--quiet")
        self.succeed("keygen", "--owner", owner, "--job", job, "--quiet")
        self.succeed("encrypt", "--owner", owner, "--job", job, "--quiet")
        copy = self.home / "copy"
        shutil.copytree(job, copy)
        self.succeed("train", "--job", job, "--quiet")
        process = subprocess.Popen(
            [str(word) for word in (cipherfit, "train", "--job", copy, "--quiet", *self.remote())],
            stderr=subprocess.PIPE, text=True)
        for _ in range(2):
            before = {path: path.stat().st_mtime_ns for path in self.place.rglob("checkpoint.cft")}
            wait_for(lambda: process.poll() is not None or any(
                before.get(path) != path.stat().st_mtime_ns for path in self.place.rglob("checkpoint.cft")))
            self.service.kill()
            self.service.start()
        _, said = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 0, said)
        self.assertEqual((job / "model.cft").read_bytes(), (copy / "model.cft").read_bytes())


class Reviews(ServiceTest):
    def test_reviews_through_the_service(self):
        owner, job = self.home / "owner", self.home / "job"
        self.succeed("plan", "--train", self.train, "--owner", owner, "--features", "raw", "--iterations", "3",
                     "--models-every", "1", "--quiet")
        self.succeed("keygen", "--owner", owner, "--job", job, "--quiet")
        self.succeed("encrypt", "--owner", owner, "--job", job, "--quiet")
        train = ("train", "--job", job, "--review-every", "1", "--quiet", *self.remote())
        review = ("review", "--owner", owner, "--job", job, "--validation", self.test, "--quiet", *self.remote())
        self.refuse(*review, words=["was not sent to a service yet"])
        self.refuse(*train, words=["iteration 1 waits for the owner's answer"], status=130)
        self.succeed(*review, "--answer", "continue")
        self.refuse(*train, words=["iteration 2 waits for the owner's answer"], status=130)
        self.succeed(*review, "--answer", "stop", "--out", self.home / "model")
        stopped = self.succeed(*train)
        self.assertIn("the owner has stopped the run", stopped.stderr)
        self.assertFalse((job / "model.cft").exists())
        self.refuse(*review, words=["waits for no answer"])


class Refusals(ServiceTest):
    def test_what_cannot_work_says_why_in_a_line(self):
        _, job = self.encrypted_job()
        train = ("train", "--job", job, "--quiet")
        self.refuse(*train, "--server", self.service.address, words=["--identity"])
        self.refuse(*train, "--server", "nonsense", "--identity", self.service.identity(), words=["HOST:PORT"])
        self.refuse(*train, "--server", self.service.address, "--identity", self.home / "nobody",
                    words=["ca.pem", "cannot be read"])
        self.refuse(*train, *self.remote("localhost:1", patience=1), words=["cannot be reached"])
        other = self.home / "other"
        other.mkdir()
        stranger = Service(other, clients=("eve",))
        self.addCleanup(stranger.end)
        mixed = self.home / "mixed"  # the right authority for the server, a certificate of another
        shutil.copytree(stranger.identity("eve"), mixed)
        shutil.copy(self.service.identity() / "ca.pem", mixed / "ca.pem")
        self.refuse(*train, "--server", self.service.address, "--identity", mixed, "--server-patience", 1,
                    words=["does not take the identity"])
        (mixed / "key.pem").chmod(0o644)
        self.refuse(*train, "--server", self.service.address, "--identity", mixed, words=["chmod 600"])
        self.refuse(*train[:2], self.home / "nothing", *self.remote(), words=["is no directory of a job"])
        self.refuse(*self.fit_arguments(self.home / "out"), "--fhe", "simulate", *self.remote(),
                    words=["simulated"])
        self.refuse("predict", "--server-model", self.home, "--data", self.test, "--out", self.home / "p.csv",
                    *self.remote(), words=["--server-model"])
        self.assertFalse((job / "model.cft").exists())

    def test_a_damaged_file_is_refused_by_the_service(self):
        _, job = self.encrypted_job()
        data = bytearray((job / "training_data.cft").read_bytes())
        data[len(data) // 2] ^= 1
        (job / "training_data.cft").write_bytes(bytes(data))
        self.refuse("train", "--job", job, "--quiet", *self.remote(), words=["training_data.cft"])
        (job / "training_data.cft").unlink()
        self.refuse("train", "--job", job, "--quiet", *self.remote(), words=["is missing", "encrypt"])


if __name__ == "__main__":
    unittest.main()
