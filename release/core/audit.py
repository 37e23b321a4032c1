"""`audit.json`: all that is recorded of one promotion of one release, for auditors. Pure.

The same promotion gives the same bytes whenever it is asked for: nothing is in it that came after its end.
The schema is docs/schemas/audit-1.json.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from release.core import canonical
from release.core.gates_passed import gates_json
from release.core.manifest import Manifest
from release.core.promotions import Moved, Promotion, Written, approvals, outcome_word, took_over
from release.core.records import Event, Good, Judged, Served, moment

SCHEMA: Final = "lambda-release/audit/1"
MOST_COMMITS: Final = 1000  # more are counted, not listed: a first release has all of the history

# What git and GitHub write into the subject of a merged pull request
_PULL_REQUEST = re.compile(r"\(#([1-9][0-9]{0,8})\)$|^Merge pull request #([1-9][0-9]{0,8}) ")


@dataclass(frozen=True, slots=True)
class Commits:
    """(id, subject) of what came in since the release before, newest first, and of what went out again."""

    added: Sequence[tuple[str, str]]
    removed: Sequence[tuple[str, str]]  # by a rollback


@dataclass(frozen=True, slots=True)
class StatedTag:
    """The release's tag, as the remote has it."""

    object: str
    trailers: Mapping[str, str]


def audit_bytes(
    promotion: Promotion,
    *,
    about: Iterable[Written],
    tag: StatedTag | None,
    manifest: Manifest,
    commits: Commits,
) -> bytes:
    """The document of a promotion that has ended, as canonical JSON.

    `about`: every event about the release's commit, of all stages, in the order of the ledger; `tag` None:
    the stage has none. Raises ValueError for a promotion without an outcome.
    """
    ended = promotion.outcome
    if ended is None:
        raise ValueError(f"{promotion.start.id} has no outcome")
    start, release = promotion.start, promotion.release
    before = _until_start(about, start)
    source = _source(before, start)
    return canonical.dumps(
        {
            "schema": SCHEMA,
            "promotion": start.id,
            "pipeline": start.pipeline,
            "stage": start.stage,
            "verb": start.verb,
            "release": {
                "tag": release.tag,
                "tag_object": release.tag_object,
                "commit": release.commit,
                "manifest": release.manifest,
                "source": start.source,
                "trailers": dict(tag.trailers) if tag else None,
            },
            "requested": _requested(start),
            "taken_over": took_over(promotion),
            "approvals": [_approval(event) for event in approvals(before, release, pipeline=start.pipeline)],
            "ended": {
                "at": ended.event.at,
                "outcome": outcome_word(promotion),
                "failure": ended.event.failure,
                "left": list(ended.event.report),
            },
            "scope": {
                "services": list(start.services) if start.services is not None else None,
                "regions": list(start.regions) if start.regions is not None else None,
            },
            "served_before": _good(promotion.served_before),
            "commits": _commits(promotion.served_before, commits),
            "artifacts": {
                name: {
                    "artifact": entry.artifact,
                    "content": entry.content,
                    "fingerprint": entry.fingerprint,
                    "size": entry.size,
                    "runtime": entry.runtime,
                    "architecture": entry.architecture,
                    "sbom": entry.sbom,
                    "provenance": entry.provenance,
                }
                for name, entry in manifest.services.items()
            },
            "builder": manifest.builder,
            "functions": [_function(one, promotion) for one in promotion.functions],
            "waves": [_record(wave) for wave in promotion.waves],
            "health": [{"at": at} | _record(judged) for at, judged in promotion.judged],
            "gates": {
                "source": source,
                "soaked_seconds": _soaked(source, start),
                "despite_alarms": start.despite,
                "destructive_migrations": start.approved,
                "approved_plan": start.course,
                # None: pipelines/ of the default branch at that time says which there were.
                "configured": gates_json(start.gates),
            },
            "notes": [note for one in promotion.events for note in one.event.notes],
            "tool": {"started": start.tool, "ended": ended.event.tool},
            "ledger": {
                "before": (tag.trailers.get("Release-Ledger") or None) if tag else None,
                "commit": ended.commit,
                "records": [{"path": one.event.path, "commit": one.commit} for one in promotion.events],
            },
        }
    )


def _requested(start: Event) -> dict[str, Any]:
    """Without the approvers where older versions have not recorded them: old documents keep their bytes."""
    asked = {"actor": start.actor, "run": start.run, "at": start.at, "reason": start.reason}
    known = start.gates is not None or start.approvers
    return asked | _proof(start) | ({"approvers": list(start.approvers)} if known else {})


def _proof(event: Event) -> dict[str, str]:
    return {"known": event.known} if event.known is not None else {}


def pull_requests(subjects: Iterable[str]) -> list[int]:
    """Numbers of the pull requests that subjects of commits name as GitHub writes them."""
    found = (_PULL_REQUEST.search(subject) for subject in subjects)
    return sorted({int(one[1] or one[2]) for one in found if one})


def _until_start(about: Iterable[Written], start: Event) -> Sequence[Written]:
    found = []
    for one in about:
        if one.event.path == start.path:
            break
        found.append(one)
    return found


def _source(before: Sequence[Written], start: Event) -> dict[str, Any] | None:
    """The success by which the release came out of the stage that it comes from."""
    for one in reversed(before):
        event = one.event
        if (
            event.has_brought
            and event.pipeline == start.pipeline
            and event.release is not None
            and start.source in (event.release.tag, event.stage)
        ):
            return {
                "stage": event.stage,
                "tag": event.release.tag,
                "succeeded_at": event.at,
                "actor": event.actor,
                "record": event.path,
            }
    return None


def _soaked(source: dict[str, Any] | None, start: Event) -> int | None:
    return int((moment(start.at) - moment(source["succeeded_at"])).total_seconds()) if source else None


def _approval(event: Event) -> dict[str, Any]:
    return {
        "stage": event.stage,
        "actor": event.actor,
        "run": event.run,
        "at": event.at,
        "reason": event.reason,
        "record": event.path,
    } | _proof(event)


def _good(good: Good | None) -> dict[str, Any] | None:
    if good is None:
        return None
    return {
        "tag": good.release.tag,
        "commit": good.release.commit,
        "manifest": good.release.manifest,
        "since": good.at,
        "record": good.record,
    }


def _commits(before: Good | None, commits: Commits) -> dict[str, Any]:
    listed = {"added": commits.added, "removed": commits.removed}
    return {
        "since": before.release.commit if before else None,
        "count": {name: len(some) for name, some in listed.items()},
        "pull_requests": pull_requests(subject for _, subject in commits.added),
    } | {
        name: [{"id": id, "subject": subject} for id, subject in some[:MOST_COMMITS]]
        for name, some in listed.items()
    }


def _function(moved: Moved, promotion: Promotion) -> dict[str, Any]:
    ended = promotion.outcome
    waves = [wave for wave in promotion.waves if wave.region == moved.region]
    return {
        "service": moved.service,
        "function": moved.function,
        "account": moved.account,
        "region": moved.region,
        "before": _served(moved.before),
        "after": _served(moved.after),
        "changed": moved.changed,
        "first_traffic_at": waves[0].since if waves else None,
        # The last time: whoever was interrupted on the way back may have been followed by one that went on.
        "all_traffic_at": next((wave.since for wave in reversed(waves) if wave.percent == 100), None),
        "recorded_at": ended.event.at if ended else None,
    }


def _served(served: Served | None) -> dict[str, Any] | None:
    return {"lambda_version": served.lambda_version, "code": served.code} if served else None


def _record(value: "Judged | Any") -> dict[str, Any]:
    return {item.name: getattr(value, item.name) for item in fields(value)}
