#!/usr/bin/python3
"""Calls that are too large, too slow, too many or no calls at all, and the settings file."""

import os
import sqlite3
import subprocess
import time
import unittest

import grpc

from cli_support import ProgramTest, server
from service_support import (Server, ServiceTest, chunk_bytes, jobs_pb2, transfer_pb2,
                             upload_requests)

code = grpc.StatusCode


class Abuse(ServiceTest):
    @classmethod
    def setUpClass(cls):
        maker = ProgramTest()
        maker.setUp()
        cls.addClassCleanup(maker.doCleanups)
        _, job = maker.encrypted_job()
        cls.plan = (job / "plan.cft").read_bytes()
        cls.keys = (job / "evaluation_keys.cft").read_bytes()

    def test_large_slow_and_malformed_calls_leave_it_up(self):
        running = self.serve("--stall-seconds", "1")
        alice = self.client(running)
        job = alice.create(self.plan).id
        name = "evaluation_keys.cft"
        header = next(upload_requests(job, name, self.keys))
        chunk = transfer_pb2.UploadRequest(
            chunk=transfer_pb2.Chunk(data=bytes(chunk_bytes + (1 << 17))))
        self.assertEqual(self.status_of(alice.send, iter([header, chunk]))[0],
                         code.RESOURCE_EXHAUSTED)
        huge = transfer_pb2.UploadRequest(header=transfer_pb2.UploadHeader(
            id=job, name=name, bytes=1 << 50, sha256=bytes(32)))
        self.assertEqual(self.status_of(alice.send, iter([huge]))[0], code.RESOURCE_EXHAUSTED)

        def slowly():
            yield header
            time.sleep(3)
        self.assertEqual(self.status_of(alice.send, slowly())[0], code.DEADLINE_EXCEEDED)

        def a_byte_now_and_then():
            yield header
            for i in range(100):
                yield transfer_pb2.UploadRequest(
                    chunk=transfer_pb2.Chunk(offset=i, data=self.keys[i:i + 1]))
                time.sleep(0.1)
        status, details = self.status_of(alice.send, a_byte_now_and_then())
        self.assertEqual(status, code.DEADLINE_EXCEEDED)
        self.assertIn("too slowly", details)
        for method in ("CreateJob", "GetJob", "StartJob"):
            call = alice._call("unary_unary", "Jobs", method, bytes, jobs_pb2.Job)
            # The answer of gRPC itself, whose version decides which of the two.
            self.assertIn(self.status_of(call, b"\xff" * 50, timeout=10)[0],
                          (code.INTERNAL, code.UNIMPLEMENTED))
        self.assertEqual(self.status_of(alice.send, iter([]))[0], code.INVALID_ARGUMENT)
        self.assertEqual(self.status_of(alice.create, b"no plan")[0], code.INVALID_ARGUMENT)
        self.assertEqual(self.status_of(alice.create, self.plan, "a/b")[0], code.INVALID_ARGUMENT)
        self.assertEqual(alice.get(job).state, jobs_pb2.JOB_STATE_UPLOADING)

    def test_one_client_with_many_calls_keeps_none_from_theirs(self):
        running = self.serve()
        alice, bob = self.client(running), self.client(running, "bob")
        create = alice._call("unary_unary", "Jobs", "CreateJob", jobs_pb2.CreateJobRequest,
                             jobs_pb2.Job)
        futures = [create.future(jobs_pb2.CreateJobRequest(plan=self.plan, label=f"n{i}"),
                                 timeout=120) for i in range(280)]
        begin = time.monotonic()
        bob.info()
        bob.create(self.plan)  # takes the turn after the one at hand
        spent = time.monotonic() - begin
        codes = [future.code() for future in futures]
        self.assertEqual(set(codes), {code.OK, code.RESOURCE_EXHAUSTED})
        self.assertGreaterEqual(codes.count(code.OK), 128)
        whole = time.monotonic() - begin
        self.assertLess(spent, whole / 2, "bob waited for alice's calls")
        alice.info()

    def test_one_client_has_a_bounded_number_of_streams(self):
        running = self.serve()
        alice, bob = self.client(running), self.client(running, "bob")
        jobs = {client: client.create(self.plan).id for client in (alice, bob)}
        with sqlite3.connect(self.data / "service.sqlite", timeout=30) as database:
            database.execute("UPDATE jobs SET state = 3")  # running: it is watched without end
        database.close()

        def watch(client):
            call = client.watch(jobs[client])
            self.assertEqual(next(call).job.id, jobs[client])  # it has begun
            return call
        calls = [watch(alice) for _ in range(256)]
        status, details = self.status_of(watch, alice)
        self.assertEqual(status, code.RESOURCE_EXHAUSTED)
        self.assertIn("256 streams", details)
        watch(bob).cancel()
        for call in calls:
            call.cancel()

        def begins():
            try:
                return watch(alice)
            except grpc.RpcError:
                return None
        self.wait_until(begins)

    def test_checks_of_large_files_keep_nobody_from_theirs(self):
        running = self.serve()
        alice, bob = self.client(running), self.client(running, "bob")
        name, size, digest = "evaluation_keys.cft", 64 << 30, bytes(32)
        database = sqlite3.connect(self.data / "service.sqlite", timeout=30)
        self.addCleanup(database.close)
        for client, label in ((alice, "1"), (alice, "2"), (bob, "1")):
            # A file that came before and is hashed again at its end, which takes a minute.
            job = client.create(self.plan, label).id
            with database:
                database.execute("UPDATE files SET bytes = ?, max_bytes = ?, sha256 = ? "
                                 "WHERE job = ? AND name = ?",
                                 (size, size, digest.hex(), job, name))
            came = self.data / "incoming" / job / f"{name}~{digest.hex()}"
            came.parent.mkdir()
            came.touch()
            os.truncate(came, size)
            header = transfer_pb2.UploadRequest(header=transfer_pb2.UploadHeader(
                id=job, name=name, bytes=size, sha256=digest))
            client._call("stream_unary", "Jobs", "Upload", transfer_pb2.UploadRequest,
                         transfer_pb2.FileState).future(iter([header]), timeout=120)
        time.sleep(1)
        # Three threads do what is long. An upload goes on, and a job is deleted.
        job = bob.create(self.plan, "2").id
        self.assertTrue(bob.upload(job, name, self.keys, timeout=20).complete)
        bob.delete(job)
        running.kill()

    def test_a_settings_file_has_the_options(self):
        settings = self.home / "server.toml"
        lines = [f'data = "{self.data}"', f'pki = "{self.pki / "server"}"', "quota-jobs = 3",
                 'memory = "2GB"']
        settings.write_text("\n".join(lines) + "\n")
        running = self.serve_settings(settings)
        facts = self.client(running).info()
        self.assertEqual((facts.quota_jobs, facts.max_memory_bytes), (3, 2 * 10**9))
        running.terminate()
        settings.write_text("\n".join([*lines, "quota-job = 4"]) + "\n")
        refused = subprocess.run([server, "serve", "--config", settings], capture_output=True,
                                 text=True, check=False, timeout=60)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("quota-job", refused.stderr)

    def serve_settings(self, settings):
        running = Server(None, None, "--config", settings)
        self.addCleanup(lambda: running.process.returncode is None and running.kill())
        return running


if __name__ == "__main__":
    unittest.main()
