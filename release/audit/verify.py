"""Compares all that is recorded with all that is there: chain, tags, manifests, bytes, aliases, GitHub."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from release.audit.stored import EVERY_MANIFEST, check_stored
from release.build.documents import load_manifest
from release.config import load_pipelines
from release.core import trailers
from release.core.audited import Audited, Check
from release.core.chain import TagFacts, Walk, first_difference, tag_problems
from release.core.models import BucketStore, Pipeline, Pipelines, Stage
from release.core.records import Good, restores
from release.core.tags import parse
from release.errors import Misconfigured, ReleaseError, Unavailable
from release.observe import pipeline_texts
from release.ports import Artifacts, Functions, LedgerChain, LedgerState, RemoteRefs, Repo
from release.promotion import Setup
from release.standing import read_standing

Stages = Sequence[tuple[Setup, Stage]]
# Stages, the tags that were asked for (none: all), and why the artifact store is not read -> what came of it
CheckForge = Callable[[Stages, Collection[str], Check | None], Iterator[Check]]
_MOST_PROBLEMS = 100  # of the chain: one rewritten commit may be the cause of all that follow


@dataclass(frozen=True, slots=True)
class Reading:
    """Where to read. `functions` None: AWS is not asked; `forge` None: GitHub is not. What hangs on it is
    said to be unchecked.
    """

    repo: Repo
    ledger: LedgerChain
    artifacts: Callable[[Pipelines], Artifacts]
    functions: Functions | None
    forge: CheckForge | None


def verify(reading: Reading, tags: Sequence[str] = (), *, pipeline: str | None = None) -> Audited:
    """Every check, in the order ledger, tags, manifests and artifacts, what runs, what GitHub shows.

    `tags`: only these, and the stages that serve them; the ledger is always walked from its first commit.
    `pipeline`: only tags and stages of this one. Raises Misconfigured for a tag or pipeline that nobody
    knows, Unavailable when the remote is out of reach.
    """
    seen = reading.ledger.anchors()
    refs = reading.repo.remote()
    texts, _ = pipeline_texts(reading.repo, refs)
    pipelines = load_pipelines(texts.files, texts.odd)
    chosen = _pipelines(pipelines, pipeline)
    try:
        state = reading.ledger.read(refs)
    except Misconfigured as error:
        broken = Check("ledger", error.see or "release-ledger", "mismatch", error.cause)
        rest = Check("tag", "all", "unchecked", "the ledger's heads cannot be read")
        return Audited(None, (broken, rest))
    walk = Walk()
    checks = [*_chain(reading.ledger, state, walk, seen)]
    if all(check.result != "mismatch" for check in checks):
        reading.ledger.saw(state)
    names = _tag_names(refs, walk, chosen, tags)
    checks += _tags(reading.repo, refs, walk, names, asked=frozenset(tags))
    setups = [Setup(refs, pipelines, one, state, ()) for one in chosen]
    every = [(setup, stage) for setup in setups for stage in setup.pipeline.stages]
    stages = [(setup, stage) for setup, stage in every if not tags or _serves(setup, stage) in tags]
    stored = [*_stored(reading, pipelines, walk, names, stages)]
    checks += stored
    checks += _running(reading, pipelines, stages)
    checks += _shown(reading, every, tags, stored, checks)
    return Audited(state.commit, tuple(checks))


def _shown(
    reading: Reading, every: Stages, tags: Sequence[str], stored: Sequence[Check], before: Sequence[Check]
) -> Iterator[Check]:
    if reading.forge is None:
        yield Check("release", "GitHub", "unchecked", "GitHub was not asked")
        return
    if any(check.subject == "ledger" and check.result == "mismatch" for check in before):
        yield Check(
            "release", "GitHub", "unchecked", "not asked: the ledger that it is compared with does not hold"
        )
        return
    hidden = next((check for check in stored if check.place == EVERY_MANIFEST), None)
    yield from reading.forge(every, tags, hidden)


def _pipelines(pipelines: Pipelines, name: str | None) -> Sequence[Pipeline]:
    if name is None:
        return list(pipelines.pipelines.values())
    if name not in pipelines.pipelines:
        raise Misconfigured(
            f"there is no pipeline {name}", fix=f"name one of: {', '.join(sorted(pipelines.pipelines))}"
        )
    return [pipelines.pipelines[name]]


def _chain(ledger: LedgerChain, state: LedgerState, walk: Walk, seen: Sequence[str]) -> Iterator[Check]:
    if state.commit is None:
        why = f"it is gone; this clone has seen it at {seen[0]}" if seen else "there is no ledger"
        yield Check("ledger", "release-ledger", "mismatch" if seen else "unchecked", why)
        return
    found = 0
    for commit in ledger.commits(state):
        for problem in walk.take(commit):
            found += 1
            if found <= _MOST_PROBLEMS:
                yield Check("ledger", problem.place, "mismatch", problem.what)
    if found > _MOST_PROBLEMS:
        yield Check("ledger", "release-ledger", "mismatch", f"and {found - _MOST_PROBLEMS} more")
    for anchor in seen:
        if anchor not in walk.commits:
            found += 1
            yield from _rewritten(ledger, state, anchor)
            why = f"this clone has seen it at {anchor}, which is no part of it any more"
            yield Check("ledger", "release-ledger", "mismatch", f"{why}: the chain was rewritten")
    if not found:
        why = f"records: {len(walk.commits)}, one a commit, each on the one before"
        yield Check("ledger", f"ledger {state.commit[:12]}", "holds", why)


def _rewritten(ledger: LedgerChain, state: LedgerState, anchor: str) -> Iterator[Check]:
    """Where exactly, as far as this clone still has what it has seen."""
    with contextlib.suppress(ReleaseError):
        before = ledger.commits(LedgerState(anchor, {}))
        problem = first_difference(before, ledger.commits(state))
        if problem is not None:
            yield Check("ledger", problem.place, "mismatch", problem.what)


def _tag_names(
    refs: RemoteRefs, walk: Walk, pipelines: Sequence[Pipeline], asked: Sequence[str]
) -> Sequence[str]:
    """Release tags of these pipelines that the remote or the ledger knows, sorted. Raises Misconfigured."""
    own = {one.name for one in pipelines}
    recorded = {name for name, one in walk.minted.items() if one.event.pipeline in own}
    known = recorded | {
        name
        for name in refs.tags
        if any(parse(name, pipeline.tag_prefix) is not None for pipeline in pipelines)
    }
    for name in asked:
        if name not in known:
            raise Misconfigured(
                f"neither the remote nor the ledger knows a release {name}",
                fix="`release audit log` lists all there is",
            )
    return sorted(asked or known)


def _tags(
    repo: Repo, refs: RemoteRefs, walk: Walk, names: Sequence[str], asked: frozenset[str]
) -> Iterator[Check]:
    there = {name: refs.tags[name] for name in names if name in refs.tags}
    try:
        objects = [tag.object for tag in there.values() if tag.annotated]
        repo.ensure(objects, refs=[f"refs/tags/{name}" for name, tag in there.items() if tag.annotated])
    except Unavailable as error:
        yield Check("tag", "all", "unread", error.cause)
        return
    for name in names:
        place = f"tag {name}"
        facts = _facts(repo, refs, name)
        minted = walk.minted.get(name)
        if facts is not None and minted is None and facts.trailers == {} and name not in asked:
            yield Check("tag", place, "unchecked", "release did not make it: it states no manifest")
            continue
        problems = list(tag_problems(facts, minted, walk.commits))
        for problem in problems:
            yield Check("tag", place, "mismatch", problem)
        if not problems and facts is not None:
            yield Check("tag", place, "holds", f"object {facts.object[:12]}")


def _facts(repo: Repo, refs: RemoteRefs, name: str) -> TagFacts | None:
    tag = refs.tags.get(name)
    if tag is None:
        return None
    if not tag.annotated:
        return TagFacts(tag.object, tag.commit, False, {})
    try:
        stated: Mapping[str, str] = trailers.parse(repo.tag_message(tag.object))
    except ValueError as error:
        return TagFacts(tag.object, tag.commit, True, None, str(error))
    return TagFacts(tag.object, tag.commit, True, stated)


def _serves(setup: Setup, stage: Stage) -> str | None:
    good = setup.head(stage.name).serves
    return good.release.tag if good else None


def _stored(
    reading: Reading,
    pipelines: Pipelines,
    walk: Walk,
    names: Sequence[str],
    stages: Stages,
) -> Iterator[Check]:
    """Manifests of the tags and of what the stages serve, and all bytes that these name."""
    wanted: dict[str, tuple[str, str]] = {}  # manifest -> the release that names it, its commit
    for name in names:
        minted = walk.minted.get(name)
        if minted is not None and minted.event.release is not None:
            wanted.setdefault(minted.event.release.manifest, (name, minted.event.release.commit))
    for setup, stage in stages:
        good = setup.head(stage.name).serves
        if good is not None:
            wanted.setdefault(good.release.manifest, (good.release.label, good.release.commit))
    if not wanted:
        return
    if reading.functions is None and isinstance(pipelines.artifacts, BucketStore):
        yield Check("manifest", EVERY_MANIFEST, "unchecked", "AWS was not asked")
        return
    yield from check_stored(reading.artifacts(pipelines), wanted, walk.regions, pipelines.regions[:1])


def _running(reading: Reading, pipelines: Pipelines, stages: Stages) -> Iterator[Check]:
    for setup, stage in stages:
        place = f"{setup.pipeline.name}/{stage.name}"
        head = setup.head(stage.name)
        if head.serves is None:
            yield Check("running", place, "unchecked", "it has run nothing with success yet")
        elif head.running is not None:
            yield Check("running", place, "unchecked", f"{head.running.id} is under way")
        elif reading.functions is None:
            yield Check("running", place, "unchecked", "AWS was not asked")
        else:
            yield from _recorded(reading, pipelines, setup, stage, head.serves)
            yield from _aliases(reading.functions, reading.ledger, setup, stage)


def _recorded(
    reading: Reading, pipelines: Pipelines, setup: Setup, stage: Stage, good: Good
) -> Iterator[Check]:
    """That the record of what a stage serves names the bytes that the release's manifest names."""
    with contextlib.suppress(ReleaseError):  # a record or manifest that is not there is said where it belongs
        record = reading.ledger.event(setup.state, good.record)
        if restores(record.verb) or record.services is not None:
            return  # what it left alone is of other releases
        entries = load_manifest(reading.artifacts(pipelines), good.release.manifest).services
        for served in record.after:
            entry = entries.get(served.service)
            if entry is not None and served.code != entry.artifact:
                where = f"{setup.pipeline.name}/{stage.name}: {served.function} in {served.region}"
                why = f"recorded with code {served.code}, and the manifest names {entry.artifact}"
                yield Check("running", where, "mismatch", why)


def _aliases(functions: Functions, ledger: LedgerChain, setup: Setup, stage: Stage) -> Iterator[Check]:
    place = f"{setup.pipeline.name}/{stage.name}"
    try:
        found = read_standing(functions, ledger, setup, stage)
    except Misconfigured as error:  # the record of what it serves is not there, or cannot be read
        yield Check("running", place, "mismatch", error.cause)
        return
    if found.note is not None:
        yield Check("running", place, "unread", found.note)
        return
    yield from (Check("running", f"{place}: {out.region}", "unread", out.why) for out in found.out)
    drifted = [one for one in found.functions if one.drift]
    read = [one for one in found.functions if not one.unread]
    for one in drifted:
        where = f"{place}: {one.recorded.function} in {one.recorded.region}"
        yield Check("running", where, "mismatch", one.drift or "")
    if not drifted and (read or not found.out):
        yield Check("running", place, "holds", f"aliases that serve what is recorded: {len(read)}")
