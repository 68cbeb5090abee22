#!/usr/bin/python3
"""The checking tools must find what they are there to find: each test breaks one rule in a copy."""

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

root = Path(__file__).resolve().parent.parent.parent


class Checkout(unittest.TestCase):
    """A made-up project in a temporary folder, with the tools in place."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        shutil.copytree(root / "tools", self.root / "tools")
        self.write("CMakeLists.txt", "cipherfit_layer(math LINK cipherfit_base)\n")
        self.write("include/cipherfit/base/a.h", "#include <vector>\n")
        self.write("include/cipherfit/rlwe/owner/secret.h", '#include "cipherfit/base/a.h"\n')
        self.write("include/cipherfit/ckks/c.h", '#include "cipherfit/base/a.h"\n')
        self.write("src/rlwe/owner/secret.cpp", '#include "cipherfit/rlwe/owner/secret.h"\n')
        self.write("src/math/ntt.h", "")
        self.write("app/server/main.cpp", '#include "cipherfit/ckks/c.h"\n')
        self.write("app/cli/main.cpp", '#include "cipherfit/rlwe/owner/secret.h"\n')

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def run_tool(self, *arguments):
        result = subprocess.run(
            [self.root / "tools" / arguments[0], *arguments[1:]],
            capture_output=True,
            text=True,
            check=False,
        )
        return result.returncode, result.stdout + result.stderr


class CheckLayers(Checkout):
    def expect_problem(self, words):
        status, output = self.run_tool("check_layers.py")
        self.assertEqual(status, 1, output)
        self.assertIn(words, output)
        self.assertIn("1 problems", output)

    def test_accepts_a_clean_tree(self):
        status, output = self.run_tool("check_layers.py")
        self.assertEqual(status, 0, output)

    def test_accepts_the_project(self):
        result = subprocess.run(
            [root / "tools/check_layers.py"], capture_output=True, text=True, check=False
        )
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_finds_an_include_that_points_up(self):
        self.write("src/math/up.cpp", '#include "cipherfit/ckks/c.h"\n')
        self.expect_problem("math may not see ckks")

    def test_finds_an_include_of_a_neighbour(self):
        self.write("include/cipherfit/io/x.h", "")
        self.write("src/backbone/good.cpp", '#include "cipherfit/io/x.h"\n')
        self.write("src/io/bad.cpp", '#include "math/ntt.h"\n')
        self.expect_problem("io may not see math")

    def test_finds_an_owner_header_outside_owner_code(self):
        self.write("src/ckks/leak.cpp", '#include "cipherfit/rlwe/owner/secret.h"\n')
        self.expect_problem("only owner/ code")

    def test_finds_an_owner_header_behind_the_servers_includes(self):
        self.write("app/common.h", '# include <cipherfit/rlwe/owner/secret.h>\n')
        self.write("app/server/main.cpp", '#include "app/common.h"\n')
        self.expect_problem("secret.h <- app/common.h <- app/server/main.cpp")

    def test_finds_an_internal_header_in_a_public_one(self):
        self.write("include/cipherfit/rlwe/r.h", '#include "math/ntt.h"\n')
        self.expect_problem("a public header includes an internal one")

    def test_finds_an_include_that_is_not_rooted(self):
        self.write("src/math/x.cpp", '#include "ntt.h"\n')
        self.expect_problem("write it from the project's roots")

    def test_finds_a_missing_header_and_an_unknown_layer(self):
        self.write("src/math/x.cpp", '#include "math/gone.h"\n')
        self.expect_problem("there is no such file")
        self.write("src/math/x.cpp", "")
        self.write("src/helpers/x.cpp", "")
        self.expect_problem("'helpers' is no layer")

    def test_ignores_comments(self):
        self.write("src/math/x.cpp", '// #include "cipherfit/ckks/c.h"\n/*\n#include "x.h"\n*/\n')
        self.assertEqual(self.run_tool("check_layers.py")[0], 0)

    def test_finds_a_link_that_points_up(self):
        self.write("CMakeLists.txt", "cipherfit_layer(math\n    LINK cipherfit_base cipherfit_ckks)\n")
        self.expect_problem("math may not link ckks")
        self.write("CMakeLists.txt", "cipherfit_layer(ckks LINK cipherfit_rlwe_owner)\n")
        self.expect_problem("may not link the owner's side")


class CompiledCode(Checkout):
    def compile(self, source, output, *flags):
        self.write("x.cpp", source)
        path = self.root / output
        path.parent.mkdir(parents=True, exist_ok=True)
        command = ["g++", "-std=c++20", "-O2", *flags, str(self.root / "x.cpp"), "-o", str(path)]
        subprocess.run(command, check=True)
        return str(path)

    def test_binary_with_a_secret_class_is_found(self):
        clean = "int main() { return 0; }"
        secrets = ["SecretKey", "Dealer", "Holder", "ReleasePoint", "MemberIdentity",
                   "PreparedData", "Preprocessing", "OwnerSolver", "PlainRun", "RehearsalOptions"]
        leak = "".join(f"struct {name} {{ void wipe(); }}; "
                       f"__attribute__((noinline)) void {name}::wipe() {{ asm(\"\"); }}\n"
                       for name in secrets)
        leak += "int main() { " + " ".join(f"{name}().wipe();" for name in secrets) + " }"
        good = self.compile(clean, "good")
        bad = self.compile(leak, "bad")
        stripped = self.compile(leak, "stripped", "-s")
        self.assertEqual(self.run_tool("check_layers.py", "--binary", good)[0], 0)
        status, output = self.run_tool("check_layers.py", "--binary", bad)
        self.assertEqual(status, 1)
        for name in secrets:
            self.assertIn(f"{name}::wipe", output)
        self.assertEqual(self.run_tool("check_layers.py", "--binary", stripped)[0], 1)

    def test_binary_with_the_owners_steps_is_found(self):
        steps = ["rehearse", "fit_preprocessing", "search_models", "prepare"]
        server = "namespace cipherfit { struct Trainer { void prepare(); }; "
        server += "__attribute__((noinline)) void Trainer::prepare() { asm(\"\"); } }\n"
        main = "int main() { cipherfit::Trainer().prepare(); }"
        good = self.compile(server + main, "good")
        self.assertEqual(self.run_tool("check_layers.py", "--binary", good)[0], 0)
        leak = "namespace cipherfit { " + "".join(
            f"__attribute__((noinline)) void {name}() {{ asm(\"\"); }}\n" for name in steps) + "}\n"
        calls = "int main() { " + " ".join(f"cipherfit::{name}();" for name in steps) + " }"
        status, output = self.run_tool("check_layers.py", "--binary", self.compile(leak + calls, "bad"))
        self.assertEqual(status, 1)
        for name in steps:
            self.assertIn(f"cipherfit::{name}()", output)

    def test_wide_registers_outside_the_kernels_are_found(self):
        add = "void add(double* a, const double* b) { for (int i = 0; i < 64; ++i) a[i] += b[i]; }"
        objects = "build/CMakeFiles/m.dir/src/math"
        self.compile(add, f"{objects}/plain.o", "-c", "-O3")
        self.compile(add, f"{objects}/kernels/avx2/add.o", "-c", "-O3", "-mavx2")
        build = str(self.root / "build")
        status, output = self.run_tool("check_wide_instructions.py", build)
        self.assertEqual(status, 0, output)
        self.compile(add, f"{objects}/wide.o", "-c", "-O3", "-mavx2")
        status, output = self.run_tool("check_wide_instructions.py", build)
        self.assertEqual(status, 1)
        self.assertIn("wide.o: wide registers in add(double*, double const*)", output)

    def test_inline_functions_of_kernels_are_found(self):
        shared = "template <class T> __attribute__((noinline)) T twice(T x) { asm(\"\"); return x + x; }\n"
        shared += "int kernel(int x) { return twice(x); }"
        self.compile(shared, "build/CMakeFiles/m.dir/src/math/kernels/ifma/k.o", "-c", "-mavx2")
        status, output = self.run_tool("check_wide_instructions.py", str(self.root / "build"))
        self.assertEqual(status, 1)
        self.assertIn("shares int twice<int>(int)", output)


class SparseSecretEstimate(unittest.TestCase):
    """The figures of docs/design/bootstrapping.md: what one special prime is for."""

    def estimate(self, *arguments):
        output = subprocess.run(
            [root / "tools" / "sparse_secret_estimate.py", *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return [float(bits) for bits in re.findall(r"hybrid: 2\^([0-9.]+)", output)]

    def test_the_encapsulation_key_is_out_of_reach(self):
        attacks = self.estimate("--log-q", "100")
        self.assertEqual(len(attacks), 2)
        self.assertGreater(min(attacks), 128)

    def test_a_key_modulo_all_special_primes_would_not_be(self):
        self.assertLess(min(self.estimate("--log-q", "500")), 128)


if __name__ == "__main__":
    unittest.main()
