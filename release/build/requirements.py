"""Lock files: requirements with one version and its hashes, and nothing that reaches outside the file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from release.core import canonical
from release.errors import Misconfigured

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_PIN = re.compile(rf"(?P<name>{_NAME})\s*(\[[^\]]*\])?\s*===?\s*(?P<version>[A-Za-z0-9._+!-]+)\s*(;.*)?")
_HASH = re.compile(r"\s--hash=(?P<algorithm>[a-z0-9]+):(?P<value>[0-9a-f]+)(?=\s|$)")
_SHA256_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Pin:
    name: str  # normalised: lower case, "-" between words
    version: str
    line: int  # where it begins in the file, from 1
    text: str = ""  # as written, without hashes: extras and marker among it
    hashes: tuple[str, ...] = ()  # "sha256:…", sorted


def how_to_lock(folder: str, runtime: str) -> str:
    """The command that writes a lock file which every target can be built from."""
    version = runtime.removeprefix("python")
    return (
        f"uv pip compile --universal --generate-hashes --no-header --python-version {version} "
        f"{folder}/requirements.in -o {folder}/requirements.txt"
    )


def read_lock(data: bytes, *, file: str, fix: str) -> Sequence[Pin]:
    """The pins of a lock file. Raises Misconfigured that lists every line that is not pinned and hashed.

    Index addresses, other files and local paths are refused: the fingerprint knows this file's bytes alone,
    and where packages come from is a setting of the machine that builds.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{file} is not UTF-8 text", fix=fix, see=file) from error
    pins: list[Pin] = []
    problems: list[tuple[int, str]] = []
    for number, line in _logical_lines(text):
        if line.startswith("-"):
            problems.append(
                (number, f"an option ({line.split()[0].split('=')[0]}); only pinned packages may stand here")
            )
            continue
        requirement = _HASH.sub("", line).strip()
        pin = _PIN.fullmatch(requirement)
        if "$" in requirement:
            problems.append(
                (number, f"{requirement!r} has a `$`: uv would put a variable of this machine there")
            )
        elif pin is None:
            problems.append((number, f"{requirement.split(';')[0].strip()!r} is not pinned as name==version"))
        elif not any(
            match["algorithm"] == "sha256" and len(match["value"]) == _SHA256_DIGITS
            for match in _HASH.finditer(line)
        ):
            problems.append((number, f"{requirement.split(';')[0].strip()} has no sha256 hash"))
        else:
            hashes = sorted({f"{match['algorithm']}:{match['value']}" for match in _HASH.finditer(line)})
            pins.append(
                Pin(
                    normalised(pin["name"]),
                    pin["version"],
                    number,
                    " ".join(requirement.split()),
                    tuple(hashes),
                )
            )
    if problems:
        raise Misconfigured(
            f"{file} is no complete lock file",
            fix=fix,
            see=f"{file}:{problems[0][0]}",
            details=[f"{file}:{number}: {problem}" for number, problem in problems],
        )
    return pins


def pins_digest(data: bytes) -> str:
    """Names what a lock file installs: comments, the order of lines and of hashes do not count.

    For a file that cannot be read as one, all of its bytes.
    """
    try:
        pins = read_lock(data, file="", fix="-")
    except Misconfigured:
        return canonical.sha256(data)
    return canonical.digest(sorted([pin.name, pin.text, list(pin.hashes)] for pin in pins))


def normalised(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def _logical_lines(text: str) -> Sequence[tuple[int, str]]:
    """(number of the first line, text) with continuation lines joined and comments cut, as pip reads them."""
    joined: list[tuple[int, str]] = []
    begun: tuple[int, str] | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(^|\s)#.*$", "", raw)
        first, before = begun or (number, "")
        if line.endswith("\\"):
            begun = (first, before + line[:-1] + " ")
            continue
        joined.append((first, (before + line).strip()))
        begun = None
    if begun is not None:
        joined.append((begun[0], begun[1].strip()))
    return [(number, line) for number, line in joined if line]
