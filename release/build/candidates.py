"""Which services two trees may not build alike: from what the trees do not share, and a graph of imports.

Nothing is listed, read or rendered that both trees have alike, and nothing is asked twice: services that ask
the same of the shared core are one question.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from release.build.demands import Demand, demands, split
from release.core.fingerprint import (
    MACROS_FOLDER,
    REQUIREMENTS,
    SHARED_FOLDER,
    TEMPLATE,
    follow,
    is_left_out,
    links,
    shared_files,
)
from release.core.git_objects import TreeEntry

if TYPE_CHECKING:
    from release.core.closure import SharedCore
    from release.core.git_objects import Difference
    from release.core.imports import Imports
    from release.ports import Repo

_SERVICES: Final = "services"
_COMMON: Final = SHARED_FOLDER.rpartition("/")[2]
_CONFIGURATION: Final = "service.yaml"
_LINK: Final = "120000"
_NONE: Final = "000000"


class Candidates(NamedTuple):
    """What the difference of two trees can mean. Names of services' folders."""

    base: tuple[str, ...]  # those that hold a service
    head: tuple[str, ...]
    code: frozenset[str]  # surely other files in the artifact; settings and template are alike
    doubtful: frozenset[str]  # to be compared in full


def candidates(
    repo: "Repo", head: str, folders: Mapping[str, str], different: "Sequence[Difference]"
) -> Candidates:
    """`folders` are those of `services/` of the head, name -> tree; `different` is what the base and the head
    do not have alike. Whatever is in neither `code` nor `doubtful` is built alike from both, as long as both
    are configured by the same pipelines. Raises what the repository raises.
    """
    own: dict[str, list[Difference]] = {}
    shared: list[Difference] = []
    elsewhere, macros = False, False
    for one in different:
        top, name, inner = split(one.path)
        if top == _SERVICES and inner and name != _COMMON:
            own.setdefault(name, []).append(one)
        elif top == _SERVICES and inner:
            shared.append(one)
        elif one.path.startswith(MACROS_FOLDER + "/"):
            macros = True
        else:
            elsewhere = True
    asked = demands(repo, head, {name: tree for name, tree in folders.items() if name != _COMMON})
    at_head = frozenset(name for demand, names in asked if demand.is_service for name in names)
    configured = {
        name: one.old_mode != _NONE
        for name, differences in own.items()
        for one in differences
        if one.path == f"{_SERVICES}/{name}/{_CONFIGURATION}"
    }
    gone = sorted(name for name, was_there in configured.items() if was_there and name not in at_head)
    new = {name for name, was_there in configured.items() if not was_there}
    both = at_head - new
    services = tuple(name for name in folders if name in at_head)
    at_base = (*(name for name in services if name not in new), *gone) if gone or new else services
    if macros:
        return Candidates(at_base, services, frozenset(), both)
    special = frozenset(name for demand, names in asked if demand.is_special for name in names)
    code, doubtful = set(), set()
    for name in both & own.keys():
        verdict = _verdict(own[name], _SERVICES + "/" + name)
        if verdict == "code" and name not in special:
            code.add(name)
        elif verdict != "none" or name in special:
            doubtful.add(name)
    if shared or elsewhere:
        doubtful |= both & special
    if shared:
        code |= both & _touched(repo, head, shared, asked)
    return Candidates(at_base, services, frozenset(code - doubtful), frozenset(doubtful))


def _verdict(differences: "Iterable[Difference]", folder: str) -> str:
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


def _touched(
    repo: "Repo",
    head: str,
    different: "Sequence[Difference]",
    asked: Iterable[tuple[Demand, Sequence[str]]],
) -> frozenset[str]:
    """Services that take other files of the shared core, or files that are not the same."""
    entries = repo.tree(head, SHARED_FOLDER)
    before, after = _cores(repo, _undone(entries, different), entries)
    known: dict[str, tuple[_Taken, _Taken]] = {}

    def is_touched(references: Sequence[Sequence[Any]]) -> bool:
        pairs = []
        for row in references:
            key = str(row)
            if key not in known:
                known[key] = (before.taken(row), after.taken(row))
            pairs.append(known[key])
        if all(one.files == other.files for one, other in pairs):
            return False
        if any(one.whole or other.whole for one, other in pairs):
            # What is taken of a folder without __init__.py depends on all imports together.
            pairs = [(before.taken(*references), after.taken(*references))]
        old = frozenset().union(*(one.files for one, _ in pairs))
        return old != frozenset().union(*(other.files for _, other in pairs))

    return frozenset(name for demand, names in asked if is_touched(demand.references) for name in names)


def _undone(entries: Sequence[TreeEntry], different: "Iterable[Difference]") -> Sequence[TreeEntry]:
    """The entries as they were before."""
    found = {entry.path: entry for entry in entries}
    for one in different:
        if one.old_mode == _NONE:
            del found[one.path]
        else:
            found[one.path] = TreeEntry(one.path, one.old_mode, one.old_blob)
    return sorted(found.values(), key=lambda entry: entry.path.encode("utf-8", "surrogateescape"))


class _Taken(NamedTuple):
    files: frozenset[tuple[str, tuple[bool, str]]]  # path below the shared folder; executable, blob
    whole: bool  # more than is named


class _Core(NamedTuple):
    graph: "SharedCore"
    facts: Mapping[str, tuple[bool, str]]  # path below the folder -> executable, blob

    def taken(self, *rows: Sequence[Any]) -> _Taken:
        from release.core.imports import Reference

        references = [
            ("", Reference(module, 0, None if names is None else tuple(names), 0, False, whole))
            for module, names, whole in rows
        ]
        found = self.graph.closure(references)
        return _Taken(frozenset((path, self.facts[path]) for path in found.files), bool(found.notes))


def _cores(repo: "Repo", *trees: Sequence[TreeEntry]) -> Sequence[_Core]:
    from release.build.imports import imports_of

    linked = [links(entries) for entries in trees]
    texts = repo.blobs(blob for one in linked for blob in one.values())
    targets = [
        {path: texts[blob].decode("utf-8", "surrogateescape") for path, blob in one.items()} for one in linked
    ]
    files = [shared_files(entries, to) for entries, to in zip(trees, targets, strict=True)]
    parsed = imports_of(
        repo, {blob: "shared" for one in files for path, blob in one.items() if path.endswith(".py")}
    )
    return [_core(*each, parsed) for each in zip(trees, files, targets, strict=True)]


def _core(
    entries: Sequence[TreeEntry],
    files: Mapping[str, str],
    targets: Mapping[str, str],
    parsed: "Mapping[str, Imports]",
) -> _Core:
    from release.build.imports import shared_core

    modes = {entry.path: entry.mode for entry in entries}
    start = SHARED_FOLDER + "/"
    # A link stands for its file, exec bit and all.
    facts = {
        path: _facts(modes.get(follow(start + path, targets) or "", ""), blob) for path, blob in files.items()
    }
    return _Core(shared_core(files, parsed), facts)
