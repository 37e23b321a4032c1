"""What a plan file says to the jobs after it, and to people in the summary of a run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from release.core.markdown import plain
from release.core.records import restores

_MOST_ROWS = 200  # https://docs.github.com/en/actions/reference/limits: 1 MiB of summary for a step


@dataclass(frozen=True, slots=True)
class PlanReport:
    """`outputs` for GITHUB_OUTPUT, `summary` in GitHub's Markdown."""

    outputs: Mapping[str, str]
    summary: str


def report(document: Mapping[str, Any], attempt: str) -> PlanReport:
    """From what `release plan --out` wrote. `attempt`: of the run, from 1.

    `go` is "true" when there is something to do and nothing in its way. Raises KeyError, TypeError and
    AttributeError for a document that is no plan.
    """
    plan = document["plan"]
    blockers, nothing = plan["blockers"], document["nothing"]
    label = plan["tag"] or plan["commit"]
    verb, stage = plan["verb"], plan["stage"]
    title = f"{verb} {_short(plan)} {'in' if restores(verb) else 'to'} {stage}"
    outputs = {
        "attempt": attempt,
        "digest": plan["digest"],
        "release": label or "",
        "title": title,
        "go": "true" if not blockers and nothing is None else "false",
    }
    return PlanReport(outputs, "\n".join(_summary(document, plan, title)) + "\n")


def _short(plan: Mapping[str, Any]) -> str:
    return str(plan["tag"] or (plan["commit"] or "nothing")[:10])


def _summary(document: Mapping[str, Any], plan: Mapping[str, Any], title: str) -> Iterator[str]:
    yield f"## {plain(title)}"
    yield ""
    if plan["source"]:
        yield f"- from {plain(plan['source'])}"
    if plan["commit"]:
        yield f"- commit `{plan['commit']}`"
    if plan["reason"]:
        yield f"- reason: {plain(plan['reason'])}"
    yield f"- plan `{plan['digest']}`"
    yield ""
    for blocker in plan["blockers"]:
        yield f"> **Blocked:** {plain(blocker['message'])}<br>fix: {plain(blocker['fix'])}"
        yield ""
    for warning in plan["warnings"]:
        yield f"> Warning: {plain(warning)}"
        yield ""
    if document["nothing"] is not None:
        yield f"**{plain(document['nothing'])}**"
        return
    changes = plan["changes"]
    if changes:
        yield "| function | region | now | next |"
        yield "|---|---|---|---|"
        for change in changes[:_MOST_ROWS]:
            yield _row(change)
        if len(changes) > _MOST_ROWS:
            yield f"\n… and {len(changes) - _MOST_ROWS} more; the artifact of this run has the whole plan."


def _row(change: Mapping[str, Any]) -> str:
    now = change["now"]
    served = f"{plain(now['lambda_version'])} · `{now['code'][:10]}`" if now["code"] else "nothing"
    after = f"`{change['next']['code'][:10]}`" if change["changes"] else "unchanged"
    return f"| {plain(change['function'])} | {plain(change['region'])} | {served} | {after} |"
