"""Which tag a release gets next: the complete rules for qa, rc and gold, from facts that were read before.

A rule that says no becomes a blocker beside the answer, never instead of it: `release next` shows both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from release.core import refusals
from release.core.blockers import Blocker
from release.core.conventional import Bump, asked_for
from release.core.records import Passed
from release.core.tags import (
    Facts,
    KnownTag,
    Line,
    StageRuns,
    Tag,
    Version,
    gold_of,
    highest_gold,
    on_line,
    parse,
)

FIRST = Line(1, 0, 0)


@dataclass(frozen=True, slots=True)
class Next:
    """The next release of a stage. With blockers it is only what it would be."""

    tag: str | None  # None: the stage before runs nothing that could be named
    version: Version | None
    commit: str | None
    existing: bool  # the tag is there, on this commit and manifest: nothing new is minted
    reason: str  # why this version
    warnings: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    gates: tuple[Passed, ...] | None = None  # what the stage's gates went by; None: they were not asked


def next_qa(
    facts: Facts,
    *,
    commit: str,
    manifest: str | None,  # digest; None: not built yet, so a tag that states any manifest counts as the same
    reachable: frozenset[str],  # names of the tags whose commit is this one or an ancestor
    bump: Bump | None = None,  # None: auto
    messages: Iterable[str] = (),  # commit messages since `highest_gold`, whole
    proven: frozenset[str] = frozenset(),  # commits that the stage before has run with success at any time
    branches: Sequence[str] | None = None,  # release branches that hold the commit; None: not looked at
) -> Next:
    """The bump goes to the highest gold reachable from the commit, the counter past the highest anywhere."""
    warnings: list[str] = []
    blockers: list[Blocker] = []
    base = highest_gold(facts.tags, reachable)
    open_tag = _open_tag(facts, reachable, base)
    line, reason = _line(base, open_tag, bump, messages)
    existing = None if facts.new else _same_qa(facts, commit, manifest, line if bump else None)
    if existing:
        version, reason = existing.version, f"{existing.name} is this commit and manifest already"
    else:
        version = on_line(line, "qa", _counter(facts, line, "qa"))
        if open_tag and line < open_tag.version.line:
            warnings.append(f"{line} goes below the open line {open_tag.version.line} ({open_tag.name})")
        if not facts.new and (other := _same_qa(facts, commit, manifest, None)):
            warnings.append(f"this commit and manifest are {other.name} already")
        if gold := _gold(facts, line):
            blockers.append(
                Blocker(
                    "gold-exists-elsewhere",
                    f"{gold.name} exists on {gold.commit[:10]}, which is not in the history of {commit[:10]}",
                    f"merge {gold.name} into the branch and promote the merge, or ask for another --bump",
                )
            )
        elsewhere = _highest(
            tag for tag in facts.tags if tag.version.channel == "gold" and tag.name not in reachable
        )
        if elsewhere and elsewhere != gold and (base is None or elsewhere.version > base.version):
            warnings.append(
                f"{elsewhere.name} is not in the history of {commit[:10]}: its changes are missing"
            )
    if branches is not None and not branches:
        blockers.append(
            Blocker(
                "foreign-commit",
                f"commit {commit[:10]} is on no branch that this pipeline releases from",
                "merge it and push the branch, then promote the merge",
            )
        )
    if facts.after:
        ran = facts.source.commit if facts.source else None
        if commit != ran and commit not in proven:
            blockers.append(refusals.skipped(facts, f"commit {commit[:10]}"))
    blockers += refusals.quarantined(facts, commit)
    golds = [name for name in facts.known if (v := parse(name, facts.prefix)) and v.channel == "gold"]
    blockers += refusals.moved(facts, [*golds, *([existing.name] if existing else [])])
    if not facts.allow_older:
        blockers += refusals.lost(facts, commit, "promote a commit that holds both, or say --allow-older")
    blockers += refusals.too_large(version)
    return _answer(facts, version, commit, existing, reason, warnings, blockers)


def next_rc(facts: Facts, *, commit: str | None = None) -> Next:
    """The version line, commit and manifest of what the stage before runs. `commit` is the one asked for."""
    source, version, blockers = _promoted(facts, commit, "rc")
    if source is None or version is None:
        return Next(None, None, None, False, "", (), blockers)
    line = version.line
    same = [
        tag
        for tag in facts.tags
        if tag.version.line == line
        and tag.version.channel == "rc"
        and tag.commit == source.commit
        and facts.manifests.get(tag.name) == source.manifest
    ]
    existing = None if facts.new else _highest(same)
    rc = existing.version if existing else on_line(line, "rc", _counter(facts, line, "rc"))
    found = [*blockers, *refusals.moved(facts, [existing.name] if existing else [])]
    if (gold := _gold(facts, line)) and gold.commit != source.commit:
        found.append(
            Blocker(
                "gold-exists-elsewhere",
                f"{gold.name} exists on {gold.commit[:10]}, and {source.tag} is on {source.commit[:10]}: "
                f"the line {line} is closed",
                f"promote {facts.after} again: it takes the next line",
            )
        )
    return _promotion(facts, rc, source, existing, found)


def next_gold(facts: Facts, *, commit: str | None = None) -> Next:
    """The version of what the stage before runs, without suffix. There is one gold of a line."""
    source, version, blockers = _promoted(facts, commit, "gold")
    if source is None or version is None:
        return Next(None, None, None, False, "", (), blockers)
    gold = gold_of(version.line)
    name = f"{facts.prefix}{gold}"
    found = [*blockers, *refusals.moved(facts, [name])]
    there = _gold(facts, version.line)
    stated = facts.manifests.get(name)
    existing = there if there and there.commit == source.commit and stated == source.manifest else None
    if there and there.commit != source.commit:
        found.append(
            Blocker(
                "gold-exists-elsewhere",
                f"{name} exists on {there.commit[:10]}, and {source.tag} is on {source.commit[:10]}",
                "promote the commit through the first stage again: it takes the next line",
            )
        )
    elif there and not existing:
        found.append(
            Blocker(
                "gold-states-another",
                f"{name} exists on this commit, and states "
                + (f"the manifest {stated[:10]}, not " if stated else "no manifest; it should state ")
                + source.manifest[:10],
                "promote the commit through the first stage again with --bump patch: it takes the next line",
            )
        )
    return _promotion(facts, gold, source, existing, found)


def _line(
    base: Tag | None, open_tag: Tag | None, bump: Bump | None, messages: Iterable[str]
) -> tuple[Line, str]:
    if base is None:
        return FIRST, "there is no gold yet"
    if bump is not None:
        return base.version.line.bumped(bump), f"{bump} on top of {base.name}"
    asked = asked_for(messages)
    line = base.version.line.bumped(asked.bump)
    if open_tag and open_tag.version.line >= line:
        return open_tag.version.line, f"the open line of {open_tag.name}"
    return line, f"{asked.bump} on top of {base.name}" + (f", asked for by {asked.by!r}" if asked.by else "")


def _open_tag(facts: Facts, reachable: frozenset[str], base: Tag | None) -> Tag | None:
    """The highest reachable pre-release above the base whose gold does not exist."""
    above = [
        tag
        for tag in facts.tags
        if tag.version.channel != "gold"
        and (base is None or tag.version.precedence > base.version.precedence)
        and tag.name in reachable
    ]
    golds = {str(gold_of(line)) for line in {tag.version.line for tag in above}}
    closed = {tag.version.line for tag in facts.tags if tag.name.removeprefix(facts.prefix) in golds}
    return _highest(tag for tag in above if tag.version.line not in closed)


def _same_qa(facts: Facts, commit: str, manifest: str | None, line: Line | None) -> Tag | None:
    """The release that this commit and manifest are already. `line` is where an explicit bump leads."""
    same = [
        tag
        for tag in facts.tags
        if tag.commit == commit
        and (stated := facts.manifests.get(tag.name)) is not None
        and manifest in (None, stated)
    ]
    released = {tag.version.line for tag in same if tag.version.channel == "gold"}
    qa = [
        tag
        for tag in same
        if tag.version.channel == "qa"
        and (tag.version.line in released or _gold(facts, tag.version.line) is None)
        # An explicit bump is obeyed, but what is gold already needs no second name.
        and (line is None or tag.version.line == line or tag.version.line in released)
    ]
    return _highest(qa)


def _counter(facts: Facts, line: Line, channel: Literal["qa", "rc"]) -> int:
    """Past the highest that exists anywhere or that the ledger remembers: a hole is never filled again."""
    remembered = (version for name in facts.known if (version := parse(name, facts.prefix)) is not None)
    versions = (*(tag.version for tag in facts.tags), *remembered)
    # The patch tells most lines apart, and costs no object where there are 100,000 of them.
    taken = (
        v.counter or 0 for v in versions if v.channel == channel and v.patch == line.patch and v.line == line
    )
    return max(taken, default=0) + 1


def _gold(facts: Facts, line: Line) -> Tag | None:
    name = f"{facts.prefix}{gold_of(line)}"
    return next((tag for tag in facts.tags if tag.name == name), None)


def _highest(tags: Iterable[Tag]) -> Tag | None:
    return max(tags, key=lambda tag: tag.version.precedence, default=None)


def _promoted(
    facts: Facts, commit: str | None, channel: Literal["rc", "gold"]
) -> tuple[StageRuns | None, Version | None, tuple[Blocker, ...]]:
    """What enters the stage, and what speaks against it as it is."""
    source = facts.source
    version = source.version if source else None
    skips = version is None or (version.channel == "gold" and channel == "rc")
    if source is None or skips:
        return None, None, (refusals.skipped(facts, f"an {channel}" if channel == "rc" else "a gold"),)
    blockers = []
    if commit not in (None, source.commit):
        blockers.append(refusals.skipped(facts, f"commit {commit[:10] if commit else ''}"))
    tag = next((tag for tag in facts.tags if tag.name == source.tag), None)
    if source.tag and (tag is None or tag.commit != source.commit) and source.tag not in facts.known:
        blockers.append(refusals.moved_tag(source.tag, tag, KnownTag("", source.commit)))
    blockers += refusals.moved(facts, [source.tag] if source.tag else [])
    return source, version, (*blockers, *refusals.quarantined(facts, source.tag or "", source.commit))


def _promotion(
    facts: Facts, version: Version, source: StageRuns, existing: Tag | None, blockers: Sequence[Blocker]
) -> Next:
    found = list(blockers)
    now = facts.runs.version if facts.runs else None
    if now and version < now and not facts.allow_older:
        found.append(
            Blocker(
                "older",
                f"{facts.prefix}{version} is older than {facts.prefix}{now}, which {facts.stage} runs",
                "say --allow-older if that is meant; to go back, `release rollback` is the way",
            )
        )
    found += refusals.lost(facts, source.commit, "merge it, and promote the merge through every stage")
    found += refusals.too_large(version)
    reason = (
        f"{existing.name} is this commit and manifest already"
        if existing
        else f"{facts.after} runs {source.tag}"
    )
    return _answer(facts, version, source.commit, existing, reason, [], found)


def _answer(
    facts: Facts,
    version: Version,
    commit: str,
    existing: Tag | None,
    reason: str,
    warnings: Sequence[str],
    blockers: Sequence[Blocker],
) -> Next:
    name = f"{facts.prefix}{version}"
    return Next(name, version, commit, existing is not None, reason, tuple(warnings), tuple(blockers))
