"""
Errors of the engine.

    EngineError
    ├── FatalLogError        end the process; the supervisor restarts it and nothing is lost
    │   └── FencedError      another owner has taken over; nothing of ours became visible
    ├── AbortableLogError    abort the transaction, rewind, try again
    ├── RetriableLogError    call the same operation again
    └── ConfigurationError   a person must change the set-up first
"""


class EngineError(Exception):
    """Anything that the engine raises on purpose."""


class FatalLogError(EngineError):
    """The process can't go on: end it, and let the supervisor start a new one."""


class FencedError(FatalLogError):
    """Another owner has taken this one's place; what this one wrote never becomes visible."""


class AbortableLogError(EngineError):
    """The transaction failed as a whole: abort it, rewind to its first records and try again."""


class RetriableLogError(EngineError):
    """The same call may go through later; nothing has happened yet."""


class ConfigurationError(EngineError):
    """The set-up is wrong; the message says what to do."""
