"""What runs before and after traffic moves: migrations of services, and commands that look at the stage."""

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

from release.apply.asking import ask, insist
from release.apply.work import UNDO, Paused, Work, patiently
from release.core import smoke
from release.core.actions import Migrate, Verify
from release.core.fingerprint import service_folder
from release.core.models import Place
from release.errors import ReleaseError, RolloutFailed, Unavailable
from release.ports import Program

_TRIES: Final = 2  # of a function whose answer was lost: a migration is idempotent
_COMMON: Final = "services/common"  # what a service may share with others


def migrate(work: Work, action: Migrate) -> str:
    """Run the migration of one service in one place. Raises RolloutFailed when it says no, and Paused."""
    _may_take(work, action, f"the migration of {action.service}")
    runs = f"function {action.function}" if action.function is not None else shlex.join(action.command)
    what = f"migration of {action.service} in {action.place.region}: {runs}"
    if action.destructive:
        what += f" (destructive, approved: {work.plan.approved or 'when it began'})"
    if action.function is None:
        run = partial(_run_migration, work, action)
    else:
        # In a thread of its own: `all` looks meanwhile whether the stage is still ours.
        run = partial(work.all, [partial(_invoke, work, action, action.function)])
    return f"{runs}, {_timed(work, what, run)}"


def verify(work: Work, action: Verify) -> str:
    """Run one command that looks at the stage. Raises RolloutFailed when it says no, and Paused."""
    words = shlex.join(action.command)
    _may_take(work, action, f"verify: {words}")
    program = Program(
        command=action.command,
        commit=work.plan.release.commit,
        under=(),
        folder="",
        environment=_facts(work) | {"RELEASE_REGIONS": ",".join(place.region for place in work.plan.places)},
        files={"RELEASE_OUTPUTS": json.dumps(_outputs(work), indent=2, sort_keys=True).encode()},
        place=action.place,
        seconds=action.timeout,
    )
    fix = "see its own words; mend the service, or the command, and merge"
    run = partial(_run, work, program, f"verify of {work.plan.stage}: {words}", work.plan.stage, fix)
    return f"{words}, {_timed(work, f'verify: {words}', run)}"


def _may_take(work: Work, action: Migrate | Verify, what: str) -> None:
    """Raises Paused when our credentials could end before it, or an undo after it, has."""
    ends, now = work.tools.functions.credentials_end(action.place), work.tools.clock.now()
    longest = timedelta(seconds=action.timeout)
    if ends is not None and now + longest + UNDO > ends:
        raise Paused(f"{what} may take {longest}, and these credentials end before that", now)


def _timed(work: Work, what: str, run: Callable[[], None]) -> str:
    """How long it took; whatever comes of it is noted for the record."""
    clock = work.tools.clock
    began = clock.now()

    def seconds() -> str:
        return f"{(clock.now() - began).total_seconds():.1f} s"

    try:
        run()
    except ReleaseError:
        work.journal.notes.append(f"{what}, failed after {seconds()}")
        raise
    work.journal.notes.append(f"{what}, {seconds()}")
    return seconds()


def _invoke(work: Work, action: Migrate, function: str) -> None:
    version = action.lambda_version or work.journal.versions[action.place, function]
    stored = work.settings(action.service)
    payload = dict(stored.migration.payload) if stored.migration else {}
    # Judged as a smoke test is, without what is expected of one.
    settings = replace(stored, smoke_critical=(), smoke_expect={})

    def again(_: int, reason: str) -> None:
        said = f"no answer, asked once more: {reason}"
        work.say("step", phase="migrate", name=function, region=action.place.region, detail=said)
        work.journal.notes.append(f"migration of {action.service}: {said}")

    insist(
        partial(
            ask,
            work,
            action.place,
            function,
            version,
            json.dumps(payload, separators=(",", ":")).encode(),
            timeout=action.timeout,
            judge=partial(smoke.judge, settings=settings, lambda_version=version),
        ),
        what=f"the migration of {action.service} ({function}:{version} in {action.place.region})",
        tries=_TRIES,
        again=again,
        mend="mend it and merge; the function's log group says more",
        unheard="look in its log group whether it still runs; then run the same command again",
    )


def _run_migration(work: Work, action: Migrate) -> None:
    folder = service_folder(action.service)
    program = Program(
        command=action.command,
        commit=work.plan.release.commit,
        under=(folder, _COMMON),
        folder=folder,
        environment=_facts(work)
        | {"RELEASE_SERVICE": action.service, "RELEASE_REGIONS": action.place.region},
        files={},
        place=action.place,
        seconds=action.timeout,
    )
    what = f"the migration of {action.service} in {action.place.region}"
    _run(work, program, what, action.service, "see its own words; mend it and merge")


def _run(work: Work, program: Program, what: str, name: str, fix: str) -> None:
    """Raises RolloutFailed when the program says no, Unavailable when its time was up."""
    ended = work.tools.programs.run(
        program, hear=lambda line: work.say("output", name=name, line=line), look=work.check_hold
    )
    if ended.code is None:
        raise Unavailable(
            f"{what} did not end in {timedelta(seconds=program.seconds)} and was stopped",
            fix="make it faster, or give it more time with `timeout:`",
            details=ended.tail,
        )
    if ended.code != 0:
        how = f"exit code {ended.code}" if ended.code > 0 else f"signal {-ended.code}"
        raise RolloutFailed(f"{what} failed: {how}", fix=fix, details=ended.tail or ["it said nothing"])


def _facts(work: Work) -> dict[str, str]:
    plan = work.plan
    return {
        "RELEASE_STAGE": plan.stage,
        "RELEASE_PIPELINE": plan.pipeline,
        "RELEASE_COMMIT": plan.release.commit,
        "RELEASE_TAG": plan.release.tag or "",
    }


def _outputs(work: Work) -> dict[str, dict[str, dict[str, str]]]:
    """What the stacks put out, by service and region: where the stage can be reached from outside."""
    found: dict[str, dict[str, dict[str, str]]] = {name: {} for name in sorted(work.targets)}

    def read(service: str, place: Place) -> None:
        name = work.settings(service).stack
        stack = patiently(work.tools.clock, lambda: work.tools.stacks.stack(place, name))
        found[service][place.region] = dict(stack.outputs) if stack is not None else {}

    places = work.plan.places
    work.all([partial(read, service, place) for service in found for place in places], places=len(places))
    return found
