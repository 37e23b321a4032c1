"""Ledgers of any length, written as `git fast-import` reads them: a thousand events take a second."""

import hashlib
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from release.adapters.ledger import BRANCH
from release.core.records import Event, Holder, ReleaseRef, Served, StageHead, advance, promotion_id, stamp

STAGES = ("dev", "qa", "uat", "prod")


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def events(promotions: int, services: int = 3) -> Iterator[Event]:
    """One promotion after the other goes through the stages; each begins and succeeds."""
    fences = dict.fromkeys(STAGES, 0)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(promotions):
        stage = STAGES[number % len(STAGES)]
        fences[stage] += 1
        now += timedelta(minutes=50)
        about: dict[str, Any] = {
            "id": promotion_id(now, "fleet", stage, _hash(number)[:8]),
            "pipeline": "fleet",
            "stage": stage,
            "verb": "promote",
            "release": ReleaseRef(
                _hash("commit", number // 4)[:40],
                _hash("manifest", number // 4),
                f"v1.{number}.0",
                _hash("tag", number)[:40],
            ),
            "actor": "ada",
            "tool": "lambda-release 0.1.0",
            "fence": fences[stage],
        }
        holder = Holder("laptop/boot", 7, "100")
        due = stamp(now + timedelta(minutes=30))
        served = [_served(stage, number + step, services) for step in (0, 4)]
        yield Event("started", at=stamp(now), holder=holder, next_by=due, before=served[0], **about)
        yield Event("outcome", at=stamp(now), outcome="succeeded", after=served[1], **about)


def _served(stage: str, number: int, services: int) -> tuple[Served, ...]:
    return tuple(
        Served(
            f"service-{n:03d}",
            f"service-{n:03d}-{stage}",
            "444444444444",
            "us-east-1",
            str((number + n) // 20 + 1),
            _hash(n, (number + n) // 20),
        )
        for n in range(services)
    )


def write(remote: Path, promotions: int, services: int = 3) -> str:
    """The ledger of a remote, as the ledger's own rules make it. Returns its commit."""
    subprocess.run(
        ["git", "-C", str(remote), "fast-import", "--quiet", "--force"],
        input=b"".join(_stream(promotions, services)),
        check=True,
    )
    asked = ["git", "-C", str(remote), "rev-parse", BRANCH]
    return subprocess.run(asked, check=True, capture_output=True).stdout.decode().strip()


def _stream(promotions: int, services: int) -> Iterator[bytes]:
    heads: dict[str, StageHead] = {}
    there: set[str] = set()
    for event in events(promotions, services):
        head = heads[event.stage] = advance(heads.get(event.stage) or StageHead("fleet", event.stage), event)
        named = frozenset[str]().union(*(each.records for each in heads.values()))
        said = (
            f"{event.verb} {event.release.label} to {event.stage}: {event.outcome or event.kind}\n\n"
            f"Record: {event.path}\nStage: fleet/{event.stage}\n"
            f"Release: {event.release.tag} {event.release.commit}\n"
        ).encode()
        yield f"commit refs/heads/{BRANCH}\ncommitter release <> 1767225600 +0000\n".encode()
        yield b"data %d\n%s" % (len(said), said)
        for path, data in ((event.path, event.to_bytes()), (head.path, head.to_bytes())):
            yield b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data)
        there.add(event.path)
        for path in there - named:
            yield f"D {path}\n".encode()
        there &= named
