#!/usr/bin/python3
"""`cipherfit rehearse`: the recipe it writes, and that the rest of the owner's side uses it."""

import json
import stat
import unittest

import numpy as np

from cli_support import ProgramTest, write_csv


class Rehearse(ProgramTest):
    def rehearse(self, *more):
        recipe, report = self.home / "recipe.json", self.home / "rehearsal.json"
        result = self.succeed("rehearse", "--train", self.train, "--iterations", "1,2,3",
                              *(() if "--features" in more else ("--features", "raw")), "--out", recipe, "--json", report, "--quiet", *more)
        return json.loads(recipe.read_text()), json.loads(report.read_text()), result.stdout

    def test_the_recipe_is_the_chosen_run_and_plan_takes_it(self):
        recipe, report, text = self.rehearse()
        chosen = report["chosen"]
        self.assertEqual(len(report["runs"]), 6)  # three numbers of iterations, degrees 3 and 5
        for name in ("iterations", "step", "sigmoid_degree", "sigmoid_range"):
            self.assertEqual(recipe[name], chosen[name])
        for run in report["runs"]:
            self.assertLessEqual(run["max_abs_z"], 0.95 * run["sigmoid_range"])
            self.assertEqual(len(run["curve"]), run["iterations"])
            self.assertAlmostEqual(run["curve"][-1]["accuracy"], run["accuracy"], places=12)
        self.assertEqual(text.count("\n  > "), 1)
        self.assertEqual(stat.S_IMODE((self.home / "recipe.json").stat().st_mode), 0o600)

        plan = self.home / "plan.json"
        self.succeed("plan", "--train", self.train, "--recipe", self.home / "recipe.json",
                     "--json", plan, "--quiet")
        planned = json.loads(plan.read_text())
        self.assertEqual(planned["iterations"], recipe["iterations"])
        self.assertEqual(planned["step"], recipe["step"])
        self.assertEqual(planned["sigmoid_degree"], recipe["sigmoid_degree"])
        self.assertEqual(planned["sigmoid"]["range"], recipe["sigmoid_range"])

    def test_an_owner_can_go_on_from_it_to_a_model(self):
        owner, job, model = (self.home / name for name in ("owner", "job", "model"))
        recipe, _, _ = self.rehearse("--owner", owner)
        self.succeed("keygen", "--owner", owner, "--job", job, "--quiet")
        self.succeed("encrypt", "--owner", owner, "--job", job, "--quiet")
        self.succeed("train", "--job", job, "--quiet")
        self.succeed("decrypt", "--owner", owner, "--job", job, "--out", model)
        used = json.loads((model / "model.json").read_text())["recipe"]
        self.assertEqual(used["iterations"], recipe["iterations"])
        self.assertEqual(used["steps"][0], recipe["step"])
        # The same command may have been stopped after it had kept the plan; another is another.
        plan = (owner / "plan.json").read_bytes()
        self.rehearse("--owner", owner)
        self.refuse("rehearse", "--train", self.train, "--owner", owner, "--iterations", "1",
                    "--quiet", words=["holds a plan"])
        self.assertEqual((owner / "plan.json").read_bytes(), plan)
        write_csv(self.train, seed=5)
        self.refuse("rehearse", "--train", self.train, "--owner", owner, "--quiet",
                    words=["holds a plan"])

    def test_a_recipe_of_public_rows_trains_private_ones(self):
        public, recipe = self.home / "public.csv", self.home / "recipe.json"
        write_csv(public, rows=60, seed=11)
        self.succeed("rehearse", "--public", public, "--iterations", "2", "--out", recipe, "--quiet")
        figures = self.home / "figures.json"
        self.succeed("fit", "--train", self.train, "--test", self.test, "--recipe", recipe,
                     "--out", self.home / "out", "--json", figures, "--quiet")
        figures = json.loads(figures.read_text())
        self.assertEqual(figures["iterations"], 2)
        self.assertGreater(figures["test_accuracy"], 0.9)

    def test_the_seed_is_kept(self):
        recipe, _, _ = self.rehearse("--seed", "7")
        self.assertEqual(recipe["seed"], 7)
        file = self.home / "recipe.json"
        planning = ("plan", "--train", self.train, "--recipe", file, "--quiet")
        self.succeed(*planning)
        self.succeed(*planning, "--seed", "7")
        self.refuse(*planning, "--seed", "1", words=["recipe.json", "--seed 7", "--seed 1"])
        owner = self.home / "owner"
        self.succeed(*planning, "--owner", owner)
        kept = json.loads((owner / "plan.json").read_text())
        self.assertEqual(kept["shuffle_seed"], 7)
        for bad in (-1, 1.5, "7", None):
            file.write_text(json.dumps({**recipe, "seed": bad}))
            self.refuse(*planning, words=["recipe.json", "seed"])
        del recipe["seed"]  # as before
        file.write_text(json.dumps(recipe))
        self.succeed(*planning, "--seed", "3")

    def test_components_are_chosen_and_kept(self):
        # The widest direction is noise: with it alone more than a standard error is lost.
        values, labels = write_csv(self.train)
        values[:, 5] = 20 * np.random.default_rng(3).normal(size=48)
        np.savetxt(self.train, np.column_stack([labels, values]), delimiter=",")
        owner = self.home / "owner"
        recipe, report, text = self.rehearse("--features", "pca", "--whiten", "0.5", "--pca",
                                              "1,4", "--owner", owner)
        tried = [(run["pca"], run["iterations"], run["sigmoid_degree"]) for run in report["runs"]]
        self.assertEqual(tried, [(k, t, d) for k in (1, 4) for d in (3, 5) for t in (1, 2, 3)])
        best = {k: max(r["accuracy"] for r in report["runs"] if r["pca"] == k) for k in (1, 4)}
        self.assertLess(best[1], best[4] - (best[4] * (1 - best[4]) / 48) ** 0.5)
        self.assertEqual((recipe["features"], recipe["pca"]), ("pca", 4))
        self.assertEqual(report["chosen"]["pca"], 4)
        self.assertEqual(text.count("\n  > "), 1)

        kept = json.loads((owner / "features.json").read_text())
        self.assertEqual((kept["kind"], len(kept["standard_deviation"])), ("pca", 4))
        file, plan = self.home / "recipe.json", self.home / "plan.json"
        planning = ("plan", "--train", self.train, "--recipe", file, "--quiet")
        self.succeed(*planning, "--json", plan)
        self.assertEqual(json.loads(plan.read_text())["features"], 4)
        self.refuse(*planning, "--pca", "3", words=["recipe.json", "--pca 4", "--pca 3"])
        self.refuse(*planning, "--features", "raw", words=["--features pca", "--features raw"])
        for kind in ("wavelets", "auto", 3, None):
            file.write_text(json.dumps({**recipe, "features": kind}))
            self.refuse(*planning, words=["recipe.json", "features"])
        self.refuse("rehearse", "--train", self.train, "--features", "pca", "--whiten", "0.5",
                    "--pca", "4,7",
                    "--out", self.home / "none.json", "--quiet",
                    words=["7 principal components", "rank 6"])
        self.assertFalse((self.home / "none.json").exists())

    def test_a_plan_that_leaves_the_range_is_refused(self):
        # Rehearsed for one iteration, which has z = 0 throughout, and pinned on a tiny range.
        recipe = self.home / "recipe.json"
        self.rehearse()
        narrow = json.loads(recipe.read_text())
        narrow.update(iterations=3, sigmoid_range=0.05)
        recipe.write_text(json.dumps(narrow))
        out = self.home / "out"
        self.refuse("fit", "--train", self.train, "--test", self.test, "--recipe", recipe,
                    "--out", out, "--quiet", words=["|z|", "range"])
        self.assertFalse(out.exists())
        self.refuse("rehearse", "--train", self.train, "--features", "raw", "--iterations", "3",
                    "--sigmoid-range",
                    "0.05", "--out", self.home / "none.json", "--quiet", words=["|z|"])
        self.assertFalse((self.home / "none.json").exists())

    def test_bad_input(self):
        recipe = self.home / "recipe.json"
        self.refuse("rehearse", words=["--train"])
        self.refuse("rehearse", "--train", self.train, "--public", self.test, words=["--public"])
        self.refuse("rehearse", "--public", self.test, "--owner", self.home / "owner",
                    words=["--owner"])
        self.refuse("rehearse", "--train", self.train, "--features", "raw", "--pca", "3", "--quiet",
                    words=["--pca"])
        self.refuse("rehearse", "--train", self.train, "--features", "rbf", "--step", "3",
                    "--quiet", words=["--step"])
        for text in ("{}", "[]", "no json", '{"iterations": 0}',
                     '{"iterations": 2, "step": 1, "sigmoid_degree": 4, "sigmoid_range": 8}',
                     '{"iterations": 2, "step": "1", "sigmoid_degree": 3, "sigmoid_range": 8}'):
            recipe.write_text(text)
            self.refuse("plan", "--train", self.train, "--recipe", recipe, "--quiet",
                        words=["recipe.json"])
        self.refuse("plan", "--train", self.train, "--recipe", recipe, "--step", "3",
                    words=["--recipe"])


if __name__ == "__main__":
    unittest.main()
