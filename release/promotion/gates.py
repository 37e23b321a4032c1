"""What closes a stage to a release: reads the facts that its gates ask for, and lets core decide.

Gates are asked when a release enters a stage. What was let in before may be finished and done again; only a
hold, or a person's quarantine, stops that as well. A rollback is asked nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from release.core.blockers import Blocker
from release.core.decisions import closed_by_people
from release.core.eyes import NOBODY, Starters
from release.core.gates import Acceptance, GateFacts, alarms_clear, closed_by_time, closed_gates, has_gate
from release.core.gates_passed import let_in_before, passed_alarms, passed_gates
from release.core.models import Pipelines, Place, Stage
from release.core.plan import Plan
from release.core.records import Accepted, Good, Passed, ReleaseRef, StageHead, Verb, moment, restores
from release.core.tags import Facts
from release.core.versions import Next
from release.errors import GateClosed
from release.ports import Clock, Ledger, Metrics, Repo
from release.promotion.setup import Setup
from release.promotion.stated import stated


@dataclass(frozen=True, slots=True)
class Asked:
    """What a stage says to a release: why it is closed to it, or what its gates went by."""

    closed: tuple[Blocker, ...]
    passed: tuple[Passed, ...] | None = None  # None: a gate is closed, or none was asked


def promotion_gates(repo: Repo, setup: Setup, stage: Stage, answer: Next, facts: Facts) -> Asked:
    """What a stage says to the release that the version rules have answered, beside what these say."""
    source, runs = facts.source, facts.runs
    manifest = source.manifest if source is not None and source.commit == answer.commit else ""
    older = runs and runs.version and answer.version and answer.version < runs.version
    name = (runs.tag or runs.commit[:10]) if runs else None
    found = _ask(
        repo,
        setup,
        stage,
        "promote",
        ReleaseRef(answer.commit or "", manifest, answer.tag),
        older_than=name if older else None,
        loses=None if facts.keeps_running else name,
    )
    said = {blocker.code for blocker in answer.blockers}
    return Asked(tuple(one for one in found.closed if one.code not in said), found.passed)


def deployment_gates(repo: Repo, setup: Setup, stage: Stage, commit: str) -> Asked:
    """What a stage without tags says to a commit, beside the rules about what runs there."""
    return _ask(repo, setup, stage, "deploy", ReleaseRef(commit, ""))


def _ask(
    repo: Repo,
    setup: Setup,
    stage: Stage,
    verb: Verb,
    release: ReleaseRef,
    *,
    older_than: str | None = None,
    loses: str | None = None,
) -> Asked:
    head = setup.head(stage.name)
    people = closed_by_people(head, release.commit)
    if not release.commit or setup.offline:
        return Asked(people)
    earlier = _let_in_by(head, verb, release)
    if earlier is not None:
        return Asked(people, let_in_before(stage, earlier))
    before = setup.head(stage.after) if stage.after else None
    people = (*people, *_taken_back(before, release))
    if not stage.gates:
        return Asked(people, ())
    if setup.asking is None:
        raise AssertionError(f"{stage.name} has gates, and nobody has said who asks, and when")
    good = _passed(before, release) if before else None
    runs_now = before is not None and good is not None and good == before.serves
    signed = [one for one in before.accepted if good and _signs(one, good)] if before else []
    runs = head.serves.release if head.serves else None
    passed = [(one.stage, _passed(one, release)) for one in setup.before(stage)]
    facts = GateFacts(
        now=setup.asking.now,
        release=good.release.label if good else release.label,
        since=moment(good.at) if good and runs_now else None,
        beside=_beside(before, good.release) if before and good else None,
        asker=setup.asking.asker if _asks_for_people(stage) else NOBODY,
        starters=_starters(repo, setup, good) if good and has_gate(stage, "four_eyes") else Starters(),
        missing=tuple(name for name, success in passed if success is None),
        older_than=older_than,
        loses=loses,
        acceptance=_acceptance(signed[-1]) if signed else None,
        commit=release.commit,
        runs=runs.label if runs else None,
        runs_commit=runs.commit if runs else None,
        record=good.record if good and runs_now else None,
        passed=tuple((name, success.record) for name, success in passed if success is not None),
    )
    closed = (*people, *closed_gates(stage, facts))
    return Asked(closed, None if closed else passed_gates(stage, facts))


def _asks_for_people(stage: Stage) -> bool:
    return has_gate(stage, "four_eyes") or has_gate(stage, "signed_off")


def _acceptance(accepted: Accepted) -> Acceptance:
    return Acceptance(accepted.actor, accepted.run, accepted.at, accepted.record, accepted.known)


def _taken_back(before: StageHead | None, release: ReleaseRef) -> tuple[Blocker, ...]:
    """What is on its way out of the stage before, some regions first, goes no further."""
    if before is None or before.serves is None or before.partial is None or before.partial.back is None:
        return ()
    if before.serves.release.commit != release.commit:
        return ()
    label, regions = before.serves.release.label, ", ".join(before.partial.regions)
    return (
        Blocker(
            "taken-back",
            f"{label} was rolled back in {regions} of {before.stage}, to {before.partial.back.label}",
            f"finish that (release rollback {before.stage} --reason TEXT), or bring a fix through"
            f" {before.stage}",
        ),
    )


def asked_later(stage: Stage) -> tuple[str, ...]:
    """Warnings about gates of a stage that are asked when it is planned: they read AWS."""
    if not has_gate(stage, "alarms_clear"):
        return ()
    return (f"the gate alarms_clear of {stage.name} is asked when a promotion is planned: it reads AWS",)


def alarm_gate(
    metrics: Metrics,
    stage: Stage,
    places: Sequence[Place],
    functions: Collection[str],
    *,
    despite: str | None = None,
) -> Asked:
    """The gate alarms_clear: alarms of these functions, in these places of the stage.

    `despite`: the recorded reason for which they do not count. Raises Misconfigured, Unavailable.
    """
    if not has_gate(stage, "alarms_clear"):
        return Asked((), ())
    if despite is not None:
        return Asked((), passed_alarms(stage, (), despite=despite))
    states = [
        (f"{alarm.name} in {place.region}", alarm.state)
        for place in places
        for alarm in metrics.alarms_of(place, functions)
    ]
    closed = alarms_clear(stage, [name for name, state in states if state == "ALARM"])
    return Asked(closed, None if closed else passed_alarms(stage, states))


def _let_in_by(head: StageHead, verb: Verb, release: ReleaseRef) -> str | None:
    """The record by which the stage runs exactly this, or was killed or interrupted on its way to it."""
    running, good = head.running, head.serves
    if running is not None and running.verb == verb and _named_alike(running.release, release):
        return running.record
    return good.record if good is not None and _named_alike(good.release, release) else None


def _named_alike(one: ReleaseRef, other: ReleaseRef) -> bool:
    return (one.commit, one.tag) == (other.commit, other.tag)


def _beside(head: StageHead, release: ReleaseRef) -> str | None:
    """Why a stage that serves a release may serve another as well. `_taken_back` is about what goes back."""
    running, partial = head.running, head.partial
    if running is not None and not _same(running.release, release):
        return f"is at work on {running.release.label}"
    if head.stranded is not None:
        return "was left half-way"
    if partial is not None and partial.back is None and not _same(partial.release, release):
        return f"serves {partial.release.label} in {', '.join(partial.regions)}"
    return None


def _passed(head: StageHead, release: ReleaseRef) -> Good | None:
    """The newest success of a release in a stage, as far back as the head remembers."""
    return next((good for good in reversed(head.history) if _same(good.release, release)), None)


def _same(ran: ReleaseRef, release: ReleaseRef) -> bool:
    """The same commit, and the same bytes as far as they are known yet."""
    return ran.commit == release.commit and release.manifest in ("", ran.manifest)


def _signs(accepted: Accepted, good: Good) -> bool:
    return (accepted.commit, accepted.manifest) == (good.release.commit, good.release.manifest)


def _starters(repo: Repo, setup: Setup, good: Good) -> Starters:
    """Who ended the release's way into the stage before, and who began it: a rollout may change hands."""
    people = [(good.actor, good.proof)]
    tag = setup.refs.tags.get(good.release.tag or "")
    # A tag that is not what the ledger knows closes the stage by a rule of its own.
    if tag is not None and tag.annotated and tag.object == good.release.tag_object:
        said = stated(repo, [tag])[tag.name]
        if "Release-Actor" in said:
            actor = said["Release-Actor"]
            # A tag states no more than a run: whose login a token has proven, the ledger says.
            people.append((actor, said.get("Release-Run") or (good.known if actor == good.actor else None)))
    return Starters.named(people)


def refuse_loop(head: StageHead) -> None:
    """Raises GateClosed where a rollback would take back what a rollback has just restored.

    The same command twice, or two people at once, must not go back twice.
    """
    good = head.serves
    if good is None or good.verb != "rollback":
        return
    older = [one.release.label for one in reversed(head.history) if one.release.commit != good.release.commit]
    raise GateClosed(
        f"{head.stage} serves {good.release.label} by the rollback of {good.actor} at {good.at}:"
        " to go back further, say where to",
        fix=f"add --to with one that it ran: {', '.join(older[:5])}"
        if older
        else "promote a fix: it has run nothing older",
    )


def check_again(ledger: Ledger, pipelines: Pipelines, plan: Plan, clock: Clock) -> None:
    """Just before the start: what may have closed a stage since the plan was made, by people or by time.

    What comes even later is seen by the push of the start itself, which a changed head of the stage refuses.
    Raises GateClosed, Unavailable.
    """
    stage = pipelines.pipelines[plan.pipeline].stage(plan.stage)
    if restores(plan.verb) or stage is None:
        return
    state, release = ledger.read(), plan.release
    head = state.head(plan.pipeline, plan.stage)
    closed = closed_by_people(head, release.commit)
    if _let_in_by(head, plan.verb, release) is None:
        closed = (*closed, *closed_by_time(stage, clock.now()))
    if closed:
        raise GateClosed(
            f"{stage.name} has closed since this was planned: {closed[0].message}", fix=closed[0].fix
        )
