#!/usr/bin/python3
"""Several owners whose programs are killed at every durable call."""

import os
import signal
import subprocess
import unittest

import numpy as np

from cli_support import cipherfit, server
from several_owners_support import Study, kill_source


class KilledAnywhere(Study):
    def started(self, command, **variables):
        return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL, timeout=600, cwd=self.home,
                              env={**os.environ, **variables})

    def test_every_party_is_killed_before_every_durable_call(self):
        """Each command is killed before its first such call, then before its second, and so on,
        each time going on from what the run before left, until one comes to its end."""
        library = self.home / "kill_at_call.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, kill_source, "-ldl"], check=True)
        seen, kills = {}, 0
        self.sign()

        def look():
            for path in (self.study / "messages").iterdir():
                if path.suffix == ".msg":
                    self.assertEqual(seen.setdefault(path.name, path.read_bytes()),
                                     path.read_bytes(), path.name)

        def killed(*command):
            nonlocal kills
            for call in range(1, 200):
                result = self.started(command, LD_PRELOAD=str(library), KILL_AT_CALL=str(call))
                look()
                if result.returncode != -signal.SIGKILL:
                    self.assertEqual(result.returncode, 0, result.stderr)
                    return result
                kills += 1
            raise AssertionError("never came to an end")

        for turn in range(8):
            for name in self.names:
                killed(cipherfit, *self.contribute(name))
            killed(cipherfit, "member", "step", *self.places("r"))
        killed(server, self.study, "--quiet")
        for name in ("a", "c"):
            killed(cipherfit, "member", "verify", *self.places(name), "--quiet")
        killed(cipherfit, *self.open("--holders", "1,3"))
        for name in ("a", "c", "a"):
            killed(cipherfit, "member", "release", *self.places(name))
        killed(cipherfit, *self.open("--holders", "1,3"))
        self.assertGreater(kills, 100)
        weights = np.load(self.home / "model/weights.npy")
        predicted = self.test_values @ weights[:, 1:].T + weights[:, 0]
        self.assertGreater((predicted.argmax(axis=1) == self.test_labels).mean(), 0.9)
        leftovers = [path for path in self.home.rglob(".cipherfit-*.tmp")
                     if "messages" not in path.parts and "signatures" not in path.parts]
        self.assertEqual(leftovers, [])


if __name__ == "__main__":
    unittest.main()
