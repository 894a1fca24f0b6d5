"""Where a command's structured logs go."""

import sys

import structlog


def log_to_standard_error() -> None:
    """Leave standard output to what a command has to say; logs go beside it."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
