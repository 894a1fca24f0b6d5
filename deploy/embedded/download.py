"""Fetching one locked jar: resumable, verified, and put in place only when it is whole."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlparse

import requests
from jgo.maven import MavenContext

from deploy.embedded.errors import ChecksumError, DataDirectoryError, DownloadError
from deploy.embedded.lock import Jar

# A repository that sends nothing for this long is as good as down; a slow one only has to trickle.
NETWORK_TIMEOUT_SECONDS = 20.0
# A dropped connection is common on long downloads and is resumed; three drops in a row are an outage.
ATTEMPTS_TOTAL = 3
# Grows with each attempt: long enough for a router's hiccup, short enough not to puzzle a person offline.
RETRY_PAUSE_SECONDS = 0.4
CHUNK_BYTES = 64 * 1024
REPOSITORY_VARIABLE = "ONHAND_MAVEN_REPOSITORY"

Advance = Callable[[int], None]


def repository_url() -> str:
    """Return the Maven repository to use: `ONHAND_MAVEN_REPOSITORY`, else jgo's own default."""
    override = os.environ.get(REPOSITORY_VARIABLE, "").strip()
    if override:
        return override.rstrip("/")
    return str(next(iter(MavenContext().remote_repos.values()))).rstrip("/")


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(jar: Jar, directory: Path, repository: str, advance: Advance) -> Path:
    """
    Download a jar into a directory and return its path.

    An earlier run's partial file is continued. `advance` is told the bytes as they arrive, negative when some
    have to be fetched again. Raises DownloadError when the repository cannot be reached or lacks the jar,
    ChecksumError when the bytes are not the locked ones; neither leaves a jar behind.
    """
    partial = directory / f"{jar.file_name}.part"
    url = f"{repository}/{jar.repository_path}"
    try:
        if urlparse(url).scheme == "file":
            _copy(url, partial, jar, advance)
        else:
            _download(url, partial, jar, advance)
        return _accept(partial, directory / jar.file_name, jar)
    except OSError as error:
        if isinstance(error, requests.RequestException):
            raise
        raise DataDirectoryError(
            f"Cannot write {partial} ({error.strerror}): free some space, or set ONHAND_CACHE_DIR."
        ) from error


def _accept(partial: Path, target: Path, jar: Jar) -> Path:
    """Move a complete download to its final name, or throw it away if it is not the locked file."""
    found = sha256_of(partial)
    if found != jar.sha256:
        partial.unlink()
        raise ChecksumError(
            f"The download of {jar} is broken or not the locked file (SHA-256 {found[:12]}… instead of "
            f"{jar.sha256[:12]}…): try again, or check {REPOSITORY_VARIABLE} and any proxy."
        )
    partial.replace(target)
    return target


def _copy(url: str, partial: Path, jar: Jar, advance: Advance) -> None:
    """Take a jar from a repository in the file system, as an offline mirror is."""
    source = Path(unquote(urlparse(url).path))
    if not source.is_file():
        raise DownloadError(f"{jar} is not in the Maven repository: {source} does not exist.")
    shutil.copyfile(source, partial)
    advance(partial.stat().st_size)


def _download(url: str, partial: Path, jar: Jar, advance: Advance) -> None:
    """Fetch over HTTP, continuing after dropped connections."""
    advance(_size(partial))
    for attempt in range(1, ATTEMPTS_TOTAL + 1):
        try:
            _continue_download(url, partial, jar, advance)
        except requests.RequestException as error:
            if attempt == ATTEMPTS_TOTAL:
                raise DownloadError(
                    f"Cannot download {jar}: the Maven repository does not answer "
                    f"({type(error).__name__}); check the network, or name a mirror in {REPOSITORY_VARIABLE}."
                ) from error
            time.sleep(RETRY_PAUSE_SECONDS * attempt)
        else:
            return


def _continue_download(url: str, partial: Path, jar: Jar, advance: Advance) -> None:
    """Ask for what is missing of a partial file and append it."""
    present_bytes = _size(partial)
    if present_bytes >= jar.size_bytes:
        return
    headers = {"Range": f"bytes={present_bytes}-"} if present_bytes else {}
    with requests.get(url, headers=headers, stream=True, timeout=NETWORK_TIMEOUT_SECONDS) as response:
        if response.status_code not in (requests.codes.ok, requests.codes.partial_content):
            raise DownloadError(
                f"Cannot download {jar}: the Maven repository answers HTTP {response.status_code}; "
                f"check the network, or name a mirror in {REPOSITORY_VARIABLE}."
            )
        resumed = response.status_code == requests.codes.partial_content
        if not resumed:
            advance(-present_bytes)
        with partial.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                advance(len(chunk))
    if _size(partial) < jar.size_bytes:
        raise requests.ConnectionError("the connection was closed early")


def _size(path: Path) -> int:
    """Return a file's size in bytes, 0 if there is none."""
    return path.stat().st_size if path.exists() else 0
