"""What each service's folder asks of the shared core, remembered by the id of its tree.

The id names all that is in the folder, and what is remembered names the program that read it: it cannot be
stale. Only folders that were never read are read, and folders that ask the same share one answer.
docs/decisions/0014 says where it is kept.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from release.build.program import program_digest

if TYPE_CHECKING:
    from release.build.imports import Language
    from release.ports import Repo, TreeEntry

_KIND: Final = "demands"
_SERVICES: Final = "services"
_CONFIGURATION: Final = "service.yaml"
_FEW: Final = 100  # folders that git is asked for by name
_SPARE: Final = 20_000  # folders of other trees that are kept for the next time
# Whatever may mean that more than Python's imports decides what the service takes from outside its folder.
_NOT_PLAIN = re.compile(rb"include|command|common")
_PYTHON = re.compile(rb"^runtime:\s*[\"']?python", re.MULTILINE)
_PROGRAM: Final = ("build/demands.py", "build/imports.py", "core/imports.py", "core/known_names.py",
                   "core/fingerprint.py")  # fmt: skip


class Demand(NamedTuple):
    """What a folder asks."""

    is_service: bool  # it has a service.yaml
    is_special: bool  # more than imports of Python decides what it takes from outside
    references: Sequence[Sequence[Any]]  # module, names or none, whole: imports of the shared core


def demands(repo: "Repo", commit: str, folders: Mapping[str, str]) -> Sequence[tuple[Demand, Sequence[str]]]:
    """What these folders of `services/` (name -> tree) ask, each with the names of those that ask it.

    Raises what the repository raises.
    """
    rows, known = _recall(repo)
    missing = {name: tree for name, tree in folders.items() if tree not in known}
    if missing:
        found = _read(repo, commit, missing)
        numbers = {json.dumps(row): number for number, row in enumerate(rows)}
        known = dict(known)
        for name, tree in missing.items():
            known[tree] = numbers.setdefault(json.dumps(found[name]), len(numbers))
        rows = [json.loads(row) for row in numbers]
        _remember(repo, rows, known, folders.values())
    names: list[list[str]] = [[] for _ in rows]
    for name, tree in folders.items():
        names[known[tree]].append(name)
    return [(Demand(*row), asking) for row, asking in zip(rows, names, strict=True) if asking]


def _read(repo: "Repo", commit: str, trees: Mapping[str, str]) -> dict[str, list[Any]]:
    """By name of folders that were never read: what `Demand` is made of."""
    from release.build.imports import NODE_FILES, imports_of
    from release.core.fingerprint import links, own_files

    below = [f"{_SERVICES}/{name}" for name in trees] if len(trees) < _FEW else [_SERVICES]
    entries: dict[str, list[TreeEntry]] = {name: [] for name in trees}
    for entry in repo.tree(commit, *below):
        _, name, inner = split(entry.path)
        if inner and name in entries:
            entries[name].append(entry)
    files = {name: own_files(listed, name) for name, listed in entries.items()}
    wanted: dict[str, Language] = {}
    for own in files.values():
        wanted |= {blob: "node" for path, blob in own.items() if path.endswith(NODE_FILES)}
        wanted |= {blob: "python" for path, blob in own.items() if path.endswith(".py")}
    parsed = imports_of(repo, wanted)
    configurations = {
        name: entry.blob
        for name, listed in entries.items()
        for entry in listed
        if entry.path == f"{_SERVICES}/{name}/{_CONFIGURATION}" and entry.mode.startswith("100")
    }
    texts = repo.blobs(configurations.values())
    rows: dict[str, list[Any]] = {}
    for name, listed in entries.items():
        references = {
            json.dumps([reference.module, reference.names, reference.whole])
            for blob in files[name].values()
            if blob in parsed
            for reference in parsed[blob].references
            if not reference.level
        }
        text = texts[configurations[name]] if name in configurations else b""
        plain = _PYTHON.search(text) is not None and _NOT_PLAIN.search(text) is None and not links(listed)
        rows[name] = [name in configurations, not plain, [json.loads(one) for one in sorted(references)]]
    return rows


def split(path: str) -> tuple[str, str, str]:
    """First part, second part, rest."""
    top, _, rest = path.partition("/")
    name, _, inner = rest.partition("/")
    return top, name, inner


# -- what is remembered: the answers there are, and the number of the answer for each tree ----------------


def _recall(repo: "Repo") -> tuple[list[list[Any]], Mapping[str, int]]:
    data = repo.recall(_KIND)
    try:
        document = json.loads(data) if data is not None else {}
        if document.get("reader") == program_digest(*_PROGRAM):
            return document["rows"], document["folders"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    return [], {}


def _remember(repo: "Repo", rows: Sequence[list[Any]], known: Mapping[str, int], used: Iterable[str]) -> None:
    kept = dict.fromkeys(used)
    others = [tree for tree in known if tree not in kept][-_SPARE:]
    numbers: dict[int, int] = {}  # answers that nothing asks for any more are not kept
    folders = {tree: numbers.setdefault(known[tree], len(numbers)) for tree in (*others, *kept)}
    document = {
        "reader": program_digest(*_PROGRAM),
        "rows": [rows[number] for number in numbers],
        "folders": folders,
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    repo.remember(_KIND, sha256(text).hexdigest(), text)
