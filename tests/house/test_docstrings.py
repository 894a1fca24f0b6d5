"""Every public module, class, function and method says in a docstring what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.project import PACKAGES, python_files, relative, tree

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
# A property's setter and an overload speak through the getter and the implementation.
SPOKEN_FOR = {"setter", "deleter", "overload", "override"}


def is_protocol(node: ast.AST) -> bool:
    """Tell whether a class is a Protocol, whose members may speak for themselves."""
    return isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases)


def is_spoken_for(node: Definition) -> bool:
    """Tell whether another definition's docstring covers this one."""
    return any(ast.unparse(decorator).split(".")[-1] in SPOKEN_FOR for decorator in node.decorator_list)


def public_definitions(body: list[ast.stmt]) -> Iterator[Definition]:
    """Return the public classes and functions of a module or class, without those inside functions."""
    for node in body:
        if not isinstance(node, Definition) or node.name.startswith("_") or is_spoken_for(node):
            continue
        yield node
        if isinstance(node, ast.ClassDef) and not is_protocol(node):
            yield from public_definitions(node.body)


@pytest.mark.parametrize("package", PACKAGES)
def test_everything_public_has_a_docstring(package: str) -> None:
    """A reader learns what a part guarantees without reading its code."""
    missing = []
    for path in python_files(package):
        module = tree(path)
        if module.body and ast.get_docstring(module) is None:
            missing.append(f"{relative(path)}: the module")
        missing += [
            f"{relative(path)}:{node.lineno} {node.name}"
            for node in public_definitions(module.body)
            if ast.get_docstring(node) is None
        ]
    assert not missing, "\n".join(missing)
