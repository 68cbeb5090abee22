#!/usr/bin/python3
"""Disks that fill up while batches, checkpoints and models are written: nothing is lost."""

import shutil
import subprocess
import unittest

from cli_support import ProgramTest, files_of, run, write_csv


class FullDisk(ProgramTest):
    """A job on a file system of its own, of a size that the test sets."""

    recipe = ("--batch", "80", "--iterations", "4")

    def setUp(self):
        super().setUp()
        write_csv(self.train, rows=240, seed=1)
        self.owner, self.whole = self.home / "owner", self.home / "whole"
        self.succeed("plan", "--train", self.train, "--owner", self.owner, *self.recipe, "--quiet")
        self.succeed("keygen", "--owner", self.owner, "--job", self.whole, "--quiet")
        self.disk = self.home / "disk"
        self.disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", self.disk],
                          capture_output=True, check=False).returncode != 0:
            self.skipTest("file systems cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)
        self.job = self.disk / "job"

    def leave(self, room):
        """Lets so many bytes be free on the disk; all that is there stays."""
        used = shutil.disk_usage(self.disk).used
        subprocess.run(["mount", "-o", f"remount,size={-(-(used + room) // 4096) * 4096}",
                        self.disk], check=True)

    def refuse_for_room(self, *arguments):
        line = self.refuse(*arguments, words=["No space left on device"])
        self.assertIn(str(self.job), line)
        self.assertEqual(list(self.disk.rglob(".cipherfit-*")), [])
        return line

    def test_encrypt_goes_on_with_the_batch_that_did_not_fit(self):
        shutil.copytree(self.whole, self.job)
        encrypt = ("encrypt", "--owner", self.owner, "--quiet", "--job", self.job)
        self.leave(0)
        self.refuse_for_room(*encrypt)
        self.leave(1 << 30)
        self.succeed(*encrypt)
        batches = files_of(self.job / "batches")
        size = max(len(data) for data in batches.values())
        shutil.rmtree(self.job / "batches")
        # Room for one batch and a half.
        self.leave(size + size // 2)
        self.refuse_for_room(*encrypt)
        done = files_of(self.job / "batches")
        self.assertEqual(list(done), ["batch_00000.cft"])
        self.leave(1 << 30)
        self.succeed(*encrypt)
        again = files_of(self.job / "batches")
        self.assertEqual(list(again), list(batches))
        self.assertEqual(again["batch_00000.cft"], done["batch_00000.cft"])
        self.succeed("train", "--job", self.job, "--quiet")
        self.succeed("decrypt", "--owner", self.owner, "--job", self.job, "--out",
                     self.home / "model")

    def test_training_goes_on_from_the_last_checkpoint_that_fitted(self):
        self.succeed("encrypt", "--owner", self.owner, "--job", self.whole, "--quiet")
        shutil.copytree(self.whole, self.job)
        keep = ("--keep-checkpoints", "1", "--quiet")
        self.succeed("train", "--job", self.whole, *keep)
        kept = files_of(self.whole / "checkpoints")
        self.assertEqual(len(kept), 3)
        train = ("train", "--job", self.job, *keep)
        # Ever more room, from none: each run goes as far as it gets.
        sizes = [len(data) for data in kept.values()]
        finished = False
        for room in (0, 4096, sizes[0] // 2, *(sum(sizes[:n]) + 8192 for n in (1, 2, 3))):
            self.leave(room)
            before = files_of(self.job)
            result = run(*train)
            if result.returncode == 0:
                finished = True
                break
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            self.assertIn("No space left on device", result.stderr)
            self.assertIn(str(self.job), result.stderr)
            self.assertEqual(list(self.disk.rglob(".cipherfit-*")), [])
            after = files_of(self.job)
            for name in before:
                self.assertIn(name, after)  # a checkpoint is replaced, never lost
        if not finished:
            self.leave(1 << 30)
            self.succeed(*train)
        self.assertEqual((self.job / "model.cft").read_bytes(),
                         (self.whole / "model.cft").read_bytes())
        self.assertEqual(files_of(self.job / "checkpoints"), kept)


if __name__ == "__main__":
    unittest.main()
