"""Which services two trees may not build alike: from what the trees do not share, and a graph of imports.

Nothing is listed, read or rendered that both trees have alike. What a service's folder asks of the shared
core is remembered by the id of its tree, which names all that is in it.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

from release.build import imports
from release.build.imports import NODE_FILES, Language, imports_of, shared_core, source_digest
from release.core import closure, fingerprint
from release.core.closure import SharedCore
from release.core.fingerprint import (
    MACROS_FOLDER,
    REQUIREMENTS,
    SHARED_FOLDER,
    TEMPLATE,
    follow,
    is_left_out,
    links,
    own_files,
    shared_files,
)
from release.core.imports import Reference
from release.ports import Difference, Repo, TreeEntry

_KIND: Final = "folders"
_SERVICES: Final = "services"
_COMMON: Final = SHARED_FOLDER.rpartition("/")[2]
_CONFIGURATION: Final = "service.yaml"
_LINK: Final = "120000"
_NONE: Final = "000000"
_FEW: Final = 100
_SPARE: Final = 20_000  # folders of other trees that are kept for the next time
# Whatever may mean that more than Python's imports decides what the service takes from outside its folder.
_NOT_PLAIN = re.compile(rb"include|command|common")
_PYTHON = re.compile(rb"^runtime:\s*[\"']?python", re.MULTILINE)

# [has a service.yaml, more than imports decides, references as [module, names, whole]]
_Row: TypeAlias = list[Any]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What the difference of two trees can mean. Names of services' folders."""

    base: frozenset[str]  # those that hold a service
    head: frozenset[str]
    code: frozenset[str]  # surely other files in the artifact; settings and template are alike
    doubtful: frozenset[str]  # to be compared in full


def candidates(repo: Repo, base: str, head: str, different: Sequence[Difference]) -> Candidates:
    """Whatever is in neither `code` nor `doubtful` is built alike from both commits, as long as both are
    configured by the same pipelines. Raises what the repository raises.
    """
    own: dict[str, list[Difference]] = {}
    shared, elsewhere, macros = False, False, False
    for one in different:
        top, name, inner = _split(one.path)
        if top == _SERVICES and inner and name != _COMMON:
            own.setdefault(name, []).append(one)
        elif top == _SERVICES and inner:
            shared = True
        elif one.path.startswith(MACROS_FOLDER + "/"):
            macros = True
        else:
            elsewhere = True
    rows = _rows(repo, head)
    at_head = frozenset(name for name, row in rows.items() if row[0])
    at_base = _at_base(at_head, own)
    if macros:
        return Candidates(at_base, at_head, frozenset(), at_head & at_base)
    code, doubtful = set(), set()
    for name in at_head & at_base & own.keys():
        verdict = _verdict(own[name], _SERVICES + "/" + name)
        if verdict == "code" and not rows[name][1]:
            code.add(name)
        elif verdict != "none" or rows[name][1]:
            doubtful.add(name)
    if shared or elsewhere:
        doubtful |= {name for name in at_head & at_base if rows[name][1]}
    if shared:
        rest = {name: rows[name][2] for name in at_head & at_base - code - doubtful if rows[name][2]}
        code |= _touched(repo, base, head, rest)
    return Candidates(at_base, at_head, frozenset(code - doubtful), frozenset(doubtful))


def _at_base(at_head: frozenset[str], own: Mapping[str, Sequence[Difference]]) -> frozenset[str]:
    found = set(at_head)
    for name, differences in own.items():
        for one in differences:
            if one.path == f"{_SERVICES}/{name}/{_CONFIGURATION}":
                (found.discard if one.old_mode == _NONE else found.add)(name)
    return frozenset(found)


def _verdict(differences: Iterable[Difference], folder: str) -> str:
    """`code`: another artifact for sure. `none`: the same one, as far as imports and files decide."""
    verdict = "none"
    for one in differences:
        inner = one.path[len(folder) + 1 :]
        if inner in (_CONFIGURATION, TEMPLATE, REQUIREMENTS) or _LINK in (one.old_mode, one.new_mode):
            return "doubtful"
        if not is_left_out(one.path, folder) and _facts(one.old_mode, one.old_blob) != _facts(
            one.new_mode, one.new_blob
        ):
            verdict = "code"
    return verdict


def _facts(mode: str, blob: str) -> tuple[bool, str]:
    return mode == "100755", blob


# -- the shared core -------------------------------------------------------------------------------------


def _touched(repo: Repo, base: str, head: str, services: Mapping[str, list[list[Any]]]) -> frozenset[str]:
    """Services that take other files of the shared core, or files that are not the same."""
    before, after = _core(repo, base), _core(repo, head)
    known: dict[str, tuple[_Taken, _Taken]] = {}
    touched = set()
    for name, rows in services.items():
        pairs = []
        for row in rows:
            key = str(row)
            if key not in known:
                known[key] = (before.taken(row), after.taken(row))
            pairs.append(known[key])
        if all(one.files == other.files for one, other in pairs):
            continue
        if any(one.whole or other.whole for one, other in pairs):
            # What is taken of a folder without __init__.py depends on all imports together.
            pairs = [(before.taken(*rows), after.taken(*rows))]
        old = frozenset().union(*(one.files for one, _ in pairs))
        if old != frozenset().union(*(other.files for _, other in pairs)):
            touched.add(name)
    return frozenset(touched)


@dataclass(frozen=True, slots=True)
class _Taken:
    files: frozenset[tuple[str, tuple[bool, str]]]  # path below the shared folder; executable, blob
    whole: bool  # more than is named


@dataclass(frozen=True, slots=True)
class _Core:
    graph: SharedCore
    facts: Mapping[str, tuple[bool, str]]  # path below the folder -> executable, blob

    def taken(self, *rows: list[Any]) -> _Taken:
        references = [
            ("", Reference(module, 0, None if names is None else tuple(names), 0, False, whole))
            for module, names, whole in rows
        ]
        found = self.graph.closure(references)
        return _Taken(frozenset((path, self.facts[path]) for path in found.files), bool(found.notes))


def _core(repo: Repo, commit: str) -> _Core:
    entries = repo.tree(commit, SHARED_FOLDER)
    linked = links(entries)
    texts = repo.blobs(linked.values())
    targets = {path: texts[blob].decode("utf-8", "surrogateescape") for path, blob in linked.items()}
    files = shared_files(entries, targets)
    modes = {entry.path: entry.mode for entry in entries}
    parsed = imports_of(repo, {blob: "shared" for path, blob in files.items() if path.endswith(".py")})
    start = SHARED_FOLDER + "/"
    # A link stands for its file, exec bit and all.
    facts = {
        path: _facts(modes.get(follow(start + path, targets) or "", ""), blob) for path, blob in files.items()
    }
    return _Core(shared_core(files, parsed), facts)


# -- what a folder asks of the shared core ---------------------------------------------------------------


@cache
def _reader() -> str:
    modules = (__file__, closure.__file__, fingerprint.__file__)
    return imports.reader() + source_digest(modules)


def _rows(repo: Repo, commit: str) -> Mapping[str, _Row]:
    """By service folder of the commit."""
    trees = {name: tree for name, tree in repo.folders(commit, _SERVICES).items() if name != _COMMON}
    known = _recall(repo)
    missing = [name for name, tree in trees.items() if tree not in known]
    if missing:
        known = {**known, **_read(repo, commit, {name: trees[name] for name in missing})}
        used = frozenset(trees.values())
        others = [tree for tree in known if tree not in used][-_SPARE:]
        _remember(repo, {tree: known[tree] for tree in (*others, *used)})
    return {name: known[tree] for name, tree in trees.items()}


def _read(repo: Repo, commit: str, trees: Mapping[str, str]) -> dict[str, _Row]:
    """By tree id, of folders that were never read."""
    below = [f"{_SERVICES}/{name}" for name in trees] if len(trees) < _FEW else [_SERVICES]
    entries: dict[str, list[TreeEntry]] = {name: [] for name in trees}
    for entry in repo.tree(commit, *below):
        _, name, inner = _split(entry.path)
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
    rows: dict[str, _Row] = {}
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
        rows[trees[name]] = [
            name in configurations,
            not plain,
            [json.loads(one) for one in sorted(references)],
        ]
    return rows


def _recall(repo: Repo) -> Mapping[str, _Row]:
    data = repo.recall(_KIND)
    try:
        document = json.loads(data) if data is not None else {}
        return document["folders"] if document.get("reader") == _reader() else {}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _remember(repo: Repo, rows: Mapping[str, _Row]) -> None:
    text = json.dumps({"reader": _reader(), "folders": rows}, separators=(",", ":")).encode()
    repo.remember(_KIND, hashlib.sha256(text).hexdigest(), text)


def _split(path: str) -> tuple[str, str, str]:
    """First part, second part, rest."""
    top, _, rest = path.partition("/")
    name, _, inner = rest.partition("/")
    return top, name, inner
