"""The project's own files, as the house tests look at them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("streams", "schemas", "connectors", "deploy")


@cache
def files() -> tuple[Path, ...]:
    """Return every file that is committed or could be: tracked, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(path for name in answer.stdout.splitlines() if (path := ROOT / name).is_file())


def python_files(*folders: str) -> Iterator[Path]:
    """Return the Python files beneath folders given by their path from the root."""
    for folder in folders:
        yield from sorted(path for path in files() if path.suffix == ".py" and ROOT / folder in path.parents)


def relative(path: Path) -> str:
    """Return a path as it is named in messages."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=relative(path))


def imports(path: Path) -> Iterator[str]:
    """Return the full names of the modules that a file imports, wherever in the file it does."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{relative(path)}: imports are absolute in this project"
            assert node.module is not None
            yield node.module
            # `from streams import domain` imports streams.domain.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
