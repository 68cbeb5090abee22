#!/usr/bin/python3
"""Standard streams that are closed, full or without a reader: no work ends for that, no data file
takes their place, and what is nowhere else is missed."""

import os
import subprocess
import unittest

from cli_support import ProgramTest, cipherfit, run, server

# What a shell does to the streams.
CONDITIONS = {
    "output full": ">/dev/full",
    "error full": "2>/dev/full",
    "both full": ">/dev/full 2>&1",
    "input closed": "<&-",
    "output closed": ">&-",
    "error closed": "2>&-",
    "all closed": "<&- >&- 2>&-",
}


def run_with(condition, program, *arguments):
    """The result of the program with its streams as in the condition."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {condition}', "sh", str(program), *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=600)


def run_without_reader(program, *arguments):
    """The status of the program whose output and error are pipes that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run([str(program), *map(str, arguments)], stdout=writing, stderr=writing,
                              check=False, timeout=600).returncode
    finally:
        os.close(writing)


class Streams(ProgramTest):
    def each_condition(self, prepare):
        """Runs prepare(n)'s command in every condition, and without a reader: status 0, and the files
        are there."""
        for number, (name, condition) in enumerate(CONDITIONS.items()):
            program, arguments, files = prepare(number)
            with self.subTest(name, command=arguments[0]):
                result = run_with(condition, program, *arguments)
                self.assertEqual(result.returncode, 0, result.stderr)
                if condition == ">/dev/full" and program == cipherfit and arguments[0] != "train":
                    self.assertIn("cannot write to the standard output: No space left",
                                  result.stderr)
                for file in files:
                    self.assertTrue(file.exists(), file)
        program, arguments, files = prepare(len(CONDITIONS))
        with self.subTest("no reader", command=arguments[0]):
            self.assertEqual(run_without_reader(program, *arguments), 0)
            for file in files:
                self.assertTrue(file.exists(), file)

    def test_fit(self):
        def prepare(number):
            out = self.home / f"run{number}"
            arguments = [word for word in self.fit_arguments(out) if word != "--quiet"]
            return cipherfit, arguments, [out / name for name in (
                "model/weights.npy", "model/model.json", "report.html", "job/model.cft")]

        self.each_condition(prepare)
        for lock in self.home.glob("run*/*/.lock"):
            self.assertRegex(lock.read_text(), r"\A\d+\n\Z")

    def test_the_steps_one_by_one(self):
        def prepare(number):
            owner = self.home / f"owner{number}"
            return cipherfit, ("plan", "--train", self.train, "--iterations", "2", "--owner",
                               owner), [owner / "plan.json"]

        self.each_condition(prepare)

        def steps(command, *names):
            def prepare(number):
                owner, job = self.home / f"owner{number}", self.home / f"job{number}"
                return (cipherfit, (command, "--owner", owner, "--job", job),
                        [job / name for name in names])
            return prepare

        self.each_condition(steps("keygen", "evaluation_keys.cft"))
        self.each_condition(steps("encrypt", "training_data.cft", "plan.cft"))

        def train(number):
            job = self.home / f"job{number}"
            # Both ways to start the server.
            if number % 2 == 0:
                return server, (job,), [job / "model.cft"]
            return cipherfit, ("train", "--job", job), [job / "model.cft"]

        self.each_condition(train)
        for lock in self.home.glob("job*/.lock"):
            self.assertRegex(lock.read_text(), r"\A\d+\n\Z")

        def decrypt(number):
            model = self.home / f"model{number}"
            return cipherfit, ("decrypt", "--owner", self.home / f"owner{number}", "--job",
                               self.home / f"job{number}", "--out", model), [model / "model.json"]

        self.each_condition(decrypt)

        def report(number):
            page = self.home / f"report{number}.html"
            return cipherfit, ("report", "--owner", self.home / f"owner{number}", "--job",
                               self.home / f"job{number}", "--test", self.test, "--out", page), [
                                   page]

        self.each_condition(report)

        def predict(number):
            out = self.home / f"predictions{number}.csv"
            return cipherfit, ("predict", "--model", self.home / "model0", "--data", self.test,
                               "--out", out), [out]

        self.each_condition(predict)

        def evaluate(number):
            out = self.home / f"evaluate{number}.json"
            return cipherfit, ("evaluate", "--model", self.home / "model0", "--test", self.test,
                               "--json", out), [out]

        self.each_condition(evaluate)

    def test_what_is_nowhere_else_is_missed(self):
        key = self.home / "owner/secret.key"
        self.succeed("plan", "--train", self.train, "--iterations", "2", "--owner", key.parent)
        self.succeed("keygen", "--owner", key.parent, "--job", self.home / "job")
        for arguments in (("info",), ("--help",), ("--version",), ("fit", "--help"),
                          ("inspect", key),
                          ("plan", "--samples", "100", "--feature-count", "5", "--classes", "3"),
                          ("rehearse", "--train", self.train, "--iterations", "2")):
            with self.subTest(arguments):
                result = run_with(">/dev/full", cipherfit, *arguments)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn("cipherfit: cannot write to the standard output: No space left on "
                              "device\n", result.stderr)
                self.assertEqual(run_with(">&-", cipherfit, *arguments).returncode, 0)
                self.assertEqual(run_without_reader(cipherfit, *arguments), 0)
        self.assertEqual(run_with(">/dev/full", server, "--help").returncode, 2)

    def test_errors_keep_their_status(self):
        for condition in CONDITIONS.values():
            self.assertEqual(run_with(condition, cipherfit, "nonsense").returncode, 2)
            self.assertEqual(run_with(condition, server, self.home / "none").returncode, 2)
        self.assertEqual(run_without_reader(cipherfit, "nonsense"), 2)

    def test_a_reader_that_has_enough(self):
        out = self.home / "out"
        arguments = [word for word in self.fit_arguments(out) if word != "--quiet"]
        script = '{ "$@"; echo $? >"$STATUS"; } 2>&1 | head -1'
        subprocess.run(["/bin/sh", "-c", script, "sh", str(cipherfit), *map(str, arguments)],
                       stdout=subprocess.DEVNULL, check=True, timeout=600,
                       env={**os.environ, "STATUS": str(self.home / "status")})
        self.assertEqual((self.home / "status").read_text(), "0\n")
        self.assertTrue((out / "model/model.json").exists())

    def test_a_pipe_that_does_not_block_gets_all(self):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        process = subprocess.Popen([cipherfit, "fit", "--help"], stdout=writing)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            text = pipe.read()
        self.assertEqual(process.wait(), 0)
        self.assertEqual(text, run("fit", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
