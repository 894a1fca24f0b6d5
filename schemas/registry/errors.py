"""What a registry refuses, with the codes that Confluent's clients know."""

SUBJECT_NOT_FOUND = 40401
VERSION_NOT_FOUND = 40402
SCHEMA_NOT_FOUND = 40403
INVALID_SCHEMA = 42201
INVALID_VERSION = 42202
READ_ONLY = 42205


class RegistryError(Exception):
    """A request that can't be answered; the first three digits of its error_code are the HTTP status."""

    def __init__(self, error_code: int, message: str) -> None:
        super().__init__(message)
        self.error_code = error_code

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(str(self.error_code)[:3])


def read_only() -> RegistryError:
    """Return the answer to whatever would change something."""
    return RegistryError(READ_ONLY, "This registry is read-only: new schemas come with a release of Onhand")
