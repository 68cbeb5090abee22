"""Runs against an installed wheel, in an environment that has nothing else: tools/build_wheel.sh."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import cipherfit
from cipherfit import EncryptedClassifier, ckks

package = Path(cipherfit.__file__).parent
assert "site-packages" in str(package), package
assert not any(shutil.which(name) for name in ("cc", "gcc", "g++", "clang", "cmake")), os.environ["PATH"]

# Nothing but the system's C and C++ libraries comes from outside the package.
system = ("libc.so", "libm.so", "libdl.so", "librt.so", "libpthread.so", "libresolv.so", "libmvec.so", "libgcc_s.so",
          "libstdc++.so", "ld-linux", "linux-vdso")
if Path("/usr/bin/ldd").exists():
    for binary in [*package.glob("*.so"), *package.glob("bin/*")]:
        listed = subprocess.run(["/usr/bin/ldd", binary], capture_output=True, text=True, check=True,
                                env={"PATH": "/usr/bin:/bin"})
        for line in listed.stdout.splitlines():
            assert "cipherfit.libs" in line or any(part in line.split()[0] for part in system), (binary, line)

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
started = time.monotonic()
model = EncryptedClassifier().fit(X_train, y_train)
seconds = time.monotonic() - started
accuracy = model.score(X_test, y_test)
assert accuracy > 0.93, accuracy
assert 0 < model.report_.weight_error < model.report_.weight_error_bound

parameters = ckks.Parameters(log_n=13, q_bits=[45, 35, 35], p_bits=[45], digits=3)
key = ckks.SecretKey(parameters)
evaluator = ckks.Evaluator(key.evaluation_keys())
x = np.linspace(0, 1, 100)
a = key.encrypt(x, evaluator=evaluator)
assert key.precision(a * a, x * x).worst_bits > 12

from cipherfit import _cnn, _remote  # noqa: E402, F401  the networks' libraries are there, and gRPC

program = Path(sys.executable).parent / "cipherfit"
assert subprocess.run([program, "info"], capture_output=True, check=True).stdout
assert subprocess.run([Path(sys.executable).parent / "cipherfit-server", "--version"],
                      capture_output=True, check=True).stdout
print(f"smoke: {100 * accuracy:.1f} % right, encrypted, fit in {seconds:.1f} s")
