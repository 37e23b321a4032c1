"""One action at a time. Each may be run again after a crash: what is done already is found and left alone."""

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias, assert_never

from release.apply import hooks
from release.apply.asking import ask, insist
from release.apply.stacks import apply_stack
from release.apply.work import Work
from release.core import smoke
from release.core.actions import (
    Action,
    ApplyStack,
    CreateAlias,
    Migrate,
    PrepareVersion,
    ShiftAlias,
    Verify,
    percent,
)
from release.core.plan import Phase, Step
from release.core.snapshot import serving
from release.errors import ForeignChange, GivenUp, RolloutFailed, Unavailable

_SMOKE_TRIES = 4
_Smoked: TypeAlias = PrepareVersion | CreateAlias | ShiftAlias


def carry_out(work: Work, phase: Phase, steps: Sequence[Step], region: str | None = None) -> None:
    """Carry out steps of one phase beside each other, and say what each did."""
    if steps:
        work.check_hold()
        work.say("phase", phase=phase.value, region=region, count=len(steps))
        places = len({step.action.place for step in steps})
        work.all([partial(_carry_out, work, step) for step in steps], places=places)


def expand(work: Work) -> None:
    """Stacks that others import from before those, and the rest beside each other."""
    steps = work.plan.in_phase(Phase.EXPAND)
    for layer in sorted({_layer(step) for step in steps}):
        carry_out(work, Phase.EXPAND, [step for step in steps if _layer(step) == layer])


def _layer(step: Step) -> int:
    return step.action.layer if isinstance(step.action, ApplyStack) else 0


def one_by_one(work: Work, phase: Phase) -> None:
    """Carry out the steps of a phase one after the other, in the plan's order; the first failure ends it."""
    steps = work.plan.in_phase(phase)
    if steps:
        work.say("phase", phase=phase.value, region=None, count=len(steps))
    for step in steps:
        work.check_hold()
        _carry_out(work, step)


def _carry_out(work: Work, step: Step) -> None:
    detail = perform(work, step.action)
    match step.action:
        case ApplyStack(stack=name) | Migrate(service=name):
            pass
        case Verify():
            name = work.plan.stage
        case PrepareVersion(function=name) | CreateAlias(function=name) | ShiftAlias(function=name):
            pass
    work.say("step", phase=step.phase.value, name=name, region=step.action.place.region, detail=detail)


def perform(work: Work, action: Action) -> str:
    """Carry out one action; returns what it did, in a few words."""
    match action:
        case ApplyStack():
            return _apply_stack(work, action)
        case PrepareVersion():
            return _prepare(work, action)
        case CreateAlias():
            return _create_alias(work, action)
        case ShiftAlias():
            return _shift(work, action)
        case Migrate():
            return hooks.migrate(work, action)
        case Verify():
            return hooks.verify(work, action)
        case _:  # pragma: no cover - the type checker proves that no action is missing
            assert_never(action)


def confirm(work: Work, region: str | None) -> None:
    """What we moved in this region (None: in all) answers through the alias, and is as we left it."""
    moved = _moved(work, region)
    if moved:
        places = len({action.place for action in moved})
        work.all([_Confirm(work, action) for action in moved], places=places)


def still_as_left(work: Work) -> None:
    """No alias was moved by anybody since we confirmed it. Raises ForeignChange.

    What was confirmed last, with nothing after it, is not read again: control calls are few
    (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
    """
    verified = work.plan.in_phase(Phase.VERIFY)
    if work.plan.waves[-1].region is None and not verified:
        return  # all regions moved, and were confirmed, at once
    *earlier, last = work.plan.places
    places = [*earlier, last] if verified or work.plan.in_phase(Phase.ATTACH, last.region) else earlier
    moved = [action for place in places for action in _moved(work, place.region)]
    if moved:
        work.all([partial(_still_ours, work, action) for action in moved], places=len(places))


def _moved(work: Work, region: str | None) -> list[CreateAlias | ShiftAlias]:
    actions = (step.action for step in work.plan.in_phase(Phase.SHIFT, region))
    return [
        action
        for action in actions
        if isinstance(action, CreateAlias | ShiftAlias) and percent(action) == 100
    ]


class _Confirm:
    def __init__(self, work: Work, action: CreateAlias | ShiftAlias) -> None:
        self._work, self._action = work, action

    def __call__(self) -> None:
        work, action = self._work, self._action
        # Read before the smoke test: invocations wait for no budget, so the calls that do keep their pace.
        _still_ours(work, action)
        try:
            _smoke(work, action, action.alias, work.journal.versions[action.place, action.function])
        except Unavailable:
            _still_ours(work, action)  # another version answers because somebody moved the alias: say so
            raise
        work.say(
            "step",
            phase="confirm",
            name=action.function,
            region=action.place.region,
            detail=f"smoke test through {action.alias} ok",
        )


def _apply_stack(work: Work, action: ApplyStack) -> str:
    facts = apply_stack(work, action)
    return f"stack {facts.status.lower().replace('_', ' ')}" if facts else "stack unchanged"


def _prepare(work: Work, action: PrepareVersion) -> str:
    version, how = (action.lambda_version, "recorded") if action.lambda_version else _publish(work, action)
    facts = work.tools.functions.settled(action.place, action.function, version)
    if facts.code != action.artifact:
        raise RolloutFailed(
            f"version {version} of {action.function} in {action.place.region}"
            " holds other bytes than the release",
            fix="build and promote the release again; `release audit show` names its artifact",
        )
    _smoke(work, action, version, version)
    work.journal.versions[action.place, action.function] = version
    return f"version {version} {how}, smoke test ok"


def _publish(work: Work, action: PrepareVersion) -> tuple[str, str]:
    """A version with these bytes and the configuration that `$LATEST` has now: an equal one, or a new one."""
    functions, place, name = work.tools.functions, action.place, action.function
    latest = functions.settled(place, name)
    # Every update makes the next publish a new version, even of equal bytes: look before updating.
    for version in reversed(functions.versions(place, name)):
        if (version.code, version.configuration) == (action.artifact, latest.configuration):
            return version.lambda_version, "reused"
    if latest.code != action.artifact:
        code = work.tools.artifacts.code(action.artifact, place.region)
        functions.update_code(place, name, code, digest=action.artifact, revision=latest.revision)
        # The revision that an update answers goes stale when the update settles.
        latest = functions.settled(place, name)
    version_number = functions.publish(
        place, name, code=action.artifact, revision=latest.revision, description=work.journal.description
    )
    return version_number, "published"


def _create_alias(work: Work, action: CreateAlias) -> str:
    key = (action.place, action.function)
    version = work.journal.versions[key]
    work.journal.tried.add(key)
    try:
        facts = work.tools.functions.create_alias(
            action.place,
            action.function,
            action.alias,
            lambda_version=version,
            description=work.journal.alias_description(version),
        )
    except ForeignChange:
        work.journal.tried.discard(key)  # it was there already: this alias was never ours
        raise
    work.journal.moved[key] = facts.revision
    return f"{action.alias} → version {facts.lambda_version}"


def _shift(work: Work, action: ShiftAlias) -> str:
    key = (action.place, action.function)
    if action.to is not None:
        work.journal.versions[key] = action.to
    version = work.journal.versions[key]
    stable: str = version
    weights: dict[str, float] = {}
    if action.percent < 100 and version != action.before:
        # The stable version stays the primary one until the end: less than a whole move to take back.
        stable, weights = action.before, {version: action.percent / 100}
    work.journal.tried.add(key)
    try:
        facts = work.tools.functions.update_alias(
            action.place,
            action.function,
            action.alias,
            lambda_version=stable,
            revision=work.journal.moved.get(key, action.revision),
            description=work.journal.alias_description(serving(stable, weights)),
            weights=weights,
        )
    except ForeignChange:
        work.journal.tried.discard(key)  # the guard refused it: this alias was never ours
        raise
    work.journal.moved[key] = facts.revision
    if weights:
        return f"{action.alias} version {stable}, {action.percent} % to {version}"
    return f"{action.alias} version {action.before} → {facts.lambda_version}"


def _still_ours(work: Work, action: CreateAlias | ShiftAlias) -> None:
    facts = work.tools.functions.alias(action.place, action.function, action.alias)
    revision = work.journal.moved.get((action.place, action.function))
    # In a region whose last wave is on record, an earlier holder has moved it: what it left has its mark.
    if facts is None or (facts.revision != revision if revision else not work.journal.wrote(facts)):
        now = "gone" if facts is None else f"at version {facts.lambda_version}"
        raise ForeignChange(
            f"somebody else moved {action.alias} of {action.function} in {action.place.region}: it is {now}",
            fix="find out who and why, then promote again",
        )


def probe(work: Work, action: ShiftAlias, lambda_version: str, times: int) -> int:
    """Ask one version so often as a smoke test does. Returns how many of the answers were bad."""
    verdicts = (_smoke_once(work, action, lambda_version, lambda_version) for _ in range(times))
    return sum(not isinstance(verdict, smoke.Passed) for verdict in verdicts)


def _smoke(work: Work, action: _Smoked, qualifier: str, version: str) -> None:
    """Invoke one qualifier until there is a verdict. Raises RolloutFailed on a no, else Unavailable."""
    what = f"the smoke test of {action.function}:{qualifier} in {action.place.region}"

    def again(attempt: int, reason: str) -> None:
        if work.journal.stopping:
            raise GivenUp(f"{what} was not tried again: {reason}", fix="see the rest")
        work.tools.clock.sleep(0.25 * 2**attempt)

    insist(
        partial(_smoke_once, work, action, qualifier, version),
        what=what,
        tries=_SMOKE_TRIES,
        again=again,
        mend="mend the service and merge; the function's log group says more",
        unheard="run the same command again; nothing says that the release is bad",
    )


def _smoke_once(work: Work, action: _Smoked, qualifier: str, version: str) -> smoke.Verdict:
    settings = work.settings(action.service)
    return ask(
        work,
        action.place,
        action.function,
        qualifier,
        smoke.payload(settings),
        timeout=settings.smoke_timeout,
        judge=partial(smoke.judge, settings=settings, lambda_version=version),
    )
