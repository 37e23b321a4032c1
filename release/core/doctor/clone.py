"""The clone, its remote, what it is configured to, and the programs beside it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from release.core.doctor.findings import Finding, Trouble, no, ok, troubled, unknown
from release.core.tags import parse

OLDEST_GIT: Final = (2, 33)  # rev-list --no-commit-header
OLDEST_NODE: Final = (20,)
LEDGER: Final = "release-ledger"
_NUMBERS: Final = re.compile(r"(\d+)\.(\d+)(?:\.\d+)?", re.ASCII)
_MOST: Final = 5  # names in a line


@dataclass(frozen=True, slots=True)
class RemoteFacts:
    """`tags`: name -> object id there; `here`: the same of this clone."""

    branches: Mapping[str, str]
    tags: Mapping[str, str]
    here: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Program:
    """A program that services need. `version` None: it is not there, or does not start."""

    name: str
    version: str | None
    needed_by: tuple[str, ...]
    fix: str


@dataclass(frozen=True, slots=True)
class CloneFacts:
    git: str | None  # as it says itself: "git version 2.39.5"
    shallow: bool | Trouble
    remote: RemoteFacts | Trouble
    ledger: int | Trouble | None  # stages with a record; None: there is no such branch
    configuration: str | Trouble  # what was loaded, in words
    prefixes: tuple[str, ...]  # of tags
    workflows: tuple[str, ...] | Trouble  # what is out of step, a line each
    render: str  # the command that mends them
    programs: tuple[Program, ...]


def clone_findings(facts: CloneFacts) -> Iterator[Finding]:
    yield _git(facts.git)
    yield _whole(facts.shallow)
    yield _remote(facts.remote)
    yield _tags(facts)
    yield _ledger(facts)
    if isinstance(facts.configuration, Trouble):
        yield troubled("configuration", facts.configuration)
    else:
        yield ok("configuration", facts.configuration)
    yield _workflows(facts)
    yield from map(_program, facts.programs)


def _git(said: str | None) -> Finding:
    numbers = _numbers(said)
    if numbers is None:
        return no("git", "git does not start", "install git 2.33 or newer, and put it on PATH")
    shown = ".".join(map(str, numbers))
    if numbers < OLDEST_GIT:
        return no("git", f"git {shown} is too old", "install git 2.33 or newer")
    return ok("git", f"git {shown}")


def _whole(shallow: bool | Trouble) -> Finding:
    if isinstance(shallow, Trouble):
        return troubled("whole-clone", shallow)
    if shallow:
        return no(
            "whole-clone",
            "the clone is shallow: every question about history has to fetch first",
            "git fetch --unshallow --tags; with actions/checkout: fetch-depth: 0",
        )
    return ok("whole-clone", "has its whole history")


def _remote(remote: RemoteFacts | Trouble) -> Finding:
    if isinstance(remote, Trouble):
        return troubled("remote", remote)
    if not remote.branches:
        return no("remote", "the remote has no branch yet", "git push -u origin HEAD:main")
    return ok("remote", f"{len(remote.branches)} branches, {len(remote.tags)} tags")


def _tags(facts: CloneFacts) -> Finding:
    remote = facts.remote
    if isinstance(remote, Trouble):
        return unknown("tags", "the remote could not be asked", remote.fix)
    if not facts.prefixes and isinstance(facts.configuration, Trouble):
        return unknown("tags", "which tags are of releases is not known", facts.configuration.fix)
    ours = {name for name in {*remote.tags, *remote.here} if _is_release(name, facts.prefixes)}
    moved = sorted(
        name
        for name in ours & remote.here.keys() & remote.tags.keys()
        if remote.here[name] != remote.tags[name]
    )
    alone = sorted(ours & remote.here.keys() - remote.tags.keys())
    if moved:
        refs = " ".join(f"refs/tags/{name}:refs/tags/{name}" for name in moved[:_MOST])
        return no(
            "tags",
            f"{_few(moved)}: this clone has something else by that name than the remote",
            f"find out who moved it (release audit verify), then: git fetch --force origin {refs}",
        )
    if alone:
        return no(
            "tags",
            f"{_few(alone)}: in this clone alone, where it means nothing",
            f"git tag -d {' '.join(alone[:_MOST])}",
        )
    foreign = sorted(
        name for name in remote.tags if _looks_like_one(name, facts.prefixes) and name not in ours
    )
    note = f"; {len(foreign)} look like releases and are none: {_few(foreign)}" if foreign else ""
    return ok("tags", f"{len(ours & remote.tags.keys())} tags of releases{note}")


def _ledger(facts: CloneFacts) -> Finding:
    match facts.ledger:
        case Trouble() as trouble:
            return troubled("ledger", trouble)
        case None:
            tags = {} if isinstance(facts.remote, Trouble) else facts.remote.tags
            minted = sorted(name for name in tags if _is_release(name, facts.prefixes))
            if minted:
                return no(
                    "ledger",
                    f"there are tags of releases ({_few(minted)}), and no branch {LEDGER}",
                    "push it again from where it still is, a clone that has released: git push origin "
                    f"COMMIT:refs/heads/{LEDGER}; git cat-file -p {minted[-1]} names a commit of it",
                )
            return ok("ledger", "there is none yet: the first deployment makes it")
        case count:
            return ok("ledger", f"{count} stages have records")


def _workflows(facts: CloneFacts) -> Finding:
    if isinstance(facts.workflows, Trouble):
        return troubled("workflows", facts.workflows)
    if facts.workflows:
        return no("workflows", f"out of step with pipelines/: {_few(facts.workflows)}", facts.render)
    return ok("workflows", "in step with pipelines/")


def _program(program: Program) -> Finding:
    numbers = _numbers(program.version)
    if numbers is None:
        says = f"{program.name} does not start, and {_few(program.needed_by)} needs it"
        return no("programs", says, program.fix, program.name)
    shown = ".".join(map(str, numbers))
    if program.name == "node" and numbers < OLDEST_NODE:
        return no("programs", f"node {shown} is too old", program.fix, program.name)
    return ok("programs", f"{program.name} {shown}", program.name)


def _numbers(said: str | None) -> tuple[int, int] | None:
    found = _NUMBERS.search(said or "")
    return (int(found[1]), int(found[2])) if found else None


def _is_release(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(parse(name, prefix) is not None for prefix in prefixes)


def _looks_like_one(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(
        name.startswith(prefix) and name[len(prefix) : len(prefix) + 1].isdecimal() for prefix in prefixes
    )


def _few(names: "tuple[str, ...] | list[str]") -> str:
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")
