"""What people are told of a stage: what, where, who, verdict, and the command that takes it back. Pure.

A notice holds words of people (reasons, names, what a program said). They are data: whoever writes it for
Slack or Teams sees to it that they neither call anybody nor are markup.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, assert_never

from release.core.reasons import shown
from release.core.recipients import Occasion
from release.core.records import Event, Judged, restores

if TYPE_CHECKING:
    from release.core.drift import StageDrift

Tone = Literal["good", "bad", "attention"]

_LINES: Final = 10  # of what is left, and of verdicts: the record has all of them
_FINDINGS: Final = 3  # of drift: `release drift` shows all of them


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened, ready to be told."""

    occasion: Occasion
    tone: Tone
    title: str  # one line
    pipeline: str
    stage: str
    release: str  # tag, or the first digits of the commit
    tagged: bool
    at: str  # UTC
    facts: tuple[tuple[str, str], ...]  # name, and what is known: one line each
    left: tuple[str, ...] = ()  # what is where, when an undo failed
    commands: tuple[tuple[str, str], ...] = ()  # what for, and the command
    links: tuple[Link, ...] = ()


def of_event(event: Event, where: str, *, first: bool = False) -> Notice | None:
    """What an event of a promotion means to people. None: nothing that anybody waits for.

    `where`: functions and regions in words. `first`: nothing served before, so that there is no way back.
    """
    if event.kind == "paused" and event.next_at is None:
        title = f"{event.label} is held on its way into {event.stage}"
        return _notice(event, where, "held", "attention", title)
    if event.kind != "outcome" or event.outcome is None:
        return None
    stage, label, back = event.stage, event.label, event.verb == "rollback"
    what = f"{event.verb} of {label} to {stage}"
    match event.outcome:
        case "succeeded":
            title = f"{label} serves in {stage}"
            if restores(event.verb):
                title = f"{stage} is back on {label}"
            return _notice(event, where, "rollback" if back else "succeeded", "good", title, first=first)
        case "failed":
            return _notice(event, where, "failed", "bad", f"{what} failed; what served before serves now")
        case "errored":
            title = f"{what} could not be carried out; what served before serves now"
            return _notice(event, where, "failed", "bad", title)
        case "aborted":
            title = f"{what} was aborted; what served before serves now"
            return _notice(event, where, "failed", "attention", title)
        case "stranded":
            return _notice(event, where, "failed", "bad", f"{what} ended half-way: a person must look")
        case _:  # pragma: no cover - the type checker proves that no outcome is missing
            assert_never(event.outcome)


def of_decision(event: Event) -> Notice | None:
    """What somebody has decided that keeps a release out. None: it keeps none out."""
    stage, label, options = event.stage, event.label, f"--pipeline {event.pipeline} --reason TEXT"
    if event.kind == "hold":
        title, undo = f"{stage} is held", f"release unhold {stage} {options}"
    elif event.kind in ("quarantine", "reject"):
        verb = "quarantined" if event.kind == "quarantine" else "rejected"
        title, undo = f"{label} is {verb} in {stage}", f"release clear {label} {options}"
    else:
        return None
    return Notice(
        occasion="held",
        tone="attention",
        title=title,
        pipeline=event.pipeline,
        stage=stage,
        release=label,
        tagged=event.release is not None and event.release.tag is not None,
        at=event.at,
        facts=_known(("who", _who(event)), ("reason", event.reason), ("record", event.path)),
        commands=(("to take that back", undo),),
    )


def awaiting(plan: Mapping[str, Any], *, who: str, at: str) -> Notice:
    """A plan, as a plan file has it, that is carried out when somebody has approved it.

    Raises KeyError, TypeError and AttributeError for what is no plan.
    """
    stage, pipeline, tag = plan["stage"], plan["pipeline"], plan["tag"]
    release = str(tag or plan["commit"][:10])
    changes = plan["changes"]
    regions = ", ".join(dict.fromkeys(change["region"] for change in changes))
    return Notice(
        occasion="waiting",
        tone="attention",
        title=f"{plan['verb']} of {release} to {stage} waits for approval",
        pipeline=pipeline,
        stage=stage,
        release=release,
        tagged=tag is not None,
        at=at,
        facts=_known(
            ("who", who),
            ("where", moving(sum(bool(change["changes"]) for change in changes), len(changes), regions)),
            ("from", plan["source"]),
            ("reason", plan["reason"]),
            ("plan", plan["digest"]),
        ),
        commands=(("to keep it out", f"release hold {stage} --pipeline {pipeline} --reason TEXT"),),
    )


def of_drift(found: "StageDrift", *, at: str) -> Notice | None:
    """What differs in a stage from what the ledger says. None: nothing does that anybody has to mend."""
    drifts, last = found.drifts, found.last
    if not drifts or last is None:
        return None
    stage, pipeline = found.head.stage, found.head.pipeline
    named = [f"{one.kind} of {one.function or one.service} in {one.region}" for one in drifts]
    more = len(named) - _FINDINGS
    what = "; ".join(named[:_FINDINGS]) + (f"; and {more} more" if more > 0 else "")
    only = f"--pipeline {pipeline}"
    return Notice(
        occasion="drift",
        tone="bad",
        title=f"{stage} has drifted: {len(drifts)} {'finding' if len(drifts) == 1 else 'findings'}",
        pipeline=pipeline,
        stage=stage,
        release=last.release.label,
        tagged=last.release.tag is not None,
        at=at,
        facts=_known(("what", what), ("record", last.record)),
        commands=(
            ("to look", f"release drift {stage} {only}"),
            ("to put aliases back", f"release reconcile {stage} {only} --reason TEXT"),
        ),
    )


def moving(some: int, everything: int, regions: str) -> str:
    """How many functions move, and where."""
    return f"{some} of {everything} {'function' if everything == 1 else 'functions'} in {regions}"


def links(notice: Notice, site: str, *, run: str | None, attempt: str) -> tuple[Link, ...]:
    """Where to look: the workflow run that it happened in, and the release once it serves.

    `site`: the repository's address for people.
    """
    found = []
    if run is not None:
        found.append(Link(f"run {run}.{attempt}", f"{site}/actions/runs/{run}/attempts/{attempt}"))
    if notice.tagged and notice.occasion in ("succeeded", "rollback"):
        found.append(Link(f"release {notice.release}", f"{site}/releases/tag/{notice.release}"))
    return tuple(found)


def _notice(
    event: Event, where: str, occasion: Occasion, tone: Tone, title: str, *, first: bool = False
) -> Notice:
    more = len(event.report) - _LINES
    return Notice(
        occasion=occasion,
        tone=tone,
        title=title,
        pipeline=event.pipeline,
        stage=event.stage,
        release=event.label,
        tagged=event.release is not None and event.release.tag is not None,
        at=event.at,
        facts=_known(
            ("who", _who(event)),
            ("approved by", ", ".join(event.approvers)),
            ("where", where),
            ("why", event.failure),
            ("reason", event.reason),
            ("verdict", verdict(event.judged) or ("every smoke test has passed" if tone == "good" else None)),
            ("held from now on", event.hold),
            ("record", event.path),
        ),
        left=(
            *map(shown, event.report[:_LINES]),
            *([f"{more} more, all of them in the record"] if more > 0 else []),
        ),
        commands=_commands(event, occasion, first=first),
    )


def verdict(judged: Sequence[Judged]) -> str | None:
    """What the last look at a canary has seen, in one line. None: nothing was judged."""
    if not judged:
        return None
    worst = min(judged, key=lambda one: ("fail", "inconclusive", "pass").index(one.verdict))
    if worst.verdict != "pass":
        others = sum(one.verdict == worst.verdict for one in judged) - 1
        more = f", and {others} more" if others else ""
        return f"{worst.verdict}: {worst.function} in {worst.region} at {worst.percent} %: {worst.why}{more}"
    canary = f"{sum(one.canary_bad for one in judged):,} of {sum(one.canary_calls for one in judged):,}"
    stable = f"{sum(one.stable_bad for one in judged):,} of {sum(one.stable_calls for one in judged):,}"
    return f"pass: {canary} calls of the new versions failed, {stable} of the stable ones"


def _commands(event: Event, occasion: Occasion, *, first: bool) -> tuple[tuple[str, str], ...]:
    stage, pipeline, reason = event.stage, f"--pipeline {event.pipeline}", "--reason TEXT"
    back = ("to take it back", f"release rollback {stage} {pipeline} {reason}")
    look = ("to look", f"release status {stage} {pipeline}")
    match occasion:
        case "succeeded":
            return (look,) if first else (back,)
        case "rollback":
            return (("to let promotions in again", f"release unhold {stage} {pipeline} {reason}"),)
        case "held":
            return (
                ("to go on, when that has changed", f"release advance {stage} {pipeline}"),
                ("to take it back", f"release abort {stage} {pipeline} {reason}"),
            )
        case "failed" | "waiting" | "drift":
            return (look, back) if event.outcome == "stranded" else (look,)
        case _:  # pragma: no cover
            assert_never(occasion)


def _who(event: Event) -> str:
    return event.actor + (f", run {event.run}" if event.run else "")


def _known(*facts: tuple[str, str | None]) -> tuple[tuple[str, str], ...]:
    return tuple((name, shown(value).strip()) for name, value in facts if value)
