#!/usr/bin/python3
"""The service under load, on this machine's loopback alone.

    load.py BUILD queue  [--clients 200] [--jobs 2000]   many clients, many small jobs
    load.py BUILD kills  [--kills 100]                   kill -9 of the service under load
    load.py BUILD cuts   [--cuts 20]    a proxy cuts the upload's connection

Prints figures as JSON; exits with 1 where a job was lost or a bar is missed.
"""

import argparse
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

tests = Path(__file__).resolve().parent.parent.parent / "tests" / "cli"
sys.path.insert(0, str(tests))


def small_job(home):
    """A training of one iteration on small data, in the smallest ring that is secure."""
    from cli_support import run, write_csv
    write_csv(home / "train.csv")
    for words in (("plan", "--train", home / "train.csv", "--owner", home / "owner", "--features",
                   "raw", "--iterations", "1"),
                  ("keygen", "--owner", home / "owner", "--job", home / "job"),
                  ("encrypt", "--owner", home / "owner", "--job", home / "job")):
        result = run(*words, "--quiet")
        assert result.returncode == 0, result.stderr
    return home / "job"


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0


class Status(threading.Thread):
    """Asks for the state of jobs all the time, and notes how long each answer took."""

    def __init__(self, client, jobs):
        super().__init__(daemon=True)
        self.client, self.jobs, self.seconds, self.ends = client, jobs, [], False

    def run(self):
        choose = random.Random(5)
        while not self.ends:
            if self.jobs:
                begin = time.monotonic()
                self.client.get(choose.choice(self.jobs))
                self.seconds.append(time.monotonic() - begin)
            time.sleep(0.01)


def queue(home, options):
    from service_support import Client, Server, final_states, jobs_pb2, make_pki
    names = [f"client{i:03}" for i in range(options.clients)]
    make_pki(home / "PKI", *names)
    job_directory = small_job(home)
    running = Server(home / "data", home / "PKI/server", "--jobs", "2", "--threads", "1")
    clients = [Client(running.port, home / "PKI" / name) for name in names]
    of_first = []
    watch = Status(clients[0], of_first)
    watch.start()
    each = options.jobs // options.clients
    memory, done = {}, 0
    lock = threading.Lock()

    def work(index):
        nonlocal done
        client, jobs = clients[index], []
        for number in range(each):
            jobs.append(client.send_job(job_directory, f"n{number}").id)
            if index == 0:
                of_first.append(jobs[-1])
        ended = []
        for job in jobs:
            ended.append(client.wait(job).state)
            with lock:
                done += 1
                if done % 100 == 0:
                    memory[done] = running.resident_bytes()
                    print(f"{done} jobs in {time.monotonic() - begin:.0f} s, status p99 "
                          f"{percentile(watch.seconds, .99) * 1e3:.0f} ms, memory "
                          f"{memory[done] / 1e6:.1f} MB", file=sys.stderr, flush=True)
        return ended

    begin = time.monotonic()
    with ThreadPoolExecutor(options.clients) as pool:
        states = [state for some in pool.map(work, range(options.clients)) for state in some]
    seconds = time.monotonic() - begin
    watch.ends = True
    watch.join()
    right = sum(state == jobs_pb2.JOB_STATE_SUCCEEDED for state in states)
    growth = (memory[max(memory)] - memory[min(memory, key=lambda n: abs(n - options.jobs // 4))]) \
        if memory else 0
    figures = {"jobs": len(states), "right": right, "seconds": seconds,
               "status_calls": len(watch.seconds), "status_p50_ms": percentile(watch.seconds, .5) * 1e3,
               "status_p99_ms": percentile(watch.seconds, .99) * 1e3,
               "memory_growth_mb": growth / 1e6, "memory_mb": running.resident_bytes() / 1e6}
    assert all(state in final_states for state in states)
    for client in clients:
        client.close()
    running.terminate()
    return figures, right == len(states)


def kills(home, options):
    from service_support import Client, Server, jobs_pb2, make_pki
    import grpc
    make_pki(home / "PKI", "alice", "bob")
    job_directory = small_job(home)
    moments, lost, accepted = random.Random(9), [], {}
    ends = threading.Event()
    port = [0]

    def produce(name):
        number = 0
        while not ends.is_set():
            client = None
            try:
                client = Client(port[0], home / "PKI" / name)
                while not ends.is_set():
                    job = client.send_job(job_directory, f"n{number}").id
                    accepted[job] = name  # its start was answered
                    number += 1
                    if len(accepted) > options.jobs:
                        return
            except (grpc.RpcError, StopIteration):
                time.sleep(0.02)
            finally:
                if client:
                    client.close()

    running = Server(home / "data", home / "PKI/server", "--threads", "1")
    port[0] = running.port
    threads = [threading.Thread(target=produce, args=(name,)) for name in ("alice", "bob")]
    for thread in threads:
        thread.start()
    for _ in range(options.kills):
        time.sleep(moments.uniform(0.02, 0.6))
        running.kill()
        running = Server(home / "data", home / "PKI/server", "--threads", "1", port=port[0])
    ends.set()
    for thread in threads:
        thread.join()
    clients = {name: Client(running.port, home / "PKI" / name) for name in ("alice", "bob")}
    for job, name in accepted.items():
        if clients[name].wait(job).state != jobs_pb2.JOB_STATE_SUCCEEDED:
            lost.append(job)
    for client in clients.values():
        client.close()
    status = running.terminate()
    intact = subprocess.run(["sqlite3", home / "data/service.sqlite", "PRAGMA integrity_check"],
                            capture_output=True, text=True, check=False).stdout.strip()
    audit = subprocess.run([options.build / "cipherfit-server", "audit", "verify", "--data",
                            home / "data"], capture_output=True, text=True, check=False)
    figures = {"kills": options.kills, "accepted": len(accepted), "lost": len(lost),
               "database": intact, "audit": audit.returncode, "end": status}
    return figures, not lost and audit.returncode == 0 and intact == "ok"


class Proxy(threading.Thread):
    """Passes bytes on to a port and counts those that go up, until it is told to cut."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.target, self.sent, self.pairs = port, 0, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            left, _ = self.listener.accept()
            right = socket.create_connection(("127.0.0.1", self.target))
            self.pairs.append((left, right))
            for a, b, up in ((left, right, True), (right, left, False)):
                threading.Thread(target=self.copy, args=(a, b, up), daemon=True).start()

    def copy(self, a, b, up):
        try:
            while data := a.recv(1 << 16):
                b.sendall(data)
                self.sent += len(data) if up else 0
        except OSError:
            pass
        for end in (a, b):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def cuts(home, options):
    from service_support import Client, Server, make_pki
    import grpc
    make_pki(home / "PKI", "alice")
    job_directory = small_job(home)
    running = Server(home / "data", home / "PKI/server")
    proxy = Proxy(running.port)
    proxy.start()
    name = "evaluation_keys.cft"
    data = (job_directory / name).read_bytes()
    moments = random.Random(3)
    chunk = 1 << 16
    client = Client(proxy.port, home / "PKI/alice")
    job = client.create((job_directory / "plan.cft").read_bytes()).id
    client.close()
    done, breaks = False, 0
    while not done:
        client = Client(proxy.port, home / "PKI/alice")
        timer = None
        try:
            received = client.files(job)[name].received
            if breaks < options.cuts:
                timer = threading.Timer(moments.uniform(0.0, 0.02), proxy.cut)
                timer.start()
            done = client.upload(job, name, data, received, size=chunk).complete
        except (grpc.RpcError, StopIteration):
            breaks += 1
        finally:
            if timer:
                timer.cancel()
            client.close()
    running.terminate()
    figures = {"bytes": len(data), "sent_by_tcp": proxy.sent, "breaks": breaks, "chunk": chunk}
    return figures, done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("what", choices=["queue", "kills", "cuts"])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--cuts", type=int, default=20)
    options = parser.parse_args()
    options.build = options.build.resolve()
    os.environ["CIPHERFIT_BUILD"] = str(options.build)
    home = Path(tempfile.mkdtemp(prefix="cipherfit-load-"))
    try:
        figures, good = {"queue": queue, "kills": kills, "cuts": cuts}[options.what](home, options)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(figures, indent=2))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
