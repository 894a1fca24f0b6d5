"""
Where peers run: a virtual environment for each Python peer, jars for Kafka Streams, made on demand and kept.

They lie in the cache directory and never in our own `.venv`: their dependencies are none of ours. A changed
requirements file or source makes a new one.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from deploy.embedded.parts import cache_directory, java_version

HERE = Path(__file__).parent
INSTALL_SECONDS = 600.0
COMPILER_VERSION = 17  # Kafka Streams 4 needs no newer Java.
NO_SEARCH_PATH = {"PYTHONPATH": ""}
"""Added to a peer's environment: it must not find our packages, whose names it could have too."""


class Skipped(Exception):
    """A peer can't run on this machine; the message says why."""


def python_of(folder: str) -> str:
    """Return the Python of a peer's virtual environment, made when there is none. Raises Skipped."""
    requirements = HERE / folder / "requirements.txt"

    def make(directory: Path) -> None:
        _run([sys.executable, "-m", "venv", str(directory)])
        pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        _run([*pip, "--disable-pip-version-check", "--requirement", str(requirements)])

    return str(_made(folder, [requirements], make) / "bin" / "python")


def kafka_streams_command() -> list[str]:
    """Return the command that runs the Kafka Streams peer, built when there is none. Raises Skipped."""
    java, maven = shutil.which("java"), shutil.which("mvn")
    if java is None or maven is None or shutil.which("javac") is None:
        raise Skipped("Kafka Streams needs java, javac and mvn on the PATH")
    if java_version(java) < COMPILER_VERSION:
        raise Skipped(f"Kafka Streams needs Java {COMPILER_VERSION} or newer")
    project = HERE / "kafka_streams"
    sources = [project / "pom.xml", *sorted(project.rglob("*.java")), *sorted((HERE / "schemas").iterdir())]

    def make(directory: Path) -> None:
        pom = str(project / "pom.xml")
        _run([maven, "--quiet", "--batch-mode", "--file", pom, f"-Doutput.directory={directory}", "package"])

    built = _made("kafka_streams", sources, make)
    return [java, "-cp", f"{built / 'peer.jar'}{os.pathsep}{built / 'lib'}/*", "onhand.bench.StockPeer"]


def _made(name: str, sources: Sequence[Path], make: Callable[[Path], None]) -> Path:
    """Return the directory that is made of some files, making it when it is not there whole."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    directory = cache_directory() / "peers" / f"{name}-{digest}"
    directory.parent.mkdir(parents=True, exist_ok=True)
    whole = directory / "whole"
    with FileLock(f"{directory}.lock"):
        if not whole.exists():
            shutil.rmtree(directory, ignore_errors=True)
            make(directory)
            whole.touch()
    return directory


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            env={**os.environ, **NO_SEARCH_PATH},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Skipped(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise Skipped(f"{Path(command[0]).name} failed: {said[-1]}")
