"""What `release drift` found, for people and for programs."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from release.core.drift import Finding, StageDrift
from release.core.markdown import plain
from release.core.records import moment
from release.views.tables import ago, short

_MOST_FINDINGS: Final = 100  # of a stage, in the summary of a run: 1 MiB of text is its limit


def drift_text(stages: Sequence[StageDrift], now: datetime) -> Iterator[RenderableType]:
    """A line a stage; below it what differs, function by function, with what to do."""
    for number, stage in enumerate(stages):
        if number:
            yield Text()
        yield _verdict(stage)
        for out in stage.out:
            yield _indented(2, ("out of reach", "yellow"), f" {out.region}: {out.why}")
        for (name, region, account), findings in groupby(stage.findings, key=_where):
            yield _indented(2, (name, "bold"), f" in {region} ({account})")
            for finding in findings:
                yield from _finding(finding)
        if stage.last is not None:
            last = stage.last
            what = f"{last.verb} of {last.release.label}, {ago(now, moment(last.at))} by {last.actor}"
            yield _indented(2, ("last record", "dim"), f" {what}: {last.record}")


def _verdict(stage: StageDrift) -> Text:
    name = (f"{stage.head.stage}: ", "bold")
    if stage.last is None:
        return Text.assemble(name, ("nothing", "dim"), ": it has run no release with success")
    compared = f", {stage.functions} {'function' if stage.functions == 1 else 'functions'} compared"
    if stage.drifts:
        many = "1 finding" if len(stage.drifts) == 1 else f"{len(stage.drifts)} findings"
        return Text.assemble(name, ("drift", "bold red"), f": {many}{compared}")
    if stage.out:
        return Text.assemble(name, ("unknown", "yellow"), compared)
    return Text.assemble(name, ("in step", "green"), compared)


def _where(finding: Finding) -> tuple[str, str, str]:
    return (finding.function or finding.service, finding.region, finding.account)


def _finding(finding: Finding) -> Iterator[RenderableType]:
    style = "dim" if finding.harmless else "red"
    yield _indented(4, (finding.kind, style), f": {finding.what}")
    if finding.found is not None:
        yield _indented(6, f"recorded {short(finding.recorded)}, found {short(finding.found)} (sha256)")
    yield _indented(6, ("fix:" if not finding.harmless else "told:", "bold"), f" {finding.fix}")


def _indented(spaces: int, *parts: str | tuple[str, str]) -> RenderableType:
    return Padding(Text.assemble(*parts), (0, 0, 0, spaces), expand=False)


def drift_summary(stages: Sequence[StageDrift]) -> str:
    """For the page of a workflow run, in GitHub's Markdown."""
    lines = []
    for stage in stages:
        name, drifts, out = stage.head.stage, stage.drifts, stage.out
        many = "1 finding" if len(drifts) == 1 else f"{len(drifts)} findings"
        said = many if drifts else "not all could be asked" if out else "in step"
        lines += [f"## Drift of {plain(name)}: {said}", ""]
        lines += [f"- out of reach: {plain(one.region)}: {plain(one.why)}" for one in out]
        lines += [
            f"- **{plain(one.kind)}** of {plain(one.function or one.service)} in {plain(one.region)}:"
            f" {plain(one.what)}<br>fix: {plain(one.fix)}"
            for one in drifts[:_MOST_FINDINGS]
        ]
        if len(drifts) > _MOST_FINDINGS:
            lines.append(f"- {len(drifts) - _MOST_FINDINGS} more, all of them in the log")
        lines.append("")
    return "\n".join(lines) + "\n"


def drift_json(stages: Sequence[StageDrift]) -> list[dict[str, Any]]:
    return [
        {
            "pipeline": stage.head.pipeline,
            "stage": stage.head.stage,
            "drifts": bool(stage.drifts),
            "functions": stage.functions,
            "last_record": _last(stage),
            "out_of_reach": [{"region": one.region, "why": one.why} for one in stage.out],
            "findings": [
                {
                    "kind": one.kind,
                    "service": one.service,
                    "function": one.function or None,
                    "account": one.account,
                    "region": one.region,
                    "what": one.what,
                    "fix": one.fix,
                    "recorded": one.recorded,
                    "found": one.found,
                    "harmless": one.harmless,
                }
                for one in stage.findings
            ],
        }
        for stage in stages
    ]


def _last(stage: StageDrift) -> dict[str, Any] | None:
    last = stage.last
    if last is None:
        return None
    return {
        "verb": last.verb,
        "tag": last.release.tag,
        "commit": last.release.commit,
        "at": last.at,
        "by": last.actor,
        "record": last.record,
    }
