"""A finding: what was looked at, how it is, and what to do."""

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """How something is: a warning lets Onhand work, a failure does not."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


class Finding(NamedTuple):
    """One thing that was looked at; advice says what to do and is empty when nothing is."""

    area: str
    verdict: Verdict
    what: str
    advice: str = ""


def fine(area: str, what: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(area, Verdict.OK, what)


def warning(area: str, what: str, advice: str) -> Finding:
    """Return that something should be looked after."""
    return Finding(area, Verdict.WARNING, what, advice)


def failure(area: str, what: str, advice: str) -> Finding:
    """Return that something keeps Onhand from working, or from keeping its word."""
    return Finding(area, Verdict.FAILURE, what, advice)
