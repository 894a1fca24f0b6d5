"""What holds for every file of the project."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.project import PACKAGES, files, python_files, relative, tree

# A file that can't be taken in at one sitting is two files.
FILE_MAX_LINES = 600
FOLDERS = (
    "streams/domain",
    "streams/engine",
    "streams/agents",
    "streams/cli",
    "schemas/examples",
    "connectors",
    "deploy/embedded",
    "tests/domain",
    "tests/engine",
    "tests/agents",
    "tests/connectors",
    "tests/schemas",
    "tests/simulation",
    "tests/integration",
    "tests/house",
    "bench",
)
ROOT_FILES = (
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "pyproject.toml",
    ".ci/run",
    "deploy/Dockerfile",
)
# In parts, so that this list does not break the rule that it checks.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("maven", "org"),
        ("maven", "apache", "org"),
        ("npmjs", "org"),
        ("crates", "io"),
        ("golang", "org"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("deb", "debian", "org"),
    )
)
HOME_FOLDERS = re.compile(r"/(?:root|home/(?!onhand\b)\w+|Users/\w+|work)/")
SHORTHANDS = re.compile(r"\bqty\b|_qty\b|\bqty_", re.IGNORECASE)


def texts() -> list[tuple[Path, str]]:
    """Return every text file with what it says."""
    found = []
    for path in files():
        try:
            found.append((path, path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue  # Binary files say nothing in words.
    return found


def lines_that(pattern: re.Pattern[str], *, without: tuple[str, ...] = ()) -> list[str]:
    """Return the places where a pattern matches, outside the files that may say so."""
    return [
        f"{relative(path)}:{number}: {line.strip()[:120]}"
        for path, text in texts()
        if relative(path) not in without
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the machine's set-up; a mirror must not need a change here."""
    hosts = re.compile("|".join(re.escape(host) for host in REGISTRY_HOSTS))
    assert lines_that(hosts) == []


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    """The project runs wherever it is cloned."""
    assert lines_that(HOME_FOLDERS, without=("tests/house/test_repository.py",)) == []


def test_quantity_is_never_shortened() -> None:
    """One idea, one word: ours is quantity. Channel vocabulary stops at a connector's mapping."""
    ours = [line for line in lines_that(SHORTHANDS) if line.startswith(("streams/", "schemas/", "bench/"))]
    assert ours == []


def test_files_are_short_enough_to_read() -> None:
    """No Python file is longer than one sitting."""
    lengths = {relative(path): len(text.splitlines()) for path, text in texts() if path.suffix == ".py"}
    assert {name: length for name, length in lengths.items() if length > FILE_MAX_LINES} == {}


@pytest.mark.parametrize("name", [*FOLDERS, *ROOT_FILES])
def test_layout_is_the_one_that_the_design_names(name: str) -> None:
    """A reader who knows the design finds every part at once."""
    assert any(relative(path).startswith(name) for path in files())


def test_every_skip_says_why() -> None:
    """A test that does not run leaves its reason in the report."""
    silent = [
        f"{relative(path)}:{node.lineno}"
        for path in python_files("tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and skips(node) and not has_reason(node)
    ]
    assert silent == []


def skips(node: ast.Call) -> bool:
    """Tell whether a call skips a test or expects it to fail."""
    return ast.unparse(node.func) in {
        "pytest.skip",
        "pytest.mark.skip",
        "pytest.mark.skipif",
        "pytest.mark.xfail",
        "pytest.xfail",
    }


def has_reason(node: ast.Call) -> bool:
    """Tell whether a skipping call has a reason: a keyword, or the first argument of pytest.skip itself."""
    if any(keyword.arg == "reason" for keyword in node.keywords):
        return True
    return ast.unparse(node.func) in {"pytest.skip", "pytest.xfail", "pytest.mark.skip"} and bool(node.args)


def test_nothing_is_left_for_later() -> None:
    """Work that remains is an issue, not a remark in the code."""
    remarks = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")))
    assert [
        line for line in lines_that(remarks) if line.startswith(tuple(f"{name}/" for name in PACKAGES))
    ] == []
