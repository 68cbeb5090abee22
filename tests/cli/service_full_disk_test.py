#!/usr/bin/python3
"""A service whose disk others have filled to the last byte: it starts, and jobs can be deleted."""

import subprocess
import unittest

from service_support import ServiceTest, jobs_pb2, plan_of


class FullDisk(ServiceTest):
    def setUp(self):
        super().setUp()
        _, self.job = self.encrypted_job()
        self.disk = self.home / "disk"
        self.disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", self.disk],
                          capture_output=True, check=False).returncode != 0:
            self.skipTest("file systems cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)
        self.data = self.disk / "data"

    def fill(self):
        with open(self.disk / "others", "ab", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while file.write(b"x" * size):
                        pass
                except OSError:
                    pass

    def wait_for_room_kept(self):
        ballast = self.data / "ballast"
        self.wait_until(lambda: ballast.exists() and ballast.stat().st_size == 8 << 20)

    def test_jobs_are_deleted_and_the_service_starts(self):
        options = ("--disk-reserve", "1MB")
        running = self.serve(*options)
        alice = self.client(running)
        plan = (self.job / plan_of(self.job)).read_bytes()
        jobs = [alice.create(plan, label).id for label in ("a", "b")]
        self.wait_for_room_kept()
        self.fill()
        alice.delete(jobs[0])
        self.assertFalse((self.data / "jobs" / jobs[0]).exists())
        # And after a sudden end, while the disk is full.
        (self.disk / "others").unlink()
        self.wait_for_room_kept()
        self.fill()
        running.kill()
        running = self.serve(*options)
        alice = self.client(running)
        self.assertEqual(alice.get(jobs[1]).state, jobs_pb2.JOB_STATE_UPLOADING)
        alice.delete(jobs[1])
        self.assertEqual(list((self.data / "jobs").iterdir()), [])
        (self.disk / "others").unlink()
        self.wait_for_room_kept()
        self.assertEqual(running.terminate(), 0)


if __name__ == "__main__":
    unittest.main()
