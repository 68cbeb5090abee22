#!/usr/bin/env python3
"""Builds the documentation site from the documents, with the Python reference from the docstrings.

    build_site.py OUT     needs MkDocs and the package cipherfit on the path (tests/CMakeLists.txt)

The documents are copied to a folder of their own first, as they lie in the repository, so that their
links hold as they are. Files that they link to come along; links to folders of the sources become
plain text. MkDocs checks every link and heading; a warning is an error. Exit status 1 for any.
"""

import inspect
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

root = Path(__file__).resolve().parent.parent
link = re.compile(r"(!?)\[([^\]]*)\]\(([^()\s]+)\)")

navigation = """
site_name: cipherfit
site_description: Train classifiers on encrypted data
docs_dir: pages
site_dir: {out}
use_directory_urls: false
theme:
  name: mkdocs
  highlightjs: false
markdown_extensions: [tables, toc, fenced_code]
validation:
  omitted_files: ignore
  absolute_links: warn
  links:
    not_found: warn
    anchors: warn
    unrecognized_links: warn
nav:
  - Start: README.md
  - Guides:
      - Python: docs/guides/python.md
      - What encrypted training is: docs/guides/concepts.md
      - Several hospitals, one model: docs/guides/several-hospitals.md
      - Run a service: docs/guides/run-a-service.md
      - Where it runs: docs/guides/where-it-runs.md
      - Your own features: docs/guides/your-own-features.md
      - Your own images: docs/guides/your-own-images.md
  - Reference:
      - Python: docs/reference/python.md
      - Command line: docs/reference/cli.md
      - Report: docs/reference/report.md
      - The service's interface: docs/reference/api.md
      - Files: docs/reference/format.md
      - Pipelines: docs/reference/pipeline.md
  - Figures:
      - Benchmarks: docs/benchmarks.md
      - Learning quality: docs/learning-quality.md
  - Design: docs/README.md
  - Security: SECURITY.md
  - Changes: CHANGELOG.md
"""


def documents():
    """The documents by their paths in the repository."""
    for name in ("README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        yield root / name
    for folder in ("docs", "examples"):
        yield from sorted((root / folder).rglob("*.md"))


def stage(document, pages):
    """Copies a document with what it links to."""
    text = document.read_text(encoding="utf-8")

    def settled(found):
        bang, words, target = found.groups()
        path, _, fragment = target.partition("#")
        if not path or re.match(r"[a-z][a-z0-9+.-]*:", path):
            return found.group(0)
        file = (document.parent / path).resolve()
        if file.is_dir():
            return words
        if file.suffix != ".md":
            copy = pages / file.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            return found.group(0) if bang or not fragment else f"[{words}]({path})"
        return found.group(0)

    fenced = False
    lines = []
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        lines.append(line if fenced else link.sub(settled, line))
    copy = pages / document.relative_to(root)
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text("\n".join(lines) + "\n", encoding="utf-8")


def described(docstring):
    """A docstring as Markdown: NumPy's sections become bold lines and lists."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    result = []
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if re.fullmatch(r"-{3,}", line):
            continue
        if re.fullmatch(r"-{3,}", following):
            result += ["", f"**{line}**", ""]
        elif re.match(r"[a-z_, ]+ : ", line):
            name, _, rest = line.partition(" : ")
            result += [f"- `{name}`: {rest}"]
        elif line.startswith("    ") and result and (result[-1].startswith(("- ", "  "))):
            result.append("  " + line.strip())
        else:
            result.append(line)
    return "\n".join(result).replace("``", "`")


def members(value):
    for name, member in vars(value).items():
        function = getattr(member, "__func__", member)
        if not name.startswith("_") and (callable(function) or isinstance(member, property)) and \
                getattr(function, "__doc__", None):
            yield name, function


def entry(name, value):
    text = [f"\n## {name}\n", described(value.__doc__), ""]
    if inspect.isclass(value) and not issubclass(value, BaseException):
        for method, function in members(value):
            doc = described(function.__doc__)
            # An extension's docstrings begin with the signature.
            head, _, rest = doc.partition("\n")
            if head.startswith(f"{method}("):
                text.append(f"\n### {name}.{method}\n\n`{head}`\n\n{rest.strip()}\n")
            else:
                mark = "" if isinstance(function, property) else str(_signature(function))
                text.append(f"\n### {name}.{method}\n\n`{method}{mark}`\n\n{doc}\n")
    return "\n".join(text)


def _signature(function):
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return ""


def reference():
    import cipherfit
    from cipherfit import ckks

    pages = ["# Python reference\n", "Made from the docstrings of the package. The "
             "[guide](../guides/python.md) shows how the parts are used.\n"]
    for name in cipherfit.__all__:
        value = getattr(cipherfit, name)
        if not inspect.ismodule(value):
            pages.append(entry(name, value))
    pages.append("\n# cipherfit.ckks\n\n" + inspect.cleandoc(ckks.__doc__) + "\n")
    pages += [entry(name, getattr(ckks, name)) for name in ckks.__all__]
    return "\n".join(pages)


def main(arguments):
    if len(arguments) != 1:
        sys.exit(__doc__)
    out = Path(arguments[0]).resolve()
    with tempfile.TemporaryDirectory() as work:
        pages = Path(work, "pages")
        for document in documents():
            stage(document, pages)
        (pages / "docs/reference/python.md").write_text(reference(), encoding="utf-8")
        Path(work, "mkdocs.yml").write_text(navigation.format(out=out), encoding="utf-8")
        done = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--clean", "-q"],
                              cwd=work, check=False)
    if done.returncode == 0:
        print(f"{len(list(out.rglob('*.html')))} pages in {out}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
