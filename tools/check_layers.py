#!/usr/bin/python3
"""Checks that the code keeps to its layers and that no secret can reach the server.

    check_layers.py                    the includes of include/, src/ and app/
    check_layers.py --binary FILE ...  the symbols of a server program

Rules for includes (`allowed` below is the order of the layers):
  1. A file of a layer includes that layer and those it may see, no others.
  2. Code outside owner/ folders, and everything that app/server reaches, includes no owner/ header.
  3. A header under include/ includes no internal header of src/.
  4. Project headers are included as "cipherfit/<layer>/x.h" or "<layer>/x.h".
  5. The links of CMakeLists.txt are among the layers that rule 1 allows.
A server program must have symbols, and none that names a class which holds a secret, the owner's
steps, or what needs the rows in the clear: preprocessing, twins, rehearsals.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent

# What each layer may include besides itself, from the bottom up.
engine = ["base", "math", "rlwe", "ckks", "circuit", "linalg"]
allowed = {layer: set(engine[:i]) for i, layer in enumerate(engine)}
allowed["io"] = {"base"}
allowed["backbone"] = {"base", "io"}
allowed["parties"] = {"base", "math", "rlwe", "io"}
# A plan holds a solver and a solver works on a plan: two folders of one target.
allowed["train"] = set(engine) | {"solver"}
allowed["solver"] = set(engine) | {"train"}
allowed["protocol"] = set(engine) | {"train", "solver", "io", "parties"}
# The owner's side of the protocol also featurises images.
allowed["protocol/owner"] = allowed["protocol"] | {"backbone"}
# The owner's side of a service that trains: calls, uploads and downloads of a job's directory.
allowed["remote"] = {"base", "io", "protocol", "parties"}
# Jobs over a network, for the server's program.
allowed["service"] = allowed["protocol"] | {"protocol"}
# What front ends share before there are keys: features, the choice of a model, the plan.
allowed["fitting"] = allowed["protocol/owner"] | {"protocol"}
layers = {name for name in allowed if "/" not in name}

include_line = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
block_comment = re.compile(r"/\*.*?\*/", re.DOTALL)
secret_symbol = re.compile(
    r"\b(SecretKey|KeyGenerator|Decryptor|Dealer|Holder|ReleasePoint|SecretSeed|MemberIdentity|RowsLedger)\b"
)
# The owner's steps, and what needs the rows in the clear.
clear_symbol = re.compile(
    r"\bcipherfit::(OwnerSession|OwnerSetup|OwnerState|TwinReference|DecryptionRecord|AnswerSigner|Unchecked"
    r"|FeatureExtractor|rehearse|search_models|fit_preprocessing|prepare|prepare_rows|fit_calibration)\b"
    r"|\b(PreparedData|Preprocessing|NoiseModel|OwnerSolver|ModelReader|PlainRun|Rehearsal\w*)\b"
)


class SourceFile:
    """A file under include/cipherfit, src or app: which layer it is of and what it includes."""

    def __init__(self, path):
        self.path = path
        parts = path.parts
        self.public = parts[0] == "include"
        self.app = parts[0] == "app"
        self.owner = "owner" in parts[:-1]
        self.layer = "app" if self.app else parts[2 if self.public else 1]
        text = block_comment.sub(" ", (root / path).read_text(encoding="utf-8"))
        self.includes = [(quote, name) for quote, name in include_line.findall(text)]

    def may_include(self):
        if self.app:
            return layers
        key = f"{self.layer}/owner" if self.owner else self.layer
        return allowed.get(key, allowed[self.layer]) | {self.layer}


def find_sources():
    files = {}
    for top in ("include/cipherfit", "src", "app"):
        for suffix in ("h", "cpp"):
            for path in sorted((root / top).rglob(f"*.{suffix}")):
                relative = path.relative_to(root)
                files[relative] = SourceFile(relative)
    return files


def resolve(file, name):
    """The project file that an include names, or None for a header of another project."""
    if name.startswith("cipherfit/v1/") and name.endswith(".pb.h"):
        return None  # made of proto/
    if name.startswith("cipherfit/"):
        return Path("include") / name
    for candidate in (Path("src") / name, Path("app") / name, Path(name), file.path.parent / name):
        if (root / candidate).is_file():
            return candidate
    return Path("src") / name if name.split("/")[0] in layers and name.endswith(".h") else None


def check_file(file, files):
    if not file.app and file.layer not in layers:
        yield f"{file.path}: '{file.layer}' is no layer; the layers are {', '.join(sorted(layers))}"
        return
    for quote, name in file.includes:
        target_path = resolve(file, name)
        if target_path is None:
            if quote == '"':
                yield f'{file.path}: include "{name}" is neither of the project nor in <>'
            continue
        where = f"{file.path}: includes {name}"
        if not name.startswith("cipherfit/") and name.split("/")[0] not in layers | {"app"}:
            local = file.app and (root / "app" / name).is_file()
            if not local:
                yield f'{where}: write it from the project\'s roots, as "<layer>/{name}"'
        target = files.get(target_path)
        if target is None:
            yield f"{where}: there is no such file"
            continue
        if target.app and not file.app:
            yield f"{where}: a layer includes a program's header"
        elif not target.app and target.layer not in file.may_include():
            yield f"{where}: {file.layer} may not see {target.layer}"
        if target.owner and not file.owner and not file.app:
            yield f"{where}: only owner/ code may see owner/ headers"
        if file.public and not target.public:
            yield f"{where}: a public header includes an internal one"


def check_server(files):
    """Follows the includes of app/server: reports the first chain to each owner/ header."""
    start = [path for path in files if path.parts[:2] == ("app", "server")]
    came_from = {path: None for path in start}
    queue = list(start)
    while queue:
        path = queue.pop()
        if files[path].owner:
            chain = []
            step = path
            while step is not None:
                chain.append(str(step))
                step = came_from[step]
            yield "the server reaches an owner's header: " + " <- ".join(chain)
            continue
        for _, name in files[path].includes:
            target = resolve(files[path], name)
            if target in files and target not in came_from:
                came_from[target] = path
                queue.append(target)


def check_links():
    text = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    text = re.sub(r"#.*", "", text)
    for kind, name, links in re.findall(r"cipherfit_(owner_)?layer\((\w+)\s+LINK([^)]*)\)", text):
        if name not in layers:
            yield f"CMakeLists.txt: layer {name} has no place in the order of tools/check_layers.py"
            continue
        key = f"{name}/owner" if kind else name
        may = allowed.get(key, allowed[name]) | ({name} if kind else set())
        for linked in re.findall(r"\bcipherfit_(\w+)", links):
            layer = linked.removesuffix("_owner")
            if layer not in may:
                yield f"CMakeLists.txt: {key} may not link {layer}"
            if linked.endswith("_owner") and not kind:
                yield f"CMakeLists.txt: {name} may not link the owner's side {linked}"


def check_binary(path):
    symbols = subprocess.run(["nm", "-C", path], capture_output=True, text=True, check=False)
    lines = symbols.stdout.splitlines()
    if symbols.returncode != 0 or not lines:
        yield f"{path}: nm finds no symbols; build it without stripping ({symbols.stderr.strip()})"
    for line in lines:
        if secret_symbol.search(line) or clear_symbol.search(line):
            yield f"{path}: a symbol of the owner's side: {line.strip()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", nargs="+", metavar="FILE", help="check programs instead")
    arguments = parser.parse_args()
    if arguments.binary:
        problems = [p for path in arguments.binary for p in check_binary(path)]
        what = f"{len(arguments.binary)} programs"
    else:
        files = find_sources()
        problems = [p for file in files.values() for p in check_file(file, files)]
        problems += [*check_server(files), *check_links()]
        what = f"{len(files)} files"
    for problem in problems:
        print(problem)
    print(f"check_layers: {what}, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
