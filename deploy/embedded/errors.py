"""
What can go wrong with the embedded stack, each said in one sentence that tells what to do.

    StackError
    ├── PartsError               the parts (jars, Java, Redis) are not there or not what was locked
    │   ├── DownloadError        the repository could not be reached, or does not have the part
    │   ├── ChecksumError        what came is not what the lock file names
    │   └── MissingProgramError  no Java or no Redis was found
    ├── DataDirectoryError       the data directory cannot be used (not writable, full)
    │   └── DirectoryTakenError  another process owns it
    └── ComponentError           Kafka or Redis did not start, or did not become ready
"""

from __future__ import annotations


class StackError(Exception):
    """The embedded stack cannot do what was asked; the message is one sentence for a person."""


class PartsError(StackError):
    """A part of the stack is missing or not what was locked."""


class DownloadError(PartsError):
    """A jar could not be downloaded."""


class ChecksumError(PartsError):
    """A downloaded jar differs from the one that the lock file names."""


class MissingProgramError(PartsError):
    """No Java runtime or no Redis server was found."""


class DataDirectoryError(StackError):
    """The data directory cannot be written, or its disk is full."""


class DirectoryTakenError(DataDirectoryError):
    """Another process owns the data directory."""


class ComponentError(StackError):
    """Kafka or Redis did not start or did not become ready in time."""
