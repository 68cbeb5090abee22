"""What the tests of the service share: a server, clients with certificates, jobs in small rings."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import grpc

from cli_support import ProgramTest, server

root = Path(__file__).resolve().parent.parent.parent
_generated = tempfile.TemporaryDirectory(prefix="cipherfit-proto-")
subprocess.run(["protoc", f"--proto_path={root / 'proto'}", f"--python_out={_generated.name}",
                *sorted(str(p) for p in (root / "proto").rglob("*.proto"))], check=True)
sys.path.insert(0, _generated.name)
from cipherfit.v1 import charters_pb2, jobs_pb2, transfer_pb2  # noqa: E402  pylint: disable=all

chunk_bytes = 4 << 20
final_states = {jobs_pb2.JOB_STATE_SUCCEEDED, jobs_pb2.JOB_STATE_STOPPED,
                jobs_pb2.JOB_STATE_FAILED, jobs_pb2.JOB_STATE_CANCELLED}


class Server:
    """cipherfit-server serve on a free port of this machine."""

    def __init__(self, data, pki, *options, port=0, environment=None):
        self.data, self.log = data, []
        variables = {**os.environ, "CIPHERFIT_TEST_PARAMETERS": "allow", **(environment or {})}
        self.process = subprocess.Popen(
            [server, "serve", "--listen", f"127.0.0.1:{port}",
             *(["--data", data, "--pki", pki] if data else []), *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=variables)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        line = self.process.stdout.readline()
        assert line.startswith("listening on 127.0.0.1:"), (line, self.log)
        self.port = int(line.rsplit(":", 1)[1])

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)

    def events(self, name):
        return [entry for entry in map(json.loads, self.log) if entry["event"] == name]

    def resident_bytes(self):
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    def kill(self):
        self.process.kill()
        self._wait()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self._wait()

    def _wait(self):
        status = self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        self.process.stdout.close()
        self.process.stderr.close()
        return status


class Client:
    """Calls of one identity."""

    def __init__(self, port, identity=None, **pem):
        def read(name, file):
            return pem.get(name) or ((identity / file).read_bytes() if identity else None)
        credentials = grpc.ssl_channel_credentials(
            read("ca", "ca.pem"), read("key", "key.pem"), read("cert", "cert.pem"))
        # Messages above the server's limit are to reach it.
        self.channel = grpc.secure_channel(f"localhost:{port}", credentials, options=[
            ("grpc.max_receive_message_length", 5 << 20), ("grpc.use_local_subchannel_pool", 1)])

    def close(self):
        self.channel.close()

    def _call(self, kind, service, method, request, response):
        return getattr(self.channel, kind)(
            f"/cipherfit.v1.{service}/{method}",
            request_serializer=lambda m: m if isinstance(m, bytes) else m.SerializeToString(),
            response_deserializer=response.FromString)

    def unary(self, method, request, response=jobs_pb2.Job, service="Jobs", timeout=60):
        return self._call("unary_unary", service, method, type(request), response)(
            request, timeout=timeout)

    def create(self, plan, label="", service_options=None):
        return self.unary("CreateJob", jobs_pb2.CreateJobRequest(
            plan=plan, label=label, training=service_options or jobs_pb2.TrainingOptions()))

    def get(self, job):
        return self.unary("GetJob", jobs_pb2.GetJobRequest(id=job))

    def start(self, job):
        return self.unary("StartJob", jobs_pb2.StartJobRequest(id=job))

    def cancel(self, job):
        return self.unary("CancelJob", jobs_pb2.CancelJobRequest(id=job))

    def delete(self, job):
        return self.unary("DeleteJob", jobs_pb2.DeleteJobRequest(id=job),
                          jobs_pb2.DeleteJobResponse)

    def files(self, job):
        answer = self.unary("ListFiles", jobs_pb2.ListFilesRequest(id=job),
                            jobs_pb2.ListFilesResponse)
        return {file.name: file for file in answer.files}

    def info(self):
        return self.unary("GetServerInfo", jobs_pb2.GetServerInfoRequest(), jobs_pb2.ServerInfo)

    def send(self, requests, service="Jobs", method="Upload", timeout=60):
        return self._call("stream_unary", service, method, transfer_pb2.UploadRequest,
                          transfer_pb2.FileState)(requests, timeout=timeout)

    def upload(self, job, name, data, offset=0, until=None, size=chunk_bytes, **options):
        return self.send(upload_requests(job, name, data, offset, until, size), **options)

    def download(self, job, name, offset=0, sha256=b"", service="Jobs", method="Download"):
        stream = self._call("unary_stream", service, method, transfer_pb2.DownloadRequest,
                            transfer_pb2.DownloadResponse)(
            transfer_pb2.DownloadRequest(id=job, name=name, offset=offset, sha256=sha256),
            timeout=60)
        file = next(stream).file
        data = b"".join(part.chunk.data for part in stream)
        if offset == 0:
            assert hashlib.sha256(data).digest() == file.sha256
        return data

    def watch(self, job, timeout=120):
        return self._call("unary_stream", "Jobs", "WatchJob", jobs_pb2.WatchJobRequest,
                          jobs_pb2.JobEvent)(jobs_pb2.WatchJobRequest(id=job), timeout=timeout)

    def send_job(self, directory, label="", options=None):
        """A job with all its files, started."""
        job = self.create((directory / plan_of(directory)).read_bytes(), label, options)
        for name, file in self.files(job.id).items():
            if file.required and not file.complete:
                self.upload(job.id, name, (directory / name).read_bytes(), file.received)
        return self.start(job.id)

    def wait(self, job):
        """The job as it is when it is final, or waits for its owner."""
        event = None
        for event in self.watch(job):
            pass
        return event.job


def plan_of(directory):
    return "plan.cft" if (directory / "plan.cft").exists() else "prediction_plan.cft"


def upload_requests(job, name, data, offset=0, until=None, size=chunk_bytes):
    yield transfer_pb2.UploadRequest(header=transfer_pb2.UploadHeader(
        id=job, name=name, bytes=len(data), sha256=hashlib.sha256(data).digest()))
    end = len(data) if until is None else until
    while offset < end:
        piece = data[offset:min(offset + size, end)]
        yield transfer_pb2.UploadRequest(chunk=transfer_pb2.Chunk(offset=offset, data=piece))
        offset += len(piece)


def make_pki(directory, *clients):
    names = [word for client in clients for word in ("--client", client)]
    subprocess.run([server, "init-pki", "--out", directory, "--server", "localhost", *names],
                   check=True, capture_output=True)


class ServiceTest(ProgramTest):
    """A test with PKI/server, PKI/alice and PKI/bob, and servers that end with it."""

    def setUp(self):
        super().setUp()
        self.pki, self.data = self.home / "PKI", self.home / "data"
        make_pki(self.pki, "alice", "bob")

    def serve(self, *options, **more):
        running = Server(self.data, self.pki / "server", *options, **more)

        def end():
            if running.process.returncode is None:
                running.kill()
        self.addCleanup(end)
        return running

    def client(self, running, name="alice", **pem):
        client = Client(running.port, self.pki / name, **pem)
        self.addCleanup(client.close)
        return client

    def status_of(self, call, *arguments, **options):
        with self.assertRaises(grpc.RpcError) as caught:
            result = call(*arguments, **options)
            if hasattr(result, "__iter__"):
                list(result)
        return caught.exception.code(), caught.exception.details()

    def wait_until(self, holds, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if holds():
                return
            time.sleep(0.02)
        self.fail("it did not happen in time")
