"""Writes what people decide into the ledger: holds, quarantines, acceptances. Touches nothing else."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from release.apply.append import append_on_top
from release.apply.work import Who
from release.core import trailers
from release.core.decisions import Deciding, done_already, named, quarantines_of, refuse
from release.core.records import Decision, Event, Good, ReleaseRef, Running, StageHead, promotion_id, stamp
from release.core.tags import parse
from release.errors import Conflict, GateClosed
from release.ports import Clock, Ledger, LedgerState, Repo
from release.promotion import Setup


def decide(
    ledger: Ledger, state: LedgerState, deciding: Deciding, reason: str, *, who: Who, clock: Clock
) -> Event | None:
    """Write one decision. None: it is so already.

    A decision needs no hold of the stage, and waits for nobody: where the stage has moved meanwhile, it is
    looked at again and written on top. Raises GateClosed where it would say what is no longer so; Conflict,
    Unavailable.
    """
    now = clock.now()
    pipeline, stage = deciding.head.pipeline, deciding.head.stage
    promotion = promotion_id(now, pipeline, stage, secrets.token_hex(4))

    def event(state: LedgerState) -> Event | None:
        still = replace(deciding, head=state.head(pipeline, stage))
        if done_already(still, who.actor, who.proof) is not None:
            return None
        refuse(still)
        return Event(
            kind=deciding.kind,
            id=promotion,
            at=stamp(now),
            pipeline=pipeline,
            stage=stage,
            verb=deciding.kind,
            release=deciding.release,
            actor=who.actor,
            tool=who.tool,
            fence=still.head.fence,
            run=who.run,
            known=who.known,
            reason=reason,
        )

    return append_on_top(ledger, state, event)


def asked_to_abort(
    head: StageHead, running: Running, reason: str, who: Who, now: datetime, *, hold: str | None = None
) -> Event:
    """The request that whoever holds a stage goes back. `hold`: what others are told from then on."""
    return Event(
        kind="abort",
        id=running.id,
        at=stamp(now),
        pipeline=head.pipeline,
        stage=head.stage,
        verb=running.verb,
        release=running.release,
        actor=who.actor,
        run=who.run,
        known=who.known,
        tool=who.tool,
        fence=head.fence,
        reason=reason,
        hold=hold,
    )


def ask_to_abort(
    ledger: Ledger, setup: Setup, stage: str, running: Running, reason: str, *, who: Who, clock: Clock
) -> None:
    """Write that request. A rollout that has got on by a wave meanwhile is asked all the same.

    Raises Conflict where that one has ended, or was asked already; Unavailable.
    """

    def event(state: LedgerState) -> Event:
        head = state.head(setup.pipeline.name, stage)
        if head.running is None or head.running.id != running.id:
            raise Conflict(
                f"{running.verb} of {running.release.label} in {stage} has ended meanwhile",
                fix=f"`release status {stage}` shows where it stands",
            )
        return asked_to_abort(head, head.running, reason, who, clock.now())

    append_on_top(ledger, setup.state, event)


def about_stage(setup: Setup, kind: Decision, name: str) -> Deciding:
    """A hold, or an end of it. Raises Misconfigured for an unknown stage."""
    return Deciding(kind, setup.head(setup.stage(name).name), None)


def about_what_serves(setup: Setup, kind: Decision, name: str) -> Deciding:
    """A verdict on what a stage runs by the ledger. Raises GateClosed when it runs nothing."""
    head = setup.head(setup.stage(name).name)
    if head.serves is None:
        raise GateClosed(
            f"{name} runs nothing yet, so there is nothing to {kind}",
            fix=f"bring a release there first; `release status {name}` shows it",
        )
    return Deciding(kind, head, head.serves.release)


def about_release(repo: Repo, setup: Setup, kind: Decision, name: str) -> Deciding:
    """A verdict on a release by tag, in the stage that gives such tags, or by commit, in the first stage.

    From there on it holds for every later stage too. Raises Misconfigured when there is no such release.
    """
    for head, good in _goods(setup):
        if name == good.release.tag:
            return Deciding(kind, head, good.release)
    tag = setup.refs.tags.get(name)
    version = parse(name, setup.pipeline.tag_prefix)
    stages = setup.pipeline.stages
    if tag is not None and version is not None:
        given = next((stage for stage in stages if stage.channel == version.channel), stages[0])
        release = ReleaseRef(tag.commit, _stated_manifest(repo, setup, name), name, tag.object)
        return Deciding(kind, setup.head(given.name), release)
    first = setup.head(stages[0].name)
    for _, good in _goods(setup):
        if len(name) >= 7 and good.release.commit.startswith(name):
            return Deciding(kind, first, ReleaseRef(good.release.commit, good.release.manifest))
    return Deciding(kind, first, ReleaseRef(repo.resolve(name), ""))


def about_quarantines(repo: Repo, setup: Setup, name: str) -> tuple[Deciding, ...]:
    """Every quarantine that a tag or a commit names, to be cleared; one that says there is none, if so.

    Raises Misconfigured when there is no such release, GateClosed when it goes by another name.
    """
    found = tuple(
        Deciding("clear", head, ReleaseRef(item.commit, "", item.tag))
        for head in _heads(setup)
        for item in quarantines_of(head, name)
    )
    if found:
        return found
    asked = about_release(repo, setup, "clear", name)
    for head in _heads(setup):
        item = head.quarantine_of(asked.release.commit) if asked.release else None
        if item is not None:
            raise GateClosed(
                f"{name} is not quarantined, but its commit is, as {named(item)} in {head.stage}",
                fix=f"release clear {named(item)} --reason TEXT",
            )
    return (asked,)


def _heads(setup: Setup) -> Iterator[StageHead]:
    for stage in setup.pipeline.stages:
        yield setup.head(stage.name)


def _goods(setup: Setup) -> Iterator[tuple[StageHead, Good]]:
    for head in _heads(setup):
        for good in head.history:
            yield head, good


def _stated_manifest(repo: Repo, setup: Setup, name: str) -> str:
    """The manifest that a tag states; empty where it states none that can be read."""
    tag = setup.refs.tags[name]
    if not tag.annotated:
        return ""
    repo.ensure([tag.object], refs=[f"refs/tags/{name}"])
    try:
        return trailers.parse(repo.tag_message(tag.object)).get("Release-Manifest", "")
    except ValueError:  # whoever tampered with it, it is to be kept out
        return ""
