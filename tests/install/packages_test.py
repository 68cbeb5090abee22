#!/usr/bin/python3
"""The Debian packages that cpack makes of a build: what they hold, need and do when installed.

    tests/install/packages_test.py BUILD_DIRECTORY
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

source = Path(__file__).resolve().parent.parent.parent
build = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else source / "build"
lacking = [tool for tool in ("cpack", "file", "dpkg-deb", "dpkg-shlibdeps") if not shutil.which(tool)]


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@unittest.skipIf(lacking, f"no {', '.join(lacking)}: tools/setup.sh package installs what cpack needs")
class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = Path(folder.name)
        run = subprocess.run(["cpack", "-G", "DEB", "--config", build / "CPackConfig.cmake", "-B", cls.root],
                             capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        for package in ("owner", "server"):
            (file,) = cls.root.glob(f"cipherfit-{package}_*.deb")
            subprocess.run(["dpkg-deb", "-R", file, cls.root / package], check=True)
            setattr(cls, package, cls.root / package)

    def field(self, package, name):
        return re.search(f"^{name}: (.*)$", (package / "DEBIAN/control").read_text(), re.MULTILINE)[1]

    def files(self, package):
        return sorted(str(path.relative_to(package)) for path in package.rglob("*")
                      if path.is_file() and "DEBIAN" not in path.parts)

    def test_hold_a_program_each_and_the_licence(self):
        self.assertEqual(self.files(self.owner), ["usr/bin/cipherfit", "usr/share/doc/cipherfit-owner/copyright"])
        self.assertEqual(self.files(self.server),
                         ["etc/cipherfit/server.toml", "usr/bin/cipherfit-server",
                          "usr/lib/systemd/system/cipherfit-server.service",
                          "usr/share/doc/cipherfit-server/copyright"])
        for package, program in ((self.owner, "cipherfit"), (self.server, "cipherfit-server")):
            version = output(package / "usr/bin" / program, "--version").strip()
            self.assertEqual(self.field(package, "Version"), version)

    def test_name_what_they_need(self):
        self.assertIn(f"cipherfit-server (= {self.field(self.owner, 'Version')})", self.field(self.owner, "Depends"))
        needed = self.field(self.server, "Depends").split(", ")
        self.assertIn("passwd", needed)
        for library in ("libc6", "libgrpc", "libssl"):
            self.assertTrue(any(name.startswith(library) for name in needed), needed)
        self.assertFalse([name for name in needed if "opencv" in name or name.endswith("-dev")])

    def test_the_settings_are_the_operators(self):
        self.assertEqual((self.server / "DEBIAN/conffiles").read_text(), "/etc/cipherfit/server.toml\n")

    def test_scripts_can_be_run_and_read_by_sh(self):
        for name in ("postinst", "prerm", "postrm"):
            script = self.server / "DEBIAN" / name
            self.assertTrue(os.access(script, os.X_OK), name)
            subprocess.run(["sh", "-n", script], check=True)

    def test_the_unit_starts_programs_of_the_package_or_of_every_debian(self):
        unit = (self.server / "usr/lib/systemd/system/cipherfit-server.service").read_text()
        started = re.findall(r"^Exec\w+=(\S+)", unit, re.MULTILINE)
        self.assertEqual(sorted(started), ["/bin/sh", "/usr/bin/cipherfit-server"])


if __name__ == "__main__":
    unittest.main()
