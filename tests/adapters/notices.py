"""Notices as a test makes them, and a server that is told of them."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from release.core.drift import Finding, Kind, StageDrift
from release.core.notices import Notice, awaiting, of_decision, of_drift, of_event
from release.core.records import Decision, Good, Outcome, ReleaseRef, StageHead, Verb
from tests.adapters.loopback import Answer, Asked, answering
from tests.fakes.events import event

# What a person may have typed, or a program have said.
HOSTILE = (
    """it's "fine" <!channel> <!here|x> <@U123> @everyone @channel <at>Ada</at> `id` *b* _i_ [a](http://b) """
    """<https://evil.example|click> & {{DATE(2017-02-14T06:08:39Z)}} ${{ x }} \\ </script> ​ ü 🚀"""
)


def a_notice(**said: Any) -> Notice:
    given: dict[str, Any] = {
        "occasion": "failed",
        "tone": "bad",
        "title": "promote of v1.1.0 to prod failed; what served before serves now",
        "pipeline": "fleet",
        "stage": "prod",
        "release": "v1.1.0",
        "tagged": True,
        "at": "2026-11-21T09:50:00Z",
        "facts": (("who", "ada, run 77.1"), ("why", "the smoke test said no"), ("reason", HOSTILE)),
        "left": (),
        "commands": (("to look", "release status prod --pipeline fleet"),),
    }
    return Notice(**given | said)


@dataclass
class Webhook:
    """A server on loopback: what it was sent, and how it answers."""

    url: str
    asked: list[tuple[str, Any]] = field(default_factory=list)  # path and JSON
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)  # then 200 "ok"
    before: Callable[[], None] = lambda: None
    drips: bool = False  # a byte a time, for ever


@contextmanager
def webhook(path: str) -> Iterator[Webhook]:
    def answer(asked: Asked) -> Answer:
        made.asked.append((asked.path, json.loads(asked.body)))
        made.before()
        status, headers, said = made.answers.pop(0) if made.answers else (200, {}, b"ok")
        return status, headers, _drops() if made.drips else said

    with answering(answer) as url:
        made = Webhook(f"{url}{path}")
        yield made


def _drops() -> Iterator[bytes]:
    for _ in range(200):
        time.sleep(0.05)
        yield b"x"


def every_notice() -> list[Notice]:
    """One of each kind, with all facts that it may have."""
    ended = event(
        "outcome",
        release=ReleaseRef("c" * 40, "m" * 64, "v1.1.0", "f" * 40),
        reason=HOSTILE,
        failure=HOSTILE,
        hold=HOSTILE,
        report=(HOSTILE,) * 12,
        approvers=("grace",),
    )
    ends = [
        replace(ended, outcome=outcome, verb=verb) for outcome in get_args(Outcome) for verb in get_args(Verb)
    ]
    told = [of_event(one, "1 of 1 function in us-east-1") for one in [*ends, replace(ended, kind="paused")]]
    told += [of_decision(replace(ended, kind=kind)) for kind in get_args(Decision)]
    change = {"region": "us-east-1", "changes": True}
    plan = {"verb": "promote", "pipeline": "fleet", "stage": "qa", "tag": None, "commit": "c" * 40}
    plan |= {"changes": [change], "source": "dev", "reason": HOSTILE, "digest": "d" * 64}
    at = "2026-11-21T09:50:01Z"
    told += [awaiting(plan, who="ada", at=at), of_drift(drifted(HOSTILE), at=at)]
    return [one for one in told if one is not None]


def drifted(what: str = "other bytes", *kinds: Kind, release: str = "v1.1.0") -> StageDrift:
    """A stage in which code has drifted, or what these kinds say."""
    ref = ReleaseRef("c" * 40, "m" * 64, release, "f" * 40)
    good = Good(ref, "2026-11-21T09:50:01Z", "ada", "2026/11/a.json", "promote")
    findings = tuple(
        Finding(kind, "orders", "orders-prod", "4", "us-east-1", what, what) for kind in kinds or ("code",)
    )
    harmless = Finding("latest", "orders", "orders-prod", "4", "us-east-1", what, what, harmless=True)
    return StageDrift(StageHead("payments", "prod", serves=good), 1, (*findings, harmless))
