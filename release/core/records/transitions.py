"""How an event moves the head of its stage, and which events do not fit it."""

from dataclasses import replace
from typing import assert_never, cast, get_args

from release.core.records.event import Decision, Event, ReleaseRef, Verb, restores
from release.core.records.head import HISTORY, Accepted, Good, Held, Partial, Quarantined, Running, StageHead


class IllegalEvent(ValueError):
    """An event that does not fit the head: terminal states are write-once, a lost fence writes nothing."""


def advance(head: StageHead, event: Event) -> StageHead:
    """The head after an event. Raises IllegalEvent."""
    if event.kind in get_args(Decision):
        return _decide(head, event)
    if event.kind in ("retire", "retire-ended", "infra", "infra-ended"):
        _refuse_incomplete(head, event)
        return replace(head, last=event.path)  # what serves stays what it is
    if event.kind == "started":
        return _start(head, event)
    running = head.running
    if running is None or running.id != event.id:
        raise IllegalEvent(f"{event.stage} is not at work on {event.id}")
    if event.kind == "taken-over":
        if event.fence != head.fence + 1 or event.holder is None or event.next_by is None:
            raise IllegalEvent(f"the hold of {event.stage} was lost: fence {event.fence} after {head.fence}")
        taken = replace(
            running,
            holder=event.holder,
            next_by=event.next_by,
            record=event.path,
            paused=None,
            next_at=None,
        )
        return replace(head, fence=event.fence, running=taken, last=event.path)
    if event.fence != head.fence:
        raise IllegalEvent(f"the hold of {event.stage} was lost: fence {event.fence}, now {head.fence}")
    if event.kind == "abort":
        return _ask_to_abort(head, event)
    if event.kind == "shifted":
        if event.wave is None or event.next_by is None:
            raise IllegalEvent("a shift without its wave, or without a time to hear of it again")
        return replace(
            head, running=replace(running, wave=event.wave, next_by=event.next_by), last=event.path
        )
    # Interrupted or paused: whoever comes next, on whatever machine, need not wait for `next_by`.
    if event.kind == "let-go":
        return replace(head, running=replace(running, next_by=event.at), last=event.path)
    if event.kind == "paused":
        why = event.failure or "the bake has not ended"
        paused = replace(running, next_by=event.at, paused=why, next_at=event.next_at)
        return replace(head, running=paused, last=event.path)
    return _end(head, event)


def _refuse_incomplete(head: StageHead, event: Event) -> None:
    if event.verb == "retire" and not (event.reason and event.services):
        raise IllegalEvent("a retirement without a reason, or without its service")
    if event.verb == "infra" and not (event.services and event.release):
        raise IllegalEvent("stacks that change, without their services, or the release of their templates")
    if event.kind == "infra" and head.running is not None:
        raise IllegalEvent(f"{event.stage} is at work on {head.running.id}")
    if event.kind.endswith("-ended") and event.outcome is None:
        raise IllegalEvent(f"the end of {event.id}, without an outcome")


def _start(head: StageHead, event: Event) -> StageHead:
    if head.running is not None and head.running.id not in event.supersedes[:1]:
        raise IllegalEvent(f"{event.stage} is at work on {head.running.id}")
    if head.running is None and event.supersedes:
        raise IllegalEvent(f"{event.stage} is not at work on {event.supersedes[0]}")
    if event.fence != head.fence + 1 or event.holder is None or event.next_by is None:
        raise IllegalEvent(f"a start of {event.stage} with fence {event.fence} after {head.fence}")
    if head.held is not None and not restores(event.verb):
        raise IllegalEvent(f"{event.stage} is held: {head.held.why}")
    running = Running(
        id=event.id,
        verb=_verb(event),
        release=_release(event),
        actor=event.actor,
        at=event.at,
        record=event.path,
        holder=event.holder,
        next_by=event.next_by,
        services=event.services,
        regions=event.regions,
        course=event.course,
    )
    begun = replace(head, fence=event.fence, running=running, abort=None, last=event.path)
    return _hold(begun, event)


def _hold(head: StageHead, event: Event) -> StageHead:
    """With the hold that the event asks for; one that is there already keeps its reason."""
    if event.hold is None or head.held is not None:
        return head
    return replace(head, held=Held(event.at, event.actor, event.hold, event.path))


def _decide(head: StageHead, event: Event) -> StageHead:
    why = event.reason
    if not why:
        raise IllegalEvent(f"{event.kind} without a reason")
    decided = replace(head, last=event.path)
    if event.kind == "hold":
        if head.held is not None:
            raise IllegalEvent(f"{event.stage} is held already: {head.held.why}")
        return replace(decided, held=Held(event.at, event.actor, why, event.path))
    if event.kind == "unhold":
        if head.held is None:
            raise IllegalEvent(f"{event.stage} is not held")
        return replace(decided, held=None)
    release = _release(event)
    others = tuple(item for item in head.quarantined if item.commit != release.commit)
    signed = tuple(item for item in head.accepted if item.commit != release.commit)
    if event.kind == "clear":
        if len(others) == len(head.quarantined):
            raise IllegalEvent(f"{release.label} is not quarantined in {event.stage}")
        return replace(decided, quarantined=others)
    if event.kind == "accept":
        if head.serves is None or head.serves.release.commit != release.commit:
            raise IllegalEvent(f"{event.stage} does not serve {release.label}")
        at, actor, run = event.at, event.actor, event.run
        accepted = Accepted(release.commit, release.manifest, at, actor, why, event.path, run, event.known)
        return replace(decided, accepted=(*signed, accepted)[-HISTORY:])
    bad = Quarantined(release.commit, event.at, why, release.tag, event.actor)
    return replace(decided, accepted=signed, quarantined=(*others, bad))


def _release(event: Event) -> ReleaseRef:
    if event.release is None:
        raise IllegalEvent(f"{event.kind} of {event.stage} without a release")
    return event.release


def _verb(event: Event) -> Verb:
    if event.verb not in get_args(Verb):
        raise IllegalEvent(f"{event.kind} of {event.stage} by the verb {event.verb}")
    return cast(Verb, event.verb)


def _ask_to_abort(head: StageHead, event: Event) -> StageHead:
    if not event.reason:
        raise IllegalEvent("a request to abort without a reason")
    if head.abort is not None:  # a second request would overwrite the file of the first
        raise IllegalEvent(f"{event.stage} was asked to abort already: {head.abort}")
    # Who rolls back asks for both at once: what waits its turn must not begin when the stage is free.
    return _hold(replace(head, abort=event.reason, last=event.path), event)


def _end(head: StageHead, event: Event) -> StageHead:
    ended = _hold(replace(head, running=None, abort=None, last=event.path), event)
    release = _release(event)
    commit = release.commit
    without = tuple(item for item in head.quarantined if item.commit != commit)
    match event.outcome:
        case "succeeded":
            if event.services is not None:
                # Some services alone: the last whole release still counts as what runs, by this record.
                serves = replace(head.serves, record=event.path) if head.serves else None
                return replace(ended, serves=serves)
            if event.regions is not None:
                why = event.reason or ""
                # What an earlier one has moved elsewhere is not what the whole stage serves either.
                earlier = head.partial.regions if head.partial else ()
                regions = tuple(dict.fromkeys([*earlier, *event.regions]))
                back = release if event.verb == "rollback" else head.partial.back if head.partial else None
                left = Partial(release, regions, event.at, event.actor, why, event.path, back)
                return replace(ended, partial=left)
            good = Good(release, event.at, event.actor, event.path, _verb(event), event.run, event.known)
            history = head.history
            if event.verb == "rollback":
                # What a rollback has left behind is no place to roll back to; what is older is.
                known = [old.release.commit for old in history]
                history = history[: known.index(commit)] if commit in known else history
            history = tuple(old for old in history if old.release.commit != commit)
            return replace(
                ended,
                serves=good,
                history=(*history, good)[-HISTORY:],
                # What a person has quarantined, only a person clears.
                quarantined=tuple(one for one in head.quarantined if one.commit != commit or one.actor),
                stranded=None,
                partial=None,
            )
        case "failed" | "stranded":
            why = event.failure or "failed"
            kept = head.quarantine_of(commit)
            bad = kept if kept and kept.actor else Quarantined(commit, event.at, why, release.tag)
            added = (*without, bad)
            half_way = event.path if event.outcome == "stranded" else head.stranded
            return replace(
                ended,
                quarantined=head.quarantined if restores(event.verb) else added,
                stranded=half_way,
            )
        case "errored" | "aborted":
            return ended
        case None:
            raise IllegalEvent("an outcome event without an outcome")
        case _:  # pragma: no cover - the type checker proves that no outcome is missing
            assert_never(event.outcome)
