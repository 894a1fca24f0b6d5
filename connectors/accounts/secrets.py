"""
Secrets by reference: the accounts file says where a secret lies, never what it is.

`env:NAME` is an environment variable, `file:PATH` a file, such as one that Kubernetes or Docker mounts; a relative
path begins at the accounts file's folder. Errors:

    LiteralSecret      what stands in the file is no reference
    MissingSecret      there is nothing where the reference points
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, WithJsonSchema

REFERENCE = re.compile(r"(env):([A-Za-z_][A-Za-z0-9_]*)|(file):(\S(?:.*\S)?)")
MAXIMUM_BYTES = 65_536  # No secret is longer; a larger file is the wrong file.


class LiteralSecret(ValueError):
    """A secret, or something else that is no reference; the message never repeats it."""


class MissingSecret(Exception):
    """A reference that leads nowhere; the message names the reference and what to do."""


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret lies."""

    scheme: str
    name: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference that a text is. Raises LiteralSecret."""
        match = REFERENCE.fullmatch(text)
        if match is None:
            raise LiteralSecret(
                "a secret is never written here: write env:NAME or file:PATH, and put it into that"
                " environment variable or file"
            )
        return cls(match[1] or match[3], match[2] or match[4])

    def resolve(self, environment: Mapping[str, str], folder: Path) -> str:
        """Return the secret, without the blanks and line ends around it. Raises MissingSecret."""
        found = (
            self._from_file(folder / self.name) if self.scheme == "file" else environment.get(self.name, "")
        )
        if not found.strip():
            raise MissingSecret(f"{self} is {'empty' if self.scheme == 'file' else 'not set, or empty'}")
        return found.strip()

    def _from_file(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                data = file.read(MAXIMUM_BYTES + 1)
        except OSError as error:
            raise MissingSecret(f"{self} can't be read: {error.strerror}") from None
        if len(data) > MAXIMUM_BYTES:
            raise MissingSecret(f"{self} is longer than {MAXIMUM_BYTES} bytes: no secret is")
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise MissingSecret(f"{self} is no UTF-8") from None


def _reference(value: Any) -> Any:
    return SecretReference.parse(value) if isinstance(value, str) else value


Secret = Annotated[
    SecretReference,
    BeforeValidator(_reference),
    WithJsonSchema({"type": "string", "pattern": r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:\S.*)$"}),
]
"""A field of the accounts file that holds a reference."""


@dataclass(frozen=True, slots=True)
class Vault:
    """Where references lead to on this machine: its environment, and files seen from a folder."""

    environment: Mapping[str, str]
    folder: Path

    def open(self, reference: SecretReference) -> str:
        """Return the secret. Raises MissingSecret."""
        return reference.resolve(self.environment, self.folder)
