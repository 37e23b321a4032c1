"""Tells people what needs one: a rollout that failed, is stranded, or is held for want of a verdict."""

from release.apply.work import Work
from release.core.records import Event
from release.errors import ReleaseError

_TELLS = ("failed", "errored", "stranded")
_LINES = 20  # of what is left: a message of a large fleet would be larger than SNS takes (256 KiB)
_LONGEST_SUBJECT = 100  # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: ASCII, no line breaks


def alert(work: Work, event: Event) -> None:
    """Send an alert where an event needs a person. That it cannot be sent changes nothing: it is said."""
    held = event.kind == "paused" and event.next_at is None
    if not held and event.outcome not in _TELLS:
        return
    what = "held" if held else event.outcome or ""
    subject = f"release: {event.verb} {event.label} to {event.stage} is {what}"
    try:
        plain = subject.encode("ascii", "replace").decode()[:_LONGEST_SUBJECT]
        work.tools.alerts.send(plain, _text(event, what))
    except ReleaseError as error:
        work.say("alert", cause=error.cause)


def _text(event: Event, what: str) -> str:
    """Only what the record has, and what to do."""
    more = len(event.report) - _LINES
    lines = [
        f"{event.verb} of {event.label} to {event.stage} (pipeline {event.pipeline}) is {what}.",
        f"why: {event.failure or 'no reason is known'}",
        *(f"left: {line}" for line in event.report[:_LINES]),
        *([f"left: {more} more, all of them in the record"] if more > 0 else []),
        *([f"held from now on: {event.hold}"] if event.hold else []),
        f"by: {event.actor}" + (f", run {event.run}" if event.run else ""),
        f"when: {event.at}",
        f"record: {event.path}",
        "",
        f"next: release status {event.stage}, release audit show {event.label}",
    ]
    return "\n".join(lines) + "\n"
