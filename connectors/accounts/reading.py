"""Reading the accounts file: every mistake at once, each with its line, its key and what to do."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from connectors.accounts.lines import line_of
from connectors.accounts.model import KINDS, AccountsFile
from connectors.protocols import ConnectorError

Place = tuple[str | int, ...]


class AccountsError(ConnectorError):
    """The accounts file can't be used; problems says what is wrong, a sentence each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_accounts(path: Path) -> AccountsFile:
    """Read an accounts file. Raises AccountsError, whose message names the file."""
    try:
        return parse_accounts(path.read_text("utf-8"))
    except OSError as error:
        raise AccountsError((f"Cannot read the accounts file {path}: {error.strerror}.",)) from error
    except UnicodeDecodeError as error:
        raise AccountsError((f"The accounts file {path} is no UTF-8.",)) from error
    except AccountsError as error:
        head = f"The accounts file {path} can't be used:"
        raise AccountsError((head, *(f"  {problem}" for problem in error.problems))) from error


def parse_accounts(text: str) -> AccountsFile:
    """Return the accounts that a TOML text holds. Raises AccountsError."""
    try:
        file = AccountsFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise AccountsError((f"no TOML: {error}",)) from error
    except ValidationError as error:
        # Without the input: what stands in place of a reference may be the secret itself.
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise AccountsError(_sentences(text, [_mistake(detail) for detail in found])) from None
    contradictions = list(_contradictions(file))
    if contradictions:
        raise AccountsError(_sentences(text, contradictions))
    return file


def _contradictions(file: AccountsFile) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong between accounts, each of which may be right by itself."""
    sources: dict[str, str] = {}
    for name, entry in file.accounts.items():
        source_id = entry.source_id or name
        first = sources.setdefault(source_id, name)
        if first != name:
            yield (
                ("accounts", name, "source_id"),
                f"{source_id} is that of account {first} too: events of both would pass for one",
            )
        if entry.orders_of is not None and entry.orders_of not in file.accounts:
            yield ("accounts", name, "orders_of"), f"there is no account {entry.orders_of}"


def _mistake(detail: Mapping[str, Any]) -> tuple[Place, str]:
    """Return where a mistake is and what is wrong, from what pydantic says of it."""
    place: Place = tuple(detail["loc"])
    if len(place) > 2 and place[2] in KINDS:
        place = (*place[:2], *place[3:])  # The kind chose the model; it is no step of the file.
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = "there is no such key here"
    elif detail["type"] == "missing":
        message = "missing: add it"
    elif detail["type"].startswith("union_tag"):
        place, message = (*place, "kind"), f"write one of {', '.join(KINDS)}"
    return place, message


def _sentences(text: str, mistakes: list[tuple[Place, str]]) -> tuple[str, ...]:
    return tuple(_sentence(text, place, message) for place, message in mistakes)


def _sentence(text: str, place: Place, message: str) -> str:
    """Return a mistake with its line, if it has one, and its key."""
    line = line_of(text, place)
    key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")
    where = f"{key}: " if key else ""
    return f"line {line}: {where}{message}" if line else f"{where}{message}"
