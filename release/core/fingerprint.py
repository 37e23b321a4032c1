"""Which files of a commit enter an artifact, and the hash of everything that does. Read from git trees,
before building.
"""

import posixpath
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from release.core import canonical
from release.core.imports import PACKAGE
from release.errors import Misconfigured

SHARED_FOLDER = "services/common"
REQUIREMENTS = "requirements.txt"
MACROS_FOLDER = "templates/cloudformation"
TEMPLATE = "template.yaml.j2"

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


# Bytes, by limits.h of Linux (PATH_MAX, NAME_MAX): it is unpacked to /var/task.
_LONGEST_PATH, _LONGEST_PART = 4096 - len("/var/task/") - 1, 255


class Entry(Protocol):
    """An entry of a git tree, as the port Repo lists it."""

    @property
    def path(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def blob(self) -> str: ...


class SourceFile(NamedTuple):
    """A file of the commit that enters the artifact."""

    path: str  # in the artifact
    executable: bool
    blob: str  # object id of its bytes
    origin: str  # path in the repository, for people


def service_folder(service: str) -> str:
    return f"services/{service}"


def links(entries: Iterable[Entry]) -> Mapping[str, str]:
    """Symbolic links: path in the repository -> blob that holds where it points."""
    return {entry.path: entry.blob for entry in entries if entry.mode == _LINK}


def shared_files(entries: Iterable[Entry], link_targets: Mapping[str, str]) -> Mapping[str, str]:
    """What of the shared core an artifact may hold: path below its folder -> blob, links followed.

    What is no file and leads to none is not in it.
    """
    regular = {
        entry.path: entry.blob
        for entry in entries
        if entry.mode in _MODES and _inner(entry.path, SHARED_FOLDER) is not None
    }
    found = dict(regular)
    for path in link_targets:
        if _inner(path, SHARED_FOLDER) is not None:
            blob = regular.get(follow(path, link_targets) or "")
            if blob is not None:
                found[path] = blob
    start = len(SHARED_FOLDER) + 1
    return {path[start:]: blob for path, blob in sorted(found.items())}


def own_files(entries: Iterable[Entry], service: str) -> Mapping[str, str]:
    """Regular files of a service that enter its artifact: path below its folder -> blob."""
    found = {}
    for entry in entries:
        inner = _inner(entry.path, service_folder(service))
        if inner is not None and entry.mode in _MODES:
            found[inner] = entry.blob
    return found


def placed_files(
    own: Iterable[Entry],
    service: str,
    link_targets: Mapping[str, str],
    *,
    shared: Iterable[Entry] = (),
    included: Iterable[Entry] = (),
) -> Mapping[str, str]:
    """What enters a service's artifact whatever it imports, its own files and those that it includes: path in
    the repository -> blob, links followed. What is no file and leads to none is not in it.
    """
    folder = service_folder(service)
    placed = [*(entry for entry in own if _inner(entry.path, folder) is not None), *included]
    found = {entry.path: entry.blob for entry in placed if entry.mode in _MODES}
    linked = [entry.path for entry in placed if entry.mode == _LINK]
    if linked:
        available = found | {
            entry.path: entry.blob
            for entry in shared
            if entry.mode in _MODES and _inner(entry.path, SHARED_FOLDER) is not None
        }
        for path in linked:
            if (blob := available.get(follow(path, link_targets) or "")) is not None:
                found[path] = blob
    return found


def is_left_out(path: str, folder: str) -> bool:
    """Whether a path below a service's folder, or below the shared core, enters no artifact by itself."""
    return _inner(path, folder) is None


def source_files(
    entries: Iterable[Entry], service: str, link_targets: Mapping[str, str], taken: Collection[str] = ()
) -> tuple[SourceFile, ...]:
    """The files that enter a service's artifact, sorted by path in UTF-8 bytes.

    Its own, and those `taken` (paths of the repository) of the shared core and of what it includes.
    `link_targets` gives the text of each link that `links` named. A link to a file that could enter the
    artifact becomes a copy of that file; any other link is refused, because what it shows would depend on the
    machine that unpacks it. Raises Misconfigured that lists every submodule, stray link, unusable name and
    pair of names equal but for case.
    """
    available: dict[str, Entry] = {}  # what a link may lead to
    regular: dict[str, Entry] = {}
    linked: list[str] = []
    problems: list[str] = []
    places: dict[str, str] = {}  # path in the repository -> path in the artifact
    wanted = frozenset(taken)
    for entry in entries:
        if entry.mode in _MODES and _inner(entry.path, SHARED_FOLDER) is not None:
            available[entry.path] = entry
        place = _place(entry.path, service, wanted)
        if place is None:
            continue
        places[entry.path] = place
        if entry.mode == _SUBMODULE:
            problems.append(f"{entry.path}: is a submodule; its files are not in this commit")
        elif entry.mode == _LINK:
            linked.append(entry.path)
        elif entry.mode in _MODES:
            regular[entry.path] = available[entry.path] = entry
        else:
            problems.append(f"{entry.path}: has the unknown mode {entry.mode}")
        if reason := unusable_name(entry.path):
            problems.append(f"{entry.path!r}: {reason}")
    files = [
        SourceFile(places[path], entry.mode == _EXECUTABLE, entry.blob, path)
        for path, entry in regular.items()
    ]
    for path in linked:
        found = follow(path, link_targets)
        if found is not None and found in available:
            entry = available[found]
            files.append(SourceFile(places[path], entry.mode == _EXECUTABLE, entry.blob, path))
        else:
            problems.append(
                f"{path}: is a link to {link_targets.get(path, '?')!r}, which is no file of this artifact"
            )
    for one, other in case_twins(places):
        problems.append(f"{one} and {other}: equal but for case, one file on some machines")
    problems += _hidden(places)
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
    recipe: Any = None,
) -> str:
    """Hash of everything that goes into an artifact, 64 hex characters.

    `requirements` names what a lock file of Python pins (None: nothing); its own bytes do not count.
    `target` is what the wheels are chosen for: `lambda`, or `host:…` in the sandbox. `builder` is the version
    of the builder's output, `recipe` what of the configuration shapes the artifact, as JSON.
    """
    return canonical.digest(
        {
            "schema": 2,
            "files": [
                [file.path, file.executable, file.blob]
                for file in files
                if requirements is None or file.path != REQUIREMENTS
            ],
            "requirements": requirements,
            "runtime": runtime,
            "architecture": architecture,
            "target": target,
            "builder": builder,
            "recipe": recipe,
        }
    )


def unusable_name(path: str) -> str | None:
    """Why a path cannot be in a zip that means the same everywhere. None: it can."""
    try:
        name = path.encode()
    except UnicodeEncodeError:
        return "the name is not UTF-8"
    if len(name) > _LONGEST_PATH or any(len(part) > _LONGEST_PART for part in name.split(b"/")):
        return "the name is too long for AWS Lambda to unpack"
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


def _place(path: str, service: str, taken: Collection[str]) -> str | None:
    """Path in the artifact: the service's folder is the root of imports, the shared core is the package
    `common`; what is included from elsewhere keeps its path.
    """
    folder = service_folder(service)
    if path in taken:
        if path.startswith(SHARED_FOLDER + "/"):
            return f"{PACKAGE}/{path[len(SHARED_FOLDER) + 1 :]}"
        return path.removeprefix(folder + "/")
    return _inner(path, folder)


def _inner(path: str, folder: str) -> str | None:
    """Path below the folder, of what enters an artifact by itself."""
    if not path.startswith(folder + "/"):
        return None
    inner = path[len(folder) + 1 :]
    return None if _left_out(inner) else inner


def _hidden(places: Mapping[str, str]) -> Iterator[str]:
    """Two files of the repository at one place of the artifact."""
    origins: dict[str, str] = {}
    for origin, place in sorted(places.items()):
        if (first := origins.setdefault(place, origin)) != origin:
            yield f"{first} and {origin}: both would be {place} in the artifact"


def _left_out(inner: str) -> bool:
    first, below, _ = inner.partition("/")
    if below:
        return first + "/" in LEFT_OUT
    return first in LEFT_OUT or any(name.startswith("*") and first.endswith(name[1:]) for name in LEFT_OUT)


def follow(path: str, targets: Mapping[str, str]) -> str | None:
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
