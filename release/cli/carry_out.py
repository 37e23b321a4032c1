"""Plan → show → ask → apply → say how it ended: the same for every verb that moves a release."""

import signal
from typing import TYPE_CHECKING

from release.cli.context import confirm
from release.cli.main import show_error
from release.cli.output import progress, show, show_json
from release.errors import (
    Conflict,
    ExitCode,
    ForeignChange,
    GateClosed,
    ReleaseError,
    RolloutFailed,
    Stranded,
)
from release.views.plan import plan_json, plan_text
from release.views.status import bring_the_rest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    from release.apply import Tools
    from release.core.plan import Plan
    from release.promotion import Draft
    from release.wire import Wiring


def carry_out(
    wired: "Wiring",
    draft: "Draft",
    *,
    yes: bool,
    as_json: bool,
    wait: "timedelta | None" = None,
    tools: "Tools | None" = None,
    tell: "Callable[[Mapping[str, object]], None]" = show_json,
) -> int:
    """Carry out a draft. Returns the exit code; raises what left the world unchanged.

    `tell`: who gets the JSON document of how it ended, where one is asked for.
    """
    from release.apply import WAIT, apply
    from release.core.holding import Busy, Continue
    from release.promotion.gates import check_again

    plan = draft.plan
    if not as_json:
        show(plan_text(plan))
    refuse_blocked(draft)
    if draft.nothing is not None:
        nothing = {"outcome": "nothing", "stage": plan.stage, "why": draft.nothing}
        held = draft.state.head(plan.pipeline, plan.stage).held
        _say(tell if as_json else None, nothing, f"{draft.nothing}{_held(plan) if held else ''}")
        return ExitCode.DONE
    if isinstance(draft.hold, Busy):
        raise Conflict(
            draft.hold.what, fix=f"wait until it has ended, or: release abort {plan.stage} --reason TEXT"
        )
    confirm(f"{plan.verb} {plan.release.label} in {plan.stage}?", yes=yes, in_ci=wired.in_ci)
    if not isinstance(draft.hold, Continue):  # what was begun was let in
        check_again(wired.ledger, draft.pipelines, plan, wired.clock)
    # A workflow run that is cancelled gets SIGTERM: it ends like Ctrl-C, and lets go of the stage.
    signal.signal(signal.SIGTERM, _interrupt)
    applied = apply(
        plan,
        draft.wanted,
        draft.hold,
        draft.dead,
        draft.state,
        tools=wired.tools(draft.pipelines) if tools is None else tools,
        who=wired.who(),
        progress=progress,
        wait=WAIT if wait is None else wait,
        failed=draft.failed,
    )
    if applied.paused is not None:
        return under_way(
            applied.paused.why,
            applied.paused.next_at,
            as_json=as_json,
            stage=plan.stage,
            record=applied.event.path,
            tell=tell,
        )
    if applied.failure is None:
        label = applied.event.label
        _say(
            tell if as_json else None,
            {
                "outcome": "succeeded",
                "stage": plan.stage,
                "tag": plan.release.tag,
                "commit": plan.release.commit,
                "record": applied.event.path,
            },
            f"{_where(plan)} serves {label}{_held(plan)}{_rest(plan)}",
        )
        return ExitCode.DONE
    if as_json:
        told = {"outcome": applied.event.outcome, "stage": plan.stage, "record": applied.event.path}
        tell(told | {"plan": plan_json(plan)})
    ended = _ending(applied.event.report, applied.failure, plan.stage)
    show_error(ended)
    return ended.exit_code


def under_way(
    why: str,
    next_at: "datetime | None",
    *,
    as_json: bool,
    stage: str,
    record: str | None = None,
    tell: "Callable[[Mapping[str, object]], None]" = show_json,
) -> int:
    """Say what is waited for, and who goes on. Exit code 7."""
    from rich.text import Text

    from release.core.records import stamp

    at = stamp(next_at) if next_at else None
    if as_json:
        tell({"outcome": "under way", "stage": stage, "why": why, "next_at": at, "record": record})
    else:
        when = f"not before {at}" if at else "when that has changed"
        show(
            [
                Text.assemble((f"{stage} is under way: ", "bold yellow"), why),
                Text(f"  next: release advance {stage}, {when}"),
                Text(f"  back: release abort {stage} --reason TEXT"),
            ]
        )
    return ExitCode.UNDER_WAY


def _where(plan: "Plan") -> str:
    return f"{', '.join(plan.regions)} of {plan.stage}" if plan.regions else plan.stage


def _rest(plan: "Plan") -> str:
    """How the other regions follow, where some were left behind."""
    if not plan.regions:
        return ""
    return f"; when the other regions are back: {bring_the_rest(plan.verb, plan.stage, plan.release.label)}"


def _held(plan: "Plan") -> str:
    """A rollback keeps others out until a person lets them in again."""
    if plan.verb != "rollback":
        return ""
    return f", and is held: release unhold {plan.stage} --reason TEXT lets promotions in again"


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def refuse_blocked(draft: "Draft") -> None:
    """Raises GateClosed with the first blocker when there is any; the plan has shown them all."""
    blockers = draft.plan.blockers
    if blockers:
        more = f" (and {len(blockers) - 1} more)" if len(blockers) > 1 else ""
        raise GateClosed(
            f"{draft.plan.stage} is closed: {blockers[0].message}{more}",
            fix=blockers[0].fix,
            details=[f"{blocker.code}: {blocker.message}" for blocker in blockers[1:]],
        )


def _ending(report: tuple[str, ...], failure: ReleaseError, stage: str) -> ReleaseError:
    if report:
        return Stranded(
            f"{failure.cause}; and not everything went back",
            fix=f"a person must look: `release status {stage}`, then promote or roll back again",
            details=[*failure.details, *report],
        )
    back = (
        "what we had moved is back" if isinstance(failure, ForeignChange) else "what served before serves now"
    )
    return RolloutFailed(
        f"{failure.cause}; {back}",
        fix=failure.fix,
        see=failure.see,
        details=failure.details,
    )


def _say(
    tell: "Callable[[Mapping[str, object]], None] | None", data: "Mapping[str, object]", text: str
) -> None:
    from rich.text import Text

    if tell is not None:
        tell(data)
    else:
        show([Text(text, style="bold green")])
