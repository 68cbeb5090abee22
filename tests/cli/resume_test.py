#!/usr/bin/python3
"""Stopping and going on: the server killed at any moment, signals, one server a directory."""

import os
import random
import re
import shutil
import signal
import subprocess
import time
import unittest

import numpy as np

from cli_support import ProgramTest, cipherfit, run, server


def start_server(job, *more):
    return subprocess.Popen([server, job, "--threads", "2", *more], stderr=subprocess.PIPE,
                            stdout=subprocess.DEVNULL, text=True)


def wait_for_line(process, start):
    """Reads progress until a line starts so; the last line where none does."""
    line = ""
    for line in process.stderr:
        if line.startswith(start):
            return line
    return line


class Resume(ProgramTest):
    iterations = "3"

    def job_of_three_iterations(self):
        owner, job = self.home / "owner", self.home / "job"
        self.succeed("plan", "--train", self.train, "--owner", owner, "--iterations",
                     self.iterations, "--quiet")
        self.succeed("keygen", "--owner", owner, "--job", job, "--quiet")
        self.succeed("encrypt", "--owner", owner, "--job", job, "--quiet")
        return owner, job

    def test_a_server_killed_at_any_moment_ends_with_the_same_bytes(self):
        _, job = self.job_of_three_iterations()
        straight = self.home / "straight"
        shutil.copytree(job, straight)
        begin = time.monotonic()
        self.succeed("train", "--job", straight, "--quiet")
        whole = time.monotonic() - begin
        expected = (straight / "model.cft").read_bytes()

        moments = random.Random(4)
        for _ in range(8):
            process = start_server(job, "--quiet")
            try:
                process.wait(timeout=moments.uniform(0.1, 0.9) * whole)
            except subprocess.TimeoutExpired:
                process.kill()
            process.communicate()
        self.succeed("train", "--job", job, "--quiet")
        self.assertEqual((job / "model.cft").read_bytes(), expected)
        self.assertFalse((job / "checkpoint.cft").exists())

    def test_a_kill_after_each_iteration_goes_on_from_its_checkpoint(self):
        _, job = self.job_of_three_iterations()
        straight = self.home / "straight"
        shutil.copytree(job, straight)
        self.succeed("train", "--job", straight, "--quiet")
        for done in (1, 2):
            process = start_server(job, "--machine-progress")
            line = wait_for_line(process, f"@progress 3 {done} ")
            self.assertTrue(line.startswith(f"@progress 3 {done} "), line)
            process.kill()
            process.communicate()
            self.assertTrue((job / "checkpoint.cft").exists())
        self.succeed("train", "--job", job, "--quiet")
        self.assertEqual((job / "model.cft").read_bytes(), (straight / "model.cft").read_bytes())

    def test_a_signal_stops_after_the_iteration_and_says_how_to_go_on(self):
        _, job = self.job_of_three_iterations()
        process = start_server(job, "--machine-progress")
        wait_for_line(process, "@progress 3 0 ")
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate()
        self.assertEqual(process.returncode, 130)
        # Before the first iteration, or after one: whichever the signal met.
        stopped = re.search(r"^cipherfit: stopped after iteration ([0-2]) of 3: ", rest, re.M)
        self.assertIsNotNone(stopped, rest)
        self.assertEqual((job / "checkpoint.cft").exists(), stopped[1] != "0")

    def test_fit_stops_on_a_signal_and_the_same_command_goes_on(self):
        out = self.home / "out"
        arguments = [str(word) for word in self.fit_arguments(out)]
        arguments[arguments.index("--iterations") + 1] = self.iterations
        arguments.remove("--quiet")
        process = subprocess.Popen([cipherfit, *arguments], stderr=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, text=True)
        self.assertTrue(wait_for_line(process, "server: loading evaluation keys"))
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate()
        self.assertEqual(process.returncode, 130, rest)
        self.assertEqual([line for line in rest.splitlines() if line.startswith("cipherfit: ")],
                         rest.splitlines()[-1:])
        self.assertFalse((out / "model").exists())
        key = (out / "owner/secret.key").read_bytes()
        self.succeed(*arguments)
        self.assertEqual((out / "owner/secret.key").read_bytes(), key)
        self.assertEqual(np.load(out / "model/weights.npy").shape, (3, 7))

    def test_a_killed_fit_goes_on_at_any_moment(self):
        out = self.home / "out"
        arguments = self.fit_arguments(out)
        moments = random.Random(9)
        for _ in range(6):
            try:
                subprocess.run([str(w) for w in (cipherfit, *arguments)], capture_output=True,
                               check=False, timeout=moments.uniform(0.05, 2.5))  # SIGKILL
            except subprocess.TimeoutExpired:
                pass
        # The server dies with its parent, but perhaps not before this line.
        for _ in range(100):
            result = run(*arguments)
            if "holds" not in result.stderr:
                break
            time.sleep(0.1)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(np.load(out / "model/weights.npy").shape, (3, 7))
        leftovers = [p for p in out.rglob(".cipherfit-*.tmp")]
        self.assertEqual(leftovers, [])

    def test_what_a_kill_leaves_half_written_is_no_obstacle(self):
        out = self.home / "out"
        (out / "owner").mkdir(parents=True)
        halves = [out / folder / ".cipherfit-abcdef.tmp" for folder in ("", "owner")]
        for _ in range(2):  # of the first files, and of the report, which is the last
            for half in halves:
                half.write_text("half")
            self.succeed(*self.fit_arguments(out))
            self.assertEqual([half for half in halves if half.exists()], [])

    def test_the_server_needs_nothing_of_the_owner(self):
        owner, job = self.encrypted_job()
        away = self.home / "away"
        owner.rename(away)
        away.chmod(0)
        environment = {"PATH": os.environ["PATH"]}
        lonely = self.home / "elsewhere"
        shutil.move(job, lonely)
        programs, options = self.as_other_user(lonely)
        result = subprocess.run([programs / "cipherfit-server", lonely, "--quiet"],
                                env=environment, capture_output=True, text=True, check=False,
                                **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        away.chmod(0o700)
        away.rename(owner)
        self.succeed("decrypt", "--owner", owner, "--job", lonely, "--out", self.home / "model")

    def test_the_server_gets_no_environment_of_the_owner(self):
        _, job = self.encrypted_job()
        process = subprocess.Popen(
            [cipherfit, "train", "--job", job, "--quiet"], stderr=subprocess.PIPE, text=True,
            env={**os.environ, "CIPHERFIT_PASSPHRASE": "not for the server", "HOME_SECRET": "x"})
        while process.poll() is None:
            with open(f"/proc/{process.pid}/cmdline", "rb") as file:
                if b"cipherfit-server" in file.read():
                    break
        with open(f"/proc/{process.pid}/environ", "rb") as file:
            seen = file.read()
        with open(f"/proc/{process.pid}/limits", encoding="ascii") as file:
            limits = file.read()
        process.communicate()
        self.assertEqual(process.returncode, 0)
        # Inherited from the owner's program, which must not leave its memory in a core file.
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        self.assertNotIn(b"not for the server", seen)
        self.assertNotIn(b"HOME_SECRET", seen)

    def test_two_servers_in_one_directory(self):
        _, job = self.encrypted_job()
        process = start_server(job, "--machine-progress")
        wait_for_line(process, "@progress")
        os.kill(process.pid, signal.SIGSTOP)
        try:
            self.refuse("train", "--job", job, "--quiet", words=[str(job), str(process.pid)])
        finally:
            os.kill(process.pid, signal.SIGCONT)
        process.communicate()
        self.assertEqual(process.returncode, 0)


if __name__ == "__main__":
    unittest.main()
