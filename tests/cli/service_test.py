#!/usr/bin/python3
"""The service: jobs over the network, breaks, kills, limits, and who may do what."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import unittest
import urllib.request
from pathlib import Path

import grpc

from cli_support import ProgramTest, server
from service_support import ServiceTest, jobs_pb2, upload_requests

code = grpc.StatusCode


class JobService(ServiceTest):
    """One job of two iterations, made once and trained by files once."""

    @classmethod
    def setUpClass(cls):
        maker = ProgramTest()
        maker.setUp()
        cls.addClassCleanup(maker.doCleanups)
        cls.owner, cls.job = maker.encrypted_job()
        trained = maker.home / "trained"
        shutil.copytree(cls.job, trained)
        maker.succeed("train", "--job", trained, "--quiet")
        cls.plan = (cls.job / "plan.cft").read_bytes()
        cls.keys = (cls.job / "evaluation_keys.cft").read_bytes()
        cls.model = (trained / "model.cft").read_bytes()

    def processes_of(self, running):
        children = Path(f"/proc/{running.process.pid}/task").glob("*/children")
        return [int(word) for file in children for word in file.read_text().split()]

    def test_a_job_over_the_network_gives_the_model_of_one_by_files(self):
        running = self.serve()
        alice = self.client(running)
        job = alice.send_job(self.job)
        events = [event.job for event in alice.watch(job.id)]
        self.assertEqual(events[-1].state, jobs_pb2.JOB_STATE_SUCCEEDED, events[-1].reason)
        # So small a job may be done before anybody sees its training; what is seen goes forward.
        # Keys and rows are loaded in the order that takes less memory.
        phases = [max(event.progress.phase, jobs_pb2.JOB_PHASE_LOAD_DATA) for event in events
                  if event.progress.phase]
        self.assertEqual(phases, sorted(phases))
        self.assertEqual(alice.download(job.id, "model.cft"), self.model)
        file = alice.files(job.id)["model.cft"]
        self.assertEqual(alice.download(job.id, "model.cft", 1000, file.sha256),
                         self.model[1000:])
        self.assertEqual(self.status_of(alice.download, job.id, "model.cft", 10, b"\0" * 32)[0],
                         code.FAILED_PRECONDITION)
        # Calls that are repeated change nothing.
        self.assertEqual(alice.send_job(self.job).id, job.id)
        self.assertEqual(alice.start(job.id).state, jobs_pb2.JOB_STATE_SUCCEEDED)
        options = jobs_pb2.TrainingOptions(review_every=1)
        self.assertEqual(self.status_of(alice.create, self.plan, "", options)[0],
                         code.ALREADY_EXISTS)
        alice.delete(job.id)
        self.assertEqual(self.status_of(alice.get, job.id)[0], code.NOT_FOUND)
        self.assertEqual(list((self.data / "jobs").iterdir()), [])
        self.assertEqual(running.terminate(), 0)

    def test_an_upload_goes_on_where_it_was_and_takes_no_wrong_byte(self):
        running = self.serve()
        alice = self.client(running)
        job = alice.create(self.plan).id
        name, data = "evaluation_keys.cft", self.keys
        broken = alice.upload
        self.assertEqual(self.status_of(broken, job, name, data, until=500_000, size=250_000)[0],
                         code.OUT_OF_RANGE)  # what was announced did not come
        self.assertEqual(alice.files(job)[name].received, 500_000)
        self.assertEqual(self.status_of(broken, job, name, data, offset=100)[0], code.OUT_OF_RANGE)
        running.kill()
        port = running.port
        running = self.serve(port=port)
        alice = self.client(running)
        self.assertEqual(alice.files(job)[name].received, 500_000)
        wrong = bytearray(data)
        wrong[700_000] ^= 1
        requests = list(upload_requests(job, name, data, 500_000))
        requests[1].chunk.data = bytes(wrong[500_000:500_000 + len(requests[1].chunk.data)])
        self.assertEqual(self.status_of(alice.send, iter(requests))[0], code.DATA_LOSS)
        self.assertEqual(alice.files(job)[name].received, 0)
        # A digest that is right of a file that is none.
        status, details = self.status_of(broken, job, name, bytes(wrong))
        self.assertEqual(status, code.INVALID_ARGUMENT)
        self.assertIn(name, details)
        self.assertNotIn(str(self.home), details)
        self.assertEqual(self.status_of(alice.start, job)[0], code.FAILED_PRECONDITION)
        self.assertTrue(alice.upload(job, name, data).complete)
        self.assertTrue(alice.upload(job, name, data).complete)  # again: nothing is sent
        self.assertEqual(self.status_of(broken, job, name, data + b"x")[0], code.ALREADY_EXISTS)
        for strange in ("model.cft", "../plan.cft", "", "batches/batch_00000.cft", "a" * 200):
            self.assertEqual(self.status_of(broken, job, strange, data)[0], code.INVALID_ARGUMENT)

    def test_a_file_of_another_job_is_refused(self):
        alice = self.client(self.serve())
        other = ProgramTest()
        other.setUp()
        self.addCleanup(other.doCleanups)
        _, job = other.encrypted_job("other")
        mine = alice.create(self.plan).id
        for name in ("evaluation_keys.cft", "training_data.cft"):
            status, details = self.status_of(alice.upload, mine, name, (job / name).read_bytes())
            self.assertEqual(status, code.INVALID_ARGUMENT)
            self.assertIn("made with another key", details)

    def test_other_clients_jobs_do_not_exist(self):
        running = self.serve()
        alice, bob = self.client(running), self.client(running, "bob")
        job = alice.send_job(self.job).id
        alice.wait(job)
        for call, arguments in ((bob.get, (job,)), (bob.files, (job,)), (bob.start, (job,)),
                                (bob.cancel, (job,)), (bob.delete, (job,)),
                                (bob.download, (job, "model.cft")), (bob.watch, (job,)),
                                (bob.upload, (job, "training_data.cft", b"x"))):
            first = self.status_of(call, *arguments)
            missing = self.status_of(call, "0" * 32, *arguments[1:])
            self.assertEqual(first[0], code.NOT_FOUND, call)
            self.assertEqual(first, missing, call)
        self.assertNotEqual(bob.create(self.plan).id, job)
        listed = bob.unary("ListJobs", jobs_pb2.ListJobsRequest(), jobs_pb2.ListJobsResponse)
        self.assertEqual(len(listed.jobs), 1)

    def test_killed_at_any_moment_it_goes_on(self):
        running = self.serve()
        job = self.client(running).send_job(self.job).id
        moments = (0.05, 0.2, 0.3, 0.35)
        for moment in moments:
            time.sleep(moment)
            running.kill()
            running = self.serve()
        alice = self.client(running)
        self.assertEqual(alice.wait(job).state, jobs_pb2.JOB_STATE_SUCCEEDED)
        self.assertEqual(alice.download(job, "model.cft"), self.model)
        result = subprocess.run([server, "audit", "verify", "--data", self.data],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_sigterm_keeps_the_checkpoint_and_the_place(self):
        running = self.serve()
        alice = self.client(running)
        jobs = [alice.send_job(self.job, str(i)).id for i in range(3)]
        # On a machine so fast that one is done by then, another runs or waits.
        self.wait_until(lambda: alice.get(jobs[0]).state >= jobs_pb2.JOB_STATE_RUNNING)
        self.assertEqual(running.terminate(), 0)
        running = self.serve()
        alice = self.client(running)
        for job in jobs:
            self.assertEqual(alice.wait(job).state, jobs_pb2.JOB_STATE_SUCCEEDED)
        self.assertEqual(alice.download(jobs[0], "model.cft"), self.model)

    def test_a_crash_is_that_jobs_alone(self):
        running = self.serve()
        alice = self.client(running)
        job = alice.send_job(self.job).id
        found = []
        self.wait_until(lambda: found.extend(self.processes_of(running)) or found)
        os.kill(found[0], signal.SIGSEGV)
        ended = alice.wait(job)
        self.assertEqual(ended.state, jobs_pb2.JOB_STATE_FAILED)
        self.assertIn("crashed", ended.reason)
        alice.start(job)
        self.assertEqual(alice.wait(job).state, jobs_pb2.JOB_STATE_SUCCEEDED)

    def test_a_process_beyond_its_limits_says_so_in_one_line(self):
        for option, value, words in (("--memory-limit", "20000000", "memory"),
                                     ("--file-limit", "10000", "too large")):
            job = self.home / f"job{option}"
            shutil.copytree(self.job, job)
            result = subprocess.run([server, "run", job, "--quiet", "--threads", "2", option,
                                     value], capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            self.assertIn(words, result.stderr)
            self.assertFalse((job / "model.cft").exists())

    def test_queue_cancel_and_fair_turns(self):
        running = self.serve()
        alice, bob = self.client(running), self.client(running, "bob")
        first = [alice.send_job(self.job, str(i)).id for i in range(4)]
        late = bob.send_job(self.job).id
        self.assertLessEqual(bob.get(late).queue_position, 2)
        self.assertEqual(alice.cancel(first[3]).state, jobs_pb2.JOB_STATE_CANCELLED)
        self.wait_until(lambda: alice.get(first[0]).state >= jobs_pb2.JOB_STATE_RUNNING)
        alice.cancel(first[0])
        self.assertIn(alice.wait(first[0]).state,
                      (jobs_pb2.JOB_STATE_CANCELLED, jobs_pb2.JOB_STATE_SUCCEEDED))
        alice.delete(first[1])
        self.assertEqual(bob.wait(late).state, jobs_pb2.JOB_STATE_SUCCEEDED)
        self.assertEqual(alice.wait(first[2]).state, jobs_pb2.JOB_STATE_SUCCEEDED)

    def test_a_review_waits_without_a_process_for_a_signed_answer(self):
        running = self.serve()
        alice = self.client(running)
        options = jobs_pb2.TrainingOptions(review_every=1)
        job = alice.send_job(self.job, options=options).id
        waiting = alice.wait(job)
        self.assertEqual((waiting.state, waiting.review_iteration),
                         (jobs_pb2.JOB_STATE_AWAITING_REVIEW, 1), waiting.reason)
        self.assertEqual(self.processes_of(running), [])
        local = self.home / "local"
        shutil.copytree(self.job, local)
        name = "checkpoints/iteration_0001"
        (local / "checkpoints").mkdir()
        (local / f"{name}.cft").write_bytes(alice.download(job, f"{name}.cft"))
        self.succeed("review", "--owner", self.owner, "--job", local, "--answer", "stop",
                     "--validation", self.test, "--out", self.home / "model")
        answer = (local / f"{name}.answer.json").read_bytes()

        def send(bytes_, iteration=1):
            return alice.unary("AnswerReview", jobs_pb2.AnswerReviewRequest(
                id=job, iteration=iteration, answer=bytes_))
        forged = answer.replace(b'"stop"', b'"continue"')
        self.assertEqual(self.status_of(send, forged)[0], code.INVALID_ARGUMENT)
        self.assertEqual(self.status_of(send, b"x" * 5000)[0], code.INVALID_ARGUMENT)
        self.assertEqual(self.status_of(send, answer, 2)[0], code.FAILED_PRECONDITION)
        send(answer)
        self.assertEqual(alice.wait(job).state, jobs_pb2.JOB_STATE_STOPPED)
        send(answer)  # the same call again

    def test_checkpoints_that_are_kept_count_as_disk(self):
        alice = self.client(self.serve())
        disk = [alice.create(self.plan, label, jobs_pb2.TrainingOptions(
            keep_checkpoints_every=every)).cost.disk_bytes
            for label, every in (("none", 0), ("second", 2), ("each", 1))]
        self.assertLess(disk[0], disk[1])
        self.assertLess(disk[1], disk[2])

    def test_a_file_that_the_database_did_not_take_can_be_sent_again(self):
        running = self.serve()
        alice = self.client(running)
        job = alice.create(self.plan).id
        name, data = "evaluation_keys.cft", (self.job / "evaluation_keys.cft").read_bytes()
        with sqlite3.connect(self.data / "service.sqlite") as database:
            database.execute("CREATE TRIGGER never BEFORE UPDATE OF complete ON files WHEN "
                             "NEW.complete = 1 BEGIN SELECT RAISE(ABORT, 'no'); END")
        self.assertEqual(self.status_of(alice.upload, job, name, data)[0], code.INTERNAL)
        self.assertFalse(alice.files(job)[name].complete)
        with sqlite3.connect(self.data / "service.sqlite") as database:
            database.execute("DROP TRIGGER never")
        received = alice.files(job)[name].received
        self.assertEqual(received, len(data))
        self.assertTrue(alice.upload(job, name, data, received).complete)

    def test_a_job_that_was_cancelled_while_files_were_missing_goes_on(self):
        running = self.serve()
        alice = self.client(running)
        job = alice.create(self.plan).id
        self.assertEqual(alice.cancel(job).state, jobs_pb2.JOB_STATE_CANCELLED)
        self.assertEqual(self.status_of(alice.start, job)[0], code.FAILED_PRECONDITION)
        self.assertEqual(alice.send_job(self.job).id, job)
        self.assertEqual(alice.wait(job).state, jobs_pb2.JOB_STATE_SUCCEEDED)

    def test_quotas_retention_and_admission_are_told(self):
        running = self.serve("--quota-jobs", "1", "--retention-hours", "0.0005")
        alice = self.client(running)
        job = alice.send_job(self.job).id
        status, details = self.status_of(alice.create, self.plan, "second")
        self.assertEqual(status, code.RESOURCE_EXHAUSTED)
        self.assertIn("quota", details)
        alice.wait(job)
        self.wait_until(lambda: not list((self.data / "jobs").iterdir()))
        self.assertEqual(running.terminate(), 0)
        running = self.serve("--memory", "1MB")
        status, details = self.status_of(self.client(running).create, self.plan)
        self.assertEqual(status, code.RESOURCE_EXHAUSTED)
        self.assertIn("memory", details)

    def test_health_metrics_and_one_server_a_directory(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            metrics = f"127.0.0.1:{free.getsockname()[1]}"
        running = self.serve("--metrics", metrics)
        alice = self.client(running)
        health = alice.channel.unary_unary("/grpc.health.v1.Health/Check")
        self.assertEqual(health(b""), b"\x08\x01")  # SERVING
        alice.info()
        self.status_of(alice.get, "none")
        with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=10) as page:
            text = page.read().decode()
        self.assertIn('cipherfit_calls_total{method="GetServerInfo",status="0"} 1', text)
        self.assertIn('cipherfit_calls_total{method="GetJob",status="5"} 1', text)
        self.assertIn("cipherfit_jobs_queued 0", text)
        # What the kernel lacks of the confinement stands in the log and there.
        lacking = [part for event in running.events("confinement_lacking")
                   for part in event["parts"]]
        self.assertEqual(bool(lacking), not running.events("jobs_confined"))
        for part in ("network namespace", "capabilities", "landlock", "landlock truncate",
                     "seccomp"):
            self.assertIn(f'cipherfit_confinement_lacking{{part="{part}"}} {int(part in lacking)}',
                          text)
        # The key of its certificate is in no core dump.
        limits = Path(f"/proc/{running.process.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        # Connections that never say anything do not keep others out.
        for _ in range(100):
            silent = socket.create_connection(("127.0.0.1", running.port))
            self.addCleanup(silent.close)
        self.client(running, "bob").info()
        second = subprocess.run([server, "serve", "--listen", "127.0.0.1:0", "--data", self.data,
                                 "--pki", self.pki / "server"], capture_output=True, text=True,
                                check=False, timeout=60)
        self.assertEqual(second.returncode, 2)
        self.assertEqual(len(second.stderr.splitlines()), 1, second.stderr)


if __name__ == "__main__":
    unittest.main()
