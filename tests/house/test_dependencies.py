"""Dependencies point inward: the domain knows nobody, and it and the engine do not know each other."""

from __future__ import annotations

import sys

import pytest

from tests.house.project import PACKAGES, imports, python_files, relative

# The folder on the left imports nothing of those on the right.
STRANGERS = {
    "streams/engine": ("streams.domain", "streams.agents", "streams.cli", "streams.view", "connectors"),
    "streams/agents": ("streams.cli", "streams.view", "streams.verify", "connectors", "deploy"),
    "connectors": ("streams.agents", "streams.engine", "streams.view", "streams.verify", "deploy"),
    "schemas": ("streams.domain", "streams.engine", "streams.agents", "connectors", "deploy"),
    "streams/verify": ("streams.domain", "streams.engine", "streams.agents"),
}


def belongs(module: str, packages: tuple[str, ...]) -> bool:
    """Tell whether a module is one of the packages or inside one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_domain_imports_the_standard_library_only() -> None:
    """The rules of stock can be read, tested and reused without anything installed."""
    paths = list(python_files("streams/domain"))
    assert paths, "streams/domain has no Python file: this test would pass for nothing"
    for path in paths:
        foreign = {
            module
            for module in imports(path)
            if not belongs(module, ("streams.domain",))
            and module.split(".")[0] not in sys.stdlib_module_names
        }
        assert not foreign, f"{relative(path)} imports {sorted(foreign)}"


@pytest.mark.parametrize("folder", STRANGERS)
def test_layers_do_not_know_what_lies_outside_them(folder: str) -> None:
    """The engine knows nothing of stock, connectors nothing of it, and verify shares no code with the fold."""
    paths = list(python_files(folder))
    assert paths, f"{folder} has no Python file: this test would pass for nothing"
    for path in paths:
        known = {module for module in imports(path) if belongs(module, STRANGERS[folder])}
        assert not known, f"{relative(path)} imports {sorted(known)}"


def test_no_package_imports_the_tests() -> None:
    """What is installed runs without the tests beside it."""
    for path in python_files(*PACKAGES):
        known = {module for module in imports(path) if belongs(module, ("tests", "bench"))}
        assert not known, f"{relative(path)} imports {sorted(known)}"
