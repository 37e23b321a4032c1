"""The comparison with the ledger, and exports of promotions, as people and spreadsheets read them."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from release.core.audited import Audited
from release.core.gates_passed import gates_json
from release.core.promotions import Moved, Promotion, outcome_word
from release.core.records import Event, Passed
from release.views.tables import table

EXPORT_SCHEMA: Final = "lambda-release/audit-export/1"
COLUMNS: Final = (
    "promotion", "pipeline", "stage", "verb", "tag", "commit", "manifest", "source", "started", "ended",
    "duration_seconds", "actor", "run", "reason", "outcome", "failure", "despite_alarms",
    "destructive_migrations", "service", "function", "account", "region", "changed", "lambda_version_before",
    "lambda_version_after", "code_before", "code_after", "tool", "record", "ledger_commit",
    "approvers", "gates",
)  # fmt: skip

_STYLE = {"holds": "green", "mismatch": "bold red", "unread": "yellow", "unchecked": "dim"}
# What a spreadsheet takes for a formula (https://owasp.org/www-community/attacks/CSV_Injection), and the
# full-width signs that it reads as these
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def verified_text(audited: Audited) -> Iterator[RenderableType]:
    """Every check, then what it comes to."""
    rows = table("what", "where", "result", "", wide=("where", ""))
    for check in audited.checks:
        style = _STYLE[check.result]
        rows.add_row(check.subject, check.place, Text(check.result, style=style), check.why)
    yield rows
    counted = {word: sum(check.result == word for check in audited.checks) for word in _STYLE}
    told = ", ".join(f"{count} {word}" for word, count in counted.items() if count)
    style = {"verified": "green", "mismatch": "bold red", "incomplete": "yellow"}[audited.verdict]
    yield Text.assemble((audited.verdict, style), f": {told}")


def csv_lines(promotions: Iterable[Promotion]) -> Iterator[str]:
    """RFC 4180: a heading, then a row for every function of every promotion, or one without a function."""
    yield _csv_line(COLUMNS)
    for promotion in promotions:
        for moved in promotion.functions or (None,):
            yield _csv_line(_cells(promotion, moved))


def _csv_line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow([_cell(one) for one in cells])
    return line.getvalue()


def _cell(value: object) -> str:
    """A text that a spreadsheet shows and does not calculate: an apostrophe stands before a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) or text.startswith(_FORMULA) else text


def _cells(promotion: Promotion, moved: Moved | None) -> Sequence[object]:
    start, release, ended = promotion.start, promotion.release, promotion.outcome
    before = moved.before if moved else None
    after = moved.after if moved else None
    seconds = promotion.duration
    return (
        start.id, start.pipeline, start.stage, start.verb, release.tag, release.commit, release.manifest,
        start.source, start.at, ended.event.at if ended else None,
        int(seconds.total_seconds()) if seconds is not None else None,
        start.actor, start.run, start.reason, outcome_word(promotion), ended.event.failure if ended else None,
        start.despite, start.approved,
        moved.service if moved else None, moved.function if moved else None, moved.account if moved else None,
        moved.region if moved else None, moved.changed if moved else None,
        before.lambda_version if before else None, after.lambda_version if after else None,
        before.code if before else None, after.code if after else None,
        start.tool, (ended.event if ended else start).path,
        ended.commit if ended else promotion.events[-1].commit,
        ", ".join(start.approvers), "\n".join(map(_gate, start.gates or ())),
    )  # fmt: skip


def _gate(passed: Passed) -> str:
    """One line of a cell: the gate, its setting, and what it saw."""
    seen = ", ".join(f"{one.what} {one.value}" for one in passed.seen)
    return f"{passed.gate} ({passed.setting})" + (f": {seen}" if seen else "")


def export_json(
    promotions: Iterable[Promotion], decisions: Iterable[Event], asked: Mapping[str, Any]
) -> Iterator[str]:
    """One JSON document, a promotion or decision a line, so that it is written as it is read."""
    import json

    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)

    yield "{" + f'"schema": {text(EXPORT_SCHEMA)}, "asked": {text(asked)}, "promotions": ['
    comma = "\n"
    for promotion in promotions:
        yield comma + text(promotion_json(promotion))
        comma = ",\n"
    yield '\n], "decisions": ['
    comma = "\n"
    for event in decisions:
        yield comma + text(decision_json(event))
        comma = ",\n"
    yield "\n]}\n"


def promotion_json(promotion: Promotion) -> dict[str, Any]:
    """A promotion as exports show it: its two ends, its functions, and its records with their commits."""
    start, ended = promotion.start, promotion.outcome
    seconds = promotion.duration
    return {
        "promotion": start.id,
        "pipeline": start.pipeline,
        "stage": start.stage,
        "verb": start.verb,
        "tag": promotion.release.tag,
        "commit": promotion.release.commit,
        "manifest": promotion.release.manifest,
        "source": start.source,
        "started": start.at,
        "ended": ended.event.at if ended else None,
        "duration_seconds": int(seconds.total_seconds()) if seconds is not None else None,
        "actor": start.actor,
        "run": start.run,
        "known": start.known,
        "reason": start.reason,
        "outcome": outcome_word(promotion),
        "superseded_by": promotion.superseded_by,
        "failure": ended.event.failure if ended else None,
        "left": list(ended.event.report) if ended else [],
        "despite_alarms": start.despite,
        "destructive_migrations": start.approved,
        "approvers": list(start.approvers),
        "gates": gates_json(start.gates),
        "notes": [note for one in promotion.events for note in one.event.notes],
        "functions": [_function_json(moved) for moved in promotion.functions],
        "tool": start.tool,
        "records": [{"path": one.event.path, "commit": one.commit} for one in promotion.events],
    }


def _function_json(moved: Moved) -> dict[str, Any]:
    def served(one: Any) -> Any:
        return {"lambda_version": one.lambda_version, "code": one.code} if one else None

    return {
        "service": moved.service,
        "function": moved.function,
        "account": moved.account,
        "region": moved.region,
        "changed": moved.changed,
        "before": served(moved.before),
        "after": served(moved.after),
    }


def decision_json(event: Event) -> dict[str, Any]:
    """A decision as exports show it."""
    return {
        "at": event.at,
        "stage": event.stage,
        "what": event.kind,
        "release": event.label,
        "actor": event.actor,
        "run": event.run,
        "reason": event.reason,
    }


def report(
    promotions: Iterable[Promotion], decisions: Iterable[Event], asked: Mapping[str, Any]
) -> Mapping[str, Any]:
    """What the HTML report shows: all of it in memory, because people read a summary first."""
    listed = [promotion_json(one) for one in promotions]
    counts = Counter((one["stage"], one["verb"], one["outcome"]) for one in listed)
    return {
        "asked": asked,
        "counts": sorted(counts.items()),
        "promotions": listed,
        "decisions": [decision_json(one) for one in decisions],
    }
