"""The embedded stack: Kafka and Redis in one data directory with one owner."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from deploy.embedded.errors import DataDirectoryError, DirectoryTakenError, StackError
from deploy.embedded.kafka import EmbeddedKafka
from deploy.embedded.redis import EmbeddedRedis

# Kafka halts when its disk is full; below this even an idle broker's first files may not fit.
FREE_DISK_MINIMUM_BYTES = 256 * 1024 * 1024
BYTES_PER_MEBIBYTE = 1024 * 1024


class EmbeddedStack:
    """
    Kafka and Redis as child processes whose state lives in `data_dir`; the same directory resumes.

    One process owns a data directory at a time (the lock is released by the kernel when the owner dies, and
    so do the children). Use it as a context manager, or call `start()` and `stop()`.
    """

    def __init__(self, data_dir: Path, *, kafka: bool = True, redis: bool = True) -> None:
        self.data_dir = Path(data_dir).resolve()
        logs = self.data_dir / "logs"
        self._kafka = EmbeddedKafka(self.data_dir / "kafka", logs) if kafka else None
        self._redis = EmbeddedRedis(self.data_dir / "redis", logs) if redis else None
        self._lock = FileLock(self.data_dir / "owner.lock", timeout=0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def kafka(self) -> EmbeddedKafka:
        """The broker. Raises StackError if this stack was made without one."""
        if self._kafka is None:
            raise StackError("This stack was made without Kafka.")
        return self._kafka

    @property
    def redis(self) -> EmbeddedRedis:
        """The Redis server. Raises StackError if this stack was made without one."""
        if self._redis is None:
            raise StackError("This stack was made without Redis.")
        return self._redis

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's address for clients, `host:port`."""
        return self.kafka.bootstrap_servers

    @property
    def redis_url(self) -> str:
        """Redis's address for clients."""
        return self.redis.url

    @property
    def log_directory(self) -> Path:
        """Where the children write their logs."""
        return self.data_dir / "logs"

    def start(self) -> None:
        """
        Take the data directory, start what this stack is made of, and return when it answers.

        On failure nothing is left running. Raises DirectoryTakenError when another process owns the
        directory, DataDirectoryError when it cannot be written, PartsError when jars, Java or Redis are
        missing, ComponentError when Kafka or Redis does not come up.
        """
        self.acquire()
        try:
            if self._redis is not None:
                self._redis.start()
            if self._kafka is not None:
                self._kafka.start()
        except OSError as error:
            self.stop()
            raise _unusable(self.data_dir, error) from error
        except BaseException:
            # Whatever stops the start, an interrupt too, leaves no child and no lock behind.
            self.stop()
            raise

    def stop(self) -> None:
        """Stop Redis, then Kafka, and give the data directory back; harmless when nothing runs."""
        try:
            if self._redis is not None:
                self._redis.stop()
        finally:
            try:
                if self._kafka is not None:
                    self._kafka.stop()
            finally:
                self._lock.release()

    def acquire(self) -> None:
        """Make this process the data directory's owner; part of `start()`."""
        owner_file = self.data_dir / "owner.pid"
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            _require_space(self.data_dir)
            owner_file.write_text(str(os.getpid()), encoding="utf-8")
        except Timeout:
            raise DirectoryTakenError(
                f"The data directory {self.data_dir} is in use by process {_owner(owner_file)}: stop it, or "
                "give another directory."
            ) from None
        except OSError as error:
            self._lock.release()
            raise _unusable(self.data_dir, error) from error
        except DataDirectoryError:
            self._lock.release()
            raise


def _owner(owner_file: Path) -> str:
    try:
        return owner_file.read_text(encoding="utf-8").strip() or "(unknown)"
    except OSError:
        return "(unknown)"


def _require_space(directory: Path) -> None:
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < FREE_DISK_MINIMUM_BYTES:
        raise DataDirectoryError(
            f"Only {free_bytes // BYTES_PER_MEBIBYTE} MiB are free for {directory}, and Onhand needs "
            f"{FREE_DISK_MINIMUM_BYTES // BYTES_PER_MEBIBYTE} MiB: free some space, or give another one."
        )


def _unusable(directory: Path, error: OSError) -> DataDirectoryError:
    advice = "free some space" if error.errno == errno.ENOSPC else "make it writable"
    return DataDirectoryError(
        f"The data directory {directory} cannot be used ({error.strerror}): {advice}, or give another one."
    )
