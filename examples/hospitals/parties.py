"""The parties of the example: processes with directories of their own."""

import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

first_user = 70001


def fail(message):
    sys.exit(f"hospitals: {message}")


class Party:
    """A directory, and programs that run as the user who owns it."""

    def __init__(self, name, home, programs, number):
        self.name, self.home, self.programs = name, home, programs
        self.user = first_user + number if os.geteuid() == 0 else os.geteuid()
        self.cpu_seconds, self.peak_bytes = 0.0, 0
        home.mkdir(mode=0o700)
        self.own(home)

    def own(self, path):
        if os.geteuid() == 0:
            os.chown(path, self.user, self.user)

    def as_user(self):
        if os.geteuid() != 0:
            return {}
        return {"user": self.user, "group": self.user, "extra_groups": []}

    def start(self, program, *arguments):
        """The process, which runs beside others. Its words are kept for failures."""
        log = open(self.home / "log", "ab")
        process = subprocess.Popen(
            [str(self.programs / program), *map(str, arguments)], cwd=self.home, stdout=log,
            stderr=log, stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.home), "TMPDIR": str(self.home)},
            **self.as_user())
        log.close()
        return process

    def finish(self, process):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_seconds += usage.ru_utime + usage.ru_stime
        self.peak_bytes = max(self.peak_bytes, usage.ru_maxrss * 1024)
        if process.returncode != 0:
            log = (self.home / "log").read_text(errors="replace").splitlines()
            fail(f"{self.name}: {' '.join(map(str, process.args))} ended with status "
                 f"{process.returncode}: {log[-1] if log else ''}")

    def run(self, program, *arguments):
        self.finish(self.start(program, *arguments))

    def can_read(self, path):
        test = subprocess.run(["/usr/bin/cat", str(path)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False, **self.as_user())
        return test.returncode == 0


def run_together(started):
    """Waits for (party, process) pairs, whatever the order in which they end."""
    for party, process in started:
        party.finish(process)


def check_walls(parties):
    """No party can read a file of another's; returns how that was found out."""
    for party in parties:
        (party.home / "own").write_text("own\n")
        party.own(party.home / "own")
    if os.geteuid() != 0:
        for party in parties:
            if party.home.stat().st_mode & 0o077:
                fail(f"{party.home} can be read by others")
        return (f"all {len(parties)} parties are processes of one user here (start the script as "
                "root to give each a user of its own): every private directory has mode 0700")
    tried = 0
    for party in parties:
        if not party.can_read(party.home / "own"):
            fail(f"{party.name} cannot read its own directory: are its parents closed?")
        for other in parties:
            if other is not party:
                tried += 1
                if party.can_read(other.home / "own"):
                    fail(f"{party.name} can read the directory of {other.name}")
    return (f"each of {len(parties)} parties is a system user of its own: {tried} tries to read "
            "another's directory were all refused")


class Clock:
    """Times of the phases."""

    def __init__(self):
        self.started = time.monotonic()
        self.seconds = {}

    def phase(self, name, work):
        start = time.monotonic()
        print(f"== {name}", flush=True)
        result = work()
        self.seconds[name] = time.monotonic() - start
        print(f"   {self.seconds[name]:.1f} s", flush=True)
        return result

    def total(self):
        return time.monotonic() - self.started


def copy_programs(build, target):
    """Programs where every user can start them, whatever the sources' permissions."""
    target.mkdir(mode=0o755)
    for name in ("cipherfit", "cipherfit-server"):
        shutil.copy(Path(build) / name, target)
        (target / name).chmod(0o755)


def no_core_dumps():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
