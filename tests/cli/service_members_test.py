#!/usr/bin/python3
"""Several owners who have a service and no directory in common: from signatures to a model."""

import shutil
import unittest

from cli_support import run
from remote_support import Service
from several_owners_support import Study


class Members(Study):
    clients = {"a": "alice", "b": "bob", "c": "carol", "r": "rita"}

    def setUp(self):
        super().setUp()
        place = self.home / "service"
        place.mkdir()
        self.service = Service(place, clients=self.clients.values()).start()
        self.addCleanup(self.service.end)
        for name in self.clients:  # everybody got the charter's text, and nothing else
            shutil.copytree(self.study, self.home / f"charter-{name}")

    def places(self, name, study=None):
        return ("--member", self.private(name), "--charter", self.home / f"charter-{name}", "--server",
                self.service.address, "--identity", self.service.identity(self.clients[name]))

    def test_from_signatures_to_a_model(self):
        for name in self.clients:
            self.succeed("charter", "sign", self.home / f"charter-{name}", "--member", self.private(name))
        step = ("member", "step")
        self.refuse(*step, *self.places("a"), "--quiet", words=["this charter is not known there", "--clients"])
        self.refuse(*step, *self.places("a"), "--quiet", "--clients", "bob,carol,rita",
                    words=["not signed by member 1"])
        for name in ("b", "c", "r"):  # their signatures get there
            run(*step, *self.places(name), "--quiet")
        for name in self.names:
            self.succeed(*self.contribute(name))
        for _ in range(9):
            for name in self.clients:
                self.succeed(*step, *self.places(name), "--quiet")
        for name in ("a", "c"):
            self.succeed("member", "verify", *self.places(name), "--quiet")
        open_model = self.open("--holders", "1,3")
        self.succeed(*open_model)
        for _ in range(2):
            for name in ("a", "c"):
                self.succeed("member", "release", *self.places(name), "--quiet")
        self.succeed(*open_model)
        self.assertTrue((self.home / "model/weights.npy").exists())


if __name__ == "__main__":
    unittest.main()
