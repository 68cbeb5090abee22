#!/usr/bin/python3
"""Several owners: the commands from cards to a model, messages that are lost, changed and exchanged,
and a server that does not do as it should."""

import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path

import numpy as np

from cli_support import cipherfit, run, write_csv
from several_owners_support import Study, classes, exchange_source, features


class Commands(Study):
    def test_from_cards_to_a_model(self):
        shown = self.succeed("charter", "show", self.study, "--json", self.home / "charter.json")
        self.assertIn("HAS NOT SIGNED", shown.stdout)
        figures = json.loads((self.home / "charter.json").read_text())
        self.assertEqual(figures["signed"], [False] * 4)
        self.refuse("member", "step", *self.places("a"),
                    words=["not signed by member 0 (Clinic a), member 1"])
        self.refuse("charter", "sign", self.study, "--member", self.private("a"), "--digest", "00ff",
                    words=["another charter"])
        # A ring that hides nothing, of which only 'show' speaks.
        del os.environ["CIPHERFIT_TEST_PARAMETERS"]
        self.refuse("charter", "sign", self.study, "--member", self.private("a"),
                    words=["hides nothing"])
        os.environ["CIPHERFIT_TEST_PARAMETERS"] = "allow"
        self.succeed("charter", "sign", self.study, "--member", self.private("a"), "--digest",
                     figures["digest"])
        self.sign()
        waits = self.succeed("member", "step", *self.places("a"))
        self.assertIn("waiting for", waits.stdout)
        self.assertIn("member 1 (Clinic b)", waits.stdout)
        self.refuse("member", "step", *self.places("a"), "--wait", "0.01",
                    words=["round 0 still waits for the commitment to randomness of member 1"])
        early = self.serve()
        self.assertEqual(early.returncode, 2)
        self.assertIn("have not uploaded everything yet", early.stderr)
        self.refuse("member", "verify", "--quiet", *self.places("a"), words=["member step"])
        self.trained()
        report = json.loads((self.study / "server_report.json").read_text())
        self.refuse("member", "release", *self.places("a"),
                    words=["has not recomputed the training yet"])
        for name in ("a", "c"):
            verified = self.succeed("member", "verify", *self.places(name), "--json",
                                    self.home / f"{name}.json")
            self.assertIn("the same bit for bit", verified.stdout)
            digest = json.loads((self.home / f"{name}.json").read_text())["digest"]
            self.assertEqual(digest, report["digest"])
        self.released()
        weights = np.load(self.home / "model/weights.npy")
        self.assertEqual(weights.shape, (classes, features + 1))
        predicted = self.test_values @ weights[:, 1:].T + weights[:, 0]
        self.assertGreater((predicted.argmax(axis=1) == self.test_labels).mean(), 0.9)
        self.succeed("predict", "--model", self.home / "model", "--data", self.test, "--out",
                     self.home / "predictions.csv", "--quiet")
        # What was released with noise may be handed on, and what was only decrypted may not.
        self.refuse("export", "--model", self.home / "model", "--out", self.home / "published",
                    words=["is a released model", "--flooded"])
        self.succeed("export", "--model", self.home / "model", "--out", self.home / "published",
                     "--flooded")
        self.assertTrue((np.load(self.home / "published/weights.npy") == weights).all())
        model = self.home / "model/model.json"
        model.write_text(model.read_text().replace('"released": true', '"released": false'))
        self.refuse("export", "--model", self.home / "model", "--out", self.home / "again",
                    "--flooded", words=["was decrypted without flooding", "twin's weights"])
        self.assertFalse((self.home / "again").exists())
        # Everything of a member's is its own alone, and opens nobody else's eyes.
        for path in self.private("a").rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        self.assertTrue(all(path.stat().st_mode & 0o777 == 0o600
                            for path in (self.home / "model").iterdir()))
        # Dealers have forgotten their summands.
        self.assertEqual(list(self.home.rglob("dealer.seed")), [])
        # Another set of holders would be another release.
        self.refuse(*self.open("--holders", "1,2"), words=["new charter"])

    def test_what_does_not_fit_is_refused(self):
        self.refuse("member", "new", "--member", self.private("a"), "--name", "Anew",
                    words=["which are not replaced"])
        self.refuse("charter", "show", self.home / "nowhere", words=["nowhere"])
        self.refuse("charter", "nonsense", words=["no command of cipherfit charter"])
        self.refuse("member", "step", "--nonsense", words=["no option of cipherfit member step"])
        self.refuse("charter", "sign", self.study, "--member", self.home / "private-x",
                    words=["private-x"])
        (self.home / "damaged.card").write_bytes(b"damaged")
        self.refuse(*self.charter_arguments(self.home / "other"), "--member",
                    self.home / "damaged.card", words=["damaged.card"])
        self.refuse(*self.charter_arguments(self.home / "other", "--preparation", "magic"),
                    words=["no preparation 'magic'"])
        self.assertFalse((self.home / "other").exists())
        self.refuse(*self.charter_arguments(self.study), words=["charter.bin"])
        self.succeed("member", "new", "--member", self.private("x"), "--name", "Stranger")
        self.refuse("charter", "sign", self.study, "--member", self.private("x"),
                    words=["Stranger is no member of this charter"])
        self.sign()
        write_csv(self.home / "wide.csv", features=features + 1)
        self.refuse(*self.contribute("a", self.home / "wide.csv"),
                    words=["has 7 features, and the charter has 6"])
        write_csv(self.home / "more.csv", classes=classes + 1)
        self.refuse(*self.contribute("a", self.home / "more.csv"), words=["more.csv"])
        self.refuse(*self.contribute("r", self.home / "a.csv"), words=["no contributor"])
        self.succeed(*self.contribute("a"))
        self.refuse(*self.contribute("a", self.home / "b.csv"),
                    words=["has brought other rows under this charter before"])
        # The same rows under a second charter: the ledger refuses.
        second = self.home / "second"
        self.succeed(*self.charter_arguments(second))
        self.sign(second)
        self.refuse(*self.contribute("a", study=second), words=["went into the charter"])
        # A signature of another charter.
        shutil.copy(second / "signatures/001.sig", self.study / "signatures/001.sig")
        self.refuse("member", "step", *self.places("a"), words=["001.sig", "member 1 (Clinic b)"])

    def test_rows_that_cannot_be_added_up_are_not_used_up(self):
        self.sign()
        rows = (self.home / "a.csv").read_text().splitlines()
        label, _, *others = rows[0].split(",")
        (self.home / "far.csv").write_text(
            "\n".join([",".join([label, "1e9", *others]), *rows[1:]]) + "\n")
        self.refuse(*self.contribute("a", self.home / "far.csv"),
                    words=["too large to be added up over 3 contributors"])
        # They are not of this charter, nor of any.
        second = self.home / "second"
        self.succeed(*self.charter_arguments(second))
        self.sign(second)
        self.succeed(*self.contribute("a", study=second))

    def test_messages_that_are_lost_changed_or_of_another_charter(self):
        self.trained()
        before = {path: path.read_bytes() for path in (self.study / "messages").iterdir()}
        # Lost: sent again byte for byte.
        for path in before:
            path.unlink()
        for _ in range(9):
            for name in (*self.names, "r"):
                self.succeed("member", "step", *self.places(name))
        self.assertEqual({path: path.read_bytes() for path in before}, before)
        # Changed: its sender puts the right one there, and nobody uses the wrong one.
        upload = self.message(10, 10, 1)
        changed = bytearray(before[upload])
        changed[-1] ^= 1
        upload.write_bytes(changed)
        self.refuse("member", "verify", "--quiet", *self.places("a"),
                    words=["10-10-001-all.msg", "other messages than it did before"])
        self.succeed("member", "step", *self.places("b"))
        self.assertEqual(upload.read_bytes(), before[upload])
        self.succeed("member", "verify", *self.places("a"))
        # Of another place and of another charter.
        upload.write_bytes(before[self.message(10, 10, 0)])
        step = self.succeed("member", "step", *self.places("a"))
        self.assertIn("it holds the upload of member 0", step.stderr)
        upload.write_bytes(before[upload])
        # A signed round that the board has exchanged: what was seen before is pinned.
        pinned = self.private("a") / "charters"
        root = next(pinned.rglob("roots/06"))
        root.chmod(0o600)
        root.write_bytes(bytes(32))
        self.refuse("member", "step", *self.places("a"), words=["round 6 shows other messages"])

    def test_a_server_that_cheats_gets_no_share(self):
        self.trained()
        result = self.study / "result.bin"
        honest = result.read_bytes()
        # One bit of the ciphertext: what is shown is not what anybody recomputes.
        false = bytearray(honest)
        false[-100] ^= 1
        result.write_bytes(false)
        self.refuse("member", "verify", "--quiet", *self.places("a"), words=["trained something else"])
        self.refuse("member", "release", *self.places("a"), words=["trained something else"])
        # The one request is not spent on it.
        self.refuse(*self.open("--holders", "1,3"), words=["trained something else"])
        result.write_bytes(honest)
        self.succeed("member", "verify", *self.places("a"))
        self.released_after_verification()
        self.assertEqual(len(self.shares()), 2)

    def test_a_result_of_others_is_named(self):
        self.trained()
        result = self.study / "result.bin"
        honest = result.read_bytes()
        # Of another charter, or cut short.
        result.write_bytes(honest[:40] + bytes([honest[40] ^ 1]) + honest[41:])
        self.refuse("member", "verify", "--quiet", *self.places("c"), words=["another charter"])
        result.write_bytes(honest[:-1])
        self.refuse("member", "verify", "--quiet", *self.places("c"), words=["result.bin"])
        self.assertEqual(self.shares(), [])

    def test_a_verified_result_that_is_exchanged_gets_no_share(self):
        self.trained()
        for name in ("a", "c"):
            self.succeed("member", "verify", *self.places(name))
        self.succeed(*self.open("--holders", "1,3"))
        self.succeed("member", "release", *self.places("a"))
        result = self.study / "result.bin"
        honest = result.read_bytes()
        false = bytearray(honest)
        false[-100] ^= 1
        result.write_bytes(false)
        self.refuse("member", "release", *self.places("c"), words=["trained something else"])
        self.assertEqual(self.shares(), [])
        result.write_bytes(honest)
        self.succeed("member", "release", *self.places("c"))
        self.succeed("member", "release", *self.places("a"))
        self.assertEqual(len(self.shares()), 2)
        self.succeed(*self.open())

    def test_what_is_opened_is_what_was_compared(self):
        """The result is exchanged while the recipient, who holds no point, is at work."""
        self.trained()
        self.succeed("member", "verify", *self.places("a"))
        self.released_after_verification()
        library = self.home / "exchange_at_read.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, exchange_source, "-ldl"],
                       check=True)
        result, other = self.study / "result.bin", self.study / "other.bin"
        honest = result.read_bytes()
        # The lowest bit of a value of the part that the shares are added to.
        place = len(honest) - 8 * (3 * len(honest) // 32)
        false = bytearray(honest)
        false[place] ^= 1

        def opened(read, out):
            other.write_bytes(false)
            return run(*self.open()[:-3], "--out", self.home / out, "--quiet",
                       environment={"LD_PRELOAD": str(library), "EXCHANGE_NAME": "/result.bin",
                                    "EXCHANGE_AT": str(read), "EXCHANGE_FOR": str(other)})

        at_first = opened(1, "first")
        self.assertEqual(at_first.returncode, 2)
        self.assertIn("trained something else", at_first.stderr)
        self.assertFalse(other.exists())
        result.write_bytes(honest)
        # It is read once, so that there is nothing to exchange between reading and reading.
        later = opened(2, "second")
        self.assertEqual(later.returncode, 0, later.stderr)
        self.assertTrue(other.exists())
        self.assertTrue((np.load(self.home / "second/weights.npy") ==
                         np.load(self.home / "model/weights.npy")).all())


class TwoFaces(Study):
    """A member, or whoever carries the messages, shows different members different things."""

    def test_two_messages_of_one_round_are_found_in_the_next(self):
        self.sign()
        other = self.home / "other"
        shutil.copytree(self.study, other)
        twin = self.home / "private-b2"
        shutil.copytree(self.private("b"), twin)
        # Member b signs one commitment for a and r, and another one for c.
        for name in ("a", "b", "r"):
            self.succeed("member", "step", *self.places(name))
        self.succeed("member", "step", *self.places("c", other))
        self.succeed("member", "step", "--member", twin, "--charter", other)
        carried = lambda number, kind, sender: Path(
            "messages", self.message(number, kind, sender).name)
        both = carried(0, 1, 1)
        self.assertNotEqual((self.study / both).read_bytes(), (other / both).read_bytes())
        shutil.copy(other / carried(0, 1, 2), self.study / carried(0, 1, 2))
        for sender in (0, 3):
            shutil.copy(self.study / carried(0, 1, sender), other / carried(0, 1, sender))
        # Round 1 is open for both, after different rounds 0.
        self.succeed("member", "step", *self.places("a"))
        self.succeed("member", "step", *self.places("c", other))
        shutil.copy(self.study / carried(1, 2, 0), other / carried(1, 2, 0))
        found = self.succeed("member", "step", *self.places("c", other))
        self.assertIn("the revealed randomness of member 0 (Clinic a) is refused", found.stderr)
        self.assertIn("saw other messages in the round before", found.stderr)
        # Nor can the one message be exchanged for the other later.
        shutil.copy(other / both, self.study / both)
        self.refuse("member", "step", *self.places("a"), words=["round 0 shows other messages"])

    def test_a_training_on_other_statistics_gets_no_share(self):
        self.trained()
        first, honest = self.study, (self.study / "result.bin").read_bytes()
        # A whole second study, of other rows and keys: a result in the right form.
        self.study = self.home / "second"
        self.succeed(*self.charter_arguments(self.study))
        for i, name in enumerate(self.names):
            write_csv(self.home / f"{name}.csv", rows=24, features=features, classes=classes,
                      seed=50 + i)
        self.trained()
        foreign = (self.study / "result.bin").read_bytes()
        self.study = first
        head = len(honest) - len(honest.split(b"cipherfit joint result 1", 1)[1]) + 64
        self.assertEqual(len(foreign), len(honest))
        (self.study / "result.bin").write_bytes(honest[:head] + foreign[head:])
        self.refuse("member", "verify", "--quiet", *self.places("a"), words=["trained something else"])
        self.refuse("member", "release", *self.places("a"), words=["trained something else"])
        self.assertEqual(self.shares(), [])


class RecipientWhoHolds(Study):
    def charter_arguments(self, out, *more):
        arguments = list(super().charter_arguments(out, *more))
        arguments[arguments.index("--recipient") + 1] = self.home / "a.card"
        return arguments

    def sign(self, study=None):
        for name in self.names:
            self.succeed("charter", "sign", study or self.study, "--member", self.private(name))

    def test_it_answers_itself_while_it_waits(self):
        self.sign()
        for name in self.names:
            self.succeed(*self.contribute(name))
        for _ in range(9):
            for name in self.names:
                self.succeed("member", "step", *self.places(name), "--quiet")
        self.assertEqual(self.serve().returncode, 0)
        self.succeed("member", "verify", *self.places("c"), "--quiet")
        opening = [str(word) for word in (
            cipherfit, "recipient", "open", *self.places("a"), "--out", self.home / "model",
            "--holders", "1,3", "--wait", "120", "--quiet")]
        with subprocess.Popen(opening, stderr=subprocess.PIPE, text=True) as waiting:
            self.succeed("member", "release", *self.places("c"), "--wait", "120")
            self.assertEqual(waiting.wait(timeout=120), 0, waiting.stderr.read())
        self.assertEqual(len(self.shares()), 2)
        weights = np.load(self.home / "model/weights.npy")
        predicted = self.test_values @ weights[:, 1:].T + weights[:, 0]
        self.assertGreater((predicted.argmax(axis=1) == self.test_labels).mean(), 0.9)


if __name__ == "__main__":
    unittest.main()
