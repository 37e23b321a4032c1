"""Carries out what was found missing, and looks again where an answer was lost."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from release.core.forge.comments import CreateComment, UpdateComment
from release.core.forge.deployments import AddStatus, CreateDeployment, Key
from release.core.forge.facts import ReleaseFacts
from release.core.forge.releases import CreateDraft, DeleteAsset, DeleteDraft, Publish, Upload
from release.core.forge.steps import Part, Step, part_of
from release.errors import AnswerLost, Conflict, Misconfigured, ReleaseError
from release.ports import Forge
from release.record.desk import Desk
from release.record.look import StagePlan

_PATIENCE = (1.0, 2.0, 4.0)  # seconds before each look after the first


@dataclass(slots=True)
class Outcome:
    """What came of one stage."""

    stage: str
    done: list[Step] = field(default_factory=list)
    objections: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refused: dict[Part, ReleaseError] = field(default_factory=dict)


def bring_in_step(
    desk: Desk,
    plan: StagePlan,
    again: Callable[[Collection[str]], StagePlan],
    said: Callable[[Step], None],
) -> Outcome:
    """Carry out a plan, and plan `again` where an answer was lost or somebody else was at the same thing.

    `again` is told of which tags the releases are in doubt.
    What cannot be read, or the token may not do, is left out with all of its part, and reported. Raises
    Unavailable and Conflict.
    """
    outcome = Outcome(plan.stage)
    pauses = iter(_PATIENCE)
    while True:
        outcome.refused |= dict(plan.unread)
        outcome.objections, outcome.notes = plan.objections, plan.notes
        try:
            _Hand(desk.forge, outcome, said).carry_out(plan.steps)
        except (AnswerLost, Conflict):
            pause = next(pauses, None)
            if pause is None:
                raise
            desk.clock.sleep(pause)
            plan = again(_tags(plan.steps))
        else:
            return outcome


def _tags(steps: Sequence[Step]) -> frozenset[str]:
    drafted = {step.wanted.tag for step in steps if isinstance(step, CreateDraft | Publish)}
    return frozenset(
        drafted | {step.tag for step in steps if isinstance(step, Upload | DeleteAsset | DeleteDraft)}
    )


class _Hand:
    """One pass over the steps. Remembers what it has made, for the steps that go on with it."""

    def __init__(self, forge: Forge, outcome: Outcome, said: Callable[[Step], None]) -> None:
        self._forge = forge
        self._outcome = outcome
        self._said = said
        self._deployments: dict[Key, int] = {}
        self._drafts: dict[str, ReleaseFacts] = {}

    def carry_out(self, steps: Sequence[Step]) -> None:
        for step in steps:
            part = part_of(step)
            if part in self._outcome.refused:
                continue
            try:
                self._do(step)
            except Misconfigured as error:
                self._outcome.refused[part] = error
            else:
                self._outcome.done.append(step)
                self._said(step)

    def _do(self, step: Step) -> None:
        releases, pulls = self._forge.releases, self._forge.pulls
        match step:
            case CreateDeployment(wanted=wanted):
                self._deployments[wanted.key] = self._forge.deployments.create(wanted).id
            case AddStatus(key=key, status=status, deployment=known):
                self._forge.deployments.add_status(
                    known if known is not None else self._deployments[key], status
                )
            case CreateDraft(wanted=release):
                self._drafts[release.tag] = releases.create_draft(release)
            case Upload(tag=tag, asset=asset, release=into):
                releases.upload(into if into is not None else self._drafts[tag], asset)
            case Publish(wanted=release, release=draft):
                releases.publish(draft if draft is not None else self._drafts[release.tag].id, release)
            case DeleteAsset(asset=broken):
                releases.delete_asset(broken.id)
            case DeleteDraft(release=second):
                releases.delete_release(second)
            case CreateComment(pull=number, body=body):
                pulls.create_comment(number, body)
            case UpdateComment(comment=comment, body=body):
                pulls.update_comment(comment, body)
            case _:  # pragma: no cover - the type checker proves that no step is missing
                assert_never(step)
