"""Which files of a commit enter an artifact, and the hash of everything that does. Read from git trees,
before building.
"""

import posixpath
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from release.core import canonical
from release.errors import Misconfigured

SHARED_FOLDER = "services/common"
REQUIREMENTS = "requirements.txt"

# Names at the top of a service's folder (and of the shared core) that do not enter the artifact. A change of
# these alone builds nothing; a name that ends with "/" is a folder, one that starts with "*" an ending.
LEFT_OUT: Mapping[str, str] = {
    "tests/": "run before the build; in production they are dead weight and a place for test credentials",
    "events/": "sample events for local runs",
    "seed/": "data for local databases",
    "service.yaml": "runtime and architecture count by value, the rest is settings of a stage",
    "template.yaml.j2": "rendered at build and stored by its own digest",
    "requirements.in": "the source of requirements.txt, which counts",
    "*.md": "for people",
}

_REGULAR, _EXECUTABLE, _LINK, _SUBMODULE = "100644", "100755", "120000", "160000"
_MODES = frozenset({_REGULAR, _EXECUTABLE, "100664"})  # 100664 is in histories from before git 1.0


class Entry(Protocol):
    """An entry of a git tree, as the port Repo lists it."""

    @property
    def path(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def blob(self) -> str: ...


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the commit that enters the artifact."""

    path: str  # in the artifact
    executable: bool
    blob: str  # object id of its bytes
    origin: str  # path in the repository, for people


def service_folder(service: str) -> str:
    return f"services/{service}"


def links(entries: Iterable[Entry], service: str) -> Mapping[str, str]:
    """Symbolic links that would enter the artifact: path in the repository -> blob that holds where it
    points.
    """
    return {e.path: e.blob for e in entries if e.mode == _LINK and _place(e.path, service) is not None}


def source_files(
    entries: Iterable[Entry], service: str, link_targets: Mapping[str, str]
) -> tuple[SourceFile, ...]:
    """The files of a service and of the shared core that enter its artifact, sorted by path in UTF-8 bytes.

    `link_targets` gives the text of each link that `links` named. A link to a file that enters the artifact
    itself becomes a copy of that file; any other link is refused, because what it shows would depend on the
    machine that unpacks it. Raises Misconfigured that lists every submodule, stray link, unusable name and
    pair of names equal but for case.
    """
    regular: dict[str, Entry] = {}
    linked: list[str] = []
    problems: list[str] = []
    places: dict[str, str] = {}  # path in the repository -> path in the artifact
    for entry in entries:
        place = _place(entry.path, service)
        if place is None:
            continue
        places[entry.path] = place
        if entry.mode == _SUBMODULE:
            problems.append(f"{entry.path}: is a submodule; its files are not in this commit")
        elif entry.mode == _LINK:
            linked.append(entry.path)
        elif entry.mode in _MODES:
            regular[entry.path] = entry
        else:
            problems.append(f"{entry.path}: has the unknown mode {entry.mode}")
        if reason := unusable_name(entry.path):
            problems.append(f"{entry.path!r}: {reason}")
    targets = dict(link_targets)
    files = [
        SourceFile(places[path], entry.mode == _EXECUTABLE, entry.blob, path)
        for path, entry in regular.items()
    ]
    for path in linked:
        found = _follow(path, targets)
        if found is not None and found in regular:
            entry = regular[found]
            files.append(SourceFile(places[path], entry.mode == _EXECUTABLE, entry.blob, path))
        else:
            problems.append(
                f"{path}: is a link to {targets.get(path, '?')!r}, which is no file of this artifact"
            )
    for one, other in case_twins(places):
        problems.append(f"{one} and {other}: equal but for case, one file on some machines")
    folder = service_folder(service)
    if problems:
        raise Misconfigured(
            f"{service} has files that cannot be built the same way everywhere",
            fix="rename, remove or replace them with regular files, and commit",
            see=folder,
            details=sorted(set(problems)),
        )
    if not any(file.origin.startswith(folder + "/") for file in files):
        raise Misconfigured(
            f"{service} has no files in this commit that could be built",
            fix=f"commit its code to {folder}, or release a commit that has it",
            see=folder,
        )
    return tuple(sorted(files, key=lambda file: file.path.encode()))


def fingerprint(
    files: Sequence[SourceFile],
    *,
    requirements: str | None,
    runtime: str,
    architecture: str,
    target: str,
    builder: int,
) -> str:
    """Hash of everything that goes into an artifact, 64 hex characters.

    `requirements` is the blob of the lock file (None: no dependencies), `target` what the wheels are chosen
    for: `lambda`, or `host:…` in the sandbox. `builder` is the version of the builder's output.
    """
    return canonical.digest(
        {
            "schema": 1,
            "files": [[file.path, file.executable, file.blob] for file in files],
            "requirements": requirements,
            "runtime": runtime,
            "architecture": architecture,
            "target": target,
            "builder": builder,
        }
    )


def unusable_name(path: str) -> str | None:
    """Why a path cannot be in a zip that means the same everywhere. None: it can."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return "the name is not UTF-8"
    if any(ord(character) < 32 or ord(character) == 127 for character in path) or "\\" in path:
        return "the name has a control character or a backslash"
    if path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")):
        return "the name is absolute or leaves its folder"
    return None


def case_twins(paths: Iterable[str]) -> Sequence[tuple[str, str]]:
    """Pairs of files or folders whose names differ only in case or in Unicode composition."""
    seen: dict[str, str] = {}
    twins: dict[tuple[str, str], None] = {}
    for path in sorted(paths):
        parts = path.split("/")
        for length in range(1, len(parts) + 1):
            prefix = "/".join(parts[:length])
            first = seen.setdefault(unicodedata.normalize("NFC", prefix).casefold(), prefix)
            if first != prefix:
                twins[(first, prefix)] = None
                break  # the files below would all be twins, too
    return tuple(twins)


def _place(path: str, service: str) -> str | None:
    """Path in the artifact: the service's folder is the root of imports, the shared core is the package
    `common`.
    """
    for folder, prefix in ((service_folder(service), ""), (SHARED_FOLDER, "common/")):
        if path.startswith(folder + "/"):
            inner = path[len(folder) + 1 :]
            return None if _left_out(inner) else prefix + inner
    return None


def _left_out(inner: str) -> bool:
    first, below, _ = inner.partition("/")
    if below:
        return first + "/" in LEFT_OUT
    return first in LEFT_OUT or any(name.startswith("*") and first.endswith(name[1:]) for name in LEFT_OUT)


def _follow(path: str, targets: Mapping[str, str]) -> str | None:
    """Path in the repository that a chain of links ends at. None: it leaves the repository or runs in a
    circle.
    """
    for _ in range(len(targets) + 1):
        if path not in targets:
            return path
        target = targets[path]
        if target.startswith("/"):
            return None
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if path == ".." or path.startswith("../"):
            return None
    return None
