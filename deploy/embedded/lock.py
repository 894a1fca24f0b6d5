"""
The locked list of Kafka's jars: Maven coordinates, sizes and SHA-256 checksums.

`python -m deploy.embedded.lock` resolves the list anew and rewrites `kafka-jars.lock`; do so only to
change Kafka's version, and review the difference as you would review code.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

LOCK_FILE = Path(__file__).with_name("kafka-jars.lock")
KAFKA_VERSION = "4.1.2"
KAFKA = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
# Kafka logs through slf4j 1.7 and leaves the backend open; this is the one that its distribution ships, in
# the version of the log4j that Kafka names. Its own dependencies are Kafka's too, so it is added alone.
LOG_BACKEND = "org.apache.logging.log4j:log4j-slf4j-impl"
LOG_CORE = "log4j-core"
_HEADER = """\
# Kafka's jars: group:artifact:version, SHA-256, size in bytes. Each is verified after its download.
# Written by `python -m deploy.embedded.lock`; do not edit by hand.
"""


@dataclass(frozen=True, slots=True, order=True)
class Jar:
    """One locked jar of a Maven repository; `size_bytes` and `sha256` are those of the file."""

    group: str
    artifact: str
    version: str
    sha256: str
    size_bytes: int

    @property
    def file_name(self) -> str:
        """Name of the jar's file, the same in the repository and in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def repository_path(self) -> str:
        """Path of the jar below a Maven repository's root, with forward slashes."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"

    def __str__(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"


def parse_lock(text: str) -> tuple[Jar, ...]:
    """
    Parse a lock file's text.

    Raises ValueError, naming the line, if a line is not `group:artifact:version sha256 size`.
    """
    jars = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            coordinates, sha256, size = line.split()
            group, artifact, version = coordinates.split(":")
            jars.append(Jar(group, artifact, version, sha256, int(size)))
        except ValueError as error:
            raise ValueError(f"Line {number} of the jar lock is damaged: {line!r}") from error
    return tuple(jars)


def format_lock(jars: tuple[Jar, ...]) -> str:
    """Write jars as a lock file's text, sorted, so that a regenerated file differs only where it must."""
    return _HEADER + "".join(f"{jar} {jar.sha256} {jar.size_bytes}\n" for jar in sorted(jars))


def locked_jars() -> tuple[Jar, ...]:
    """Return the jars of the repository's own lock file."""
    return parse_lock(LOCK_FILE.read_text(encoding="utf-8"))


def resolve_jars(repository_cache: Path) -> tuple[Jar, ...]:
    """
    Resolve Kafka's runtime closure and its log backend from the network, and hash every jar.

    `repository_cache` is a directory for what is downloaded meanwhile. Needs neither Java nor Maven.
    """
    # Imported here: resolving is a developer's job, and starting the stack must not pay for it.
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=repository_cache)
    # One root only: of several, jgo lets each one's managed versions overrule the others' dependencies.
    inputs, transitive = context.resolver.resolve([context.create_dependency(KAFKA)])
    log_version = next(found.version for found in transitive if found.artifactId == LOG_CORE)
    backend = context.create_dependency(f"{LOG_BACKEND}:{log_version}")
    jars = []
    for dependency in (*inputs, *transitive, backend):
        content = dependency.artifact.resolve().read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        jars.append(Jar(dependency.groupId, dependency.artifactId, dependency.version, sha256, len(content)))
    return tuple(jars)


def main() -> None:
    """Rewrite the lock file from the network."""
    with tempfile.TemporaryDirectory() as repository_cache:
        jars = resolve_jars(Path(repository_cache))
    LOCK_FILE.write_text(format_lock(jars), encoding="utf-8")
    total_bytes = sum(jar.size_bytes for jar in jars)
    print(f"{LOCK_FILE.name}: {len(jars)} jars, {total_bytes:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
