"""A service for the tests of the owner's side: started, killed and started again on one port, and a
proxy that cuts its connections after so many bytes."""

import os
import signal
import socket
import subprocess
import threading
import time

from cli_support import server


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """`cipherfit-server serve` in a directory, with certificates for some clients."""

    def __init__(self, home, clients=("alice",), options=(), environment=None):
        self.home, self.options = home, options
        self.environment = {**os.environ, **(environment or {})}
        self.pki = home / "pki"
        names = [word for client in clients for word in ("--client", client)]
        subprocess.run([str(server), "init-pki", "--out", str(self.pki), "--server", "localhost", *names],
                       check=True, capture_output=True, timeout=60)
        self.port = free_port()
        self.process = None
        self.log = open(home / "service.log", "ab")  # pylint: disable=consider-using-with

    @property
    def address(self):
        return f"localhost:{self.port}"

    def identity(self, client="alice"):
        return self.pki / client

    def start(self):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [str(server), "serve", "--listen", f"127.0.0.1:{self.port}", "--data", str(self.home / "data"),
             "--pki", str(self.pki / "server"), *map(str, self.options)],
            stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL, text=True, env=self.environment)
        line = self.process.stdout.readline()
        if "listening on" not in line:
            raise RuntimeError((self.home / "service.log").read_text()[-2000:])
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=60)
        self.process.stdout.close()

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.process is not None:
            self.process.stdout.close()
        self.log.close()


class CuttingProxy:
    """Passes connections on to a port. Of `cuts` each is the number of bytes to the server after
    which the connection that carries them is cut, once; a connection without cuts left is kept."""

    def __init__(self, target, cuts=()):
        self.target, self.cuts, self.done_cuts = target, list(cuts), 0
        self.to_server = 0  # bytes of all connections
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def address(self):
        return f"localhost:{self.port}"

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                upstream = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                client.close()
                continue
            upstream.settimeout(None)
            with self.lock:
                self.open += [client, upstream]
            threading.Thread(target=self.up, args=(client, upstream), daemon=True).start()
            threading.Thread(target=self.down, args=(upstream, client), daemon=True).start()

    def up(self, client, upstream):
        sent = 0
        while True:
            try:
                data = client.recv(1 << 16)
                if not data:
                    break
                with self.lock:
                    cut = bool(self.cuts) and sent + len(data) >= self.cuts[0]
                    if cut:
                        data = data[:max(0, self.cuts.pop(0) - sent)]
                        self.done_cuts += 1
                    self.to_server += len(data)
                upstream.sendall(data)
                sent += len(data)
                if cut:
                    break
            except OSError:
                break
        self.shut(client, upstream)

    def down(self, upstream, client):
        while True:
            try:
                data = upstream.recv(1 << 16)
                if not data:
                    break
                client.sendall(data)
            except OSError:
                break
        self.shut(client, upstream)

    @staticmethod
    def shut(*sockets):
        for end in sockets:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        with self.lock:
            ends, self.open = self.open, []
        self.shut(*ends)
        for end in ends:
            end.close()


def wait_for(condition, seconds=120):
    """Polls until the condition holds, which must happen in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise TimeoutError("what the test waits for did not happen")
