"""Faults and calls of a sandbox, as people read them. Rules and calls are what the sandbox tells of them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType


def faults_text(faults: Iterable[Mapping[str, Any]]) -> "Iterator[RenderableType]":
    """A line for each rule: what it meets, when it fires, what it does, how often it met and fired."""
    from release.views.tables import table

    rows = table("id", "meets", "fires", "does", "met", "fired", wide=("meets", "does"))
    for fault in faults:
        rule = fault["rule"]
        counts = str(fault["met"]), str(fault["fired"])
        rows.add_row(str(fault["id"]), meets(rule), fires(rule), does(rule), *counts)
    yield rows if rows.row_count else "no fault is set"


def fault_line(rule: Mapping[str, Any]) -> str:
    """A rule in one line."""
    return f"{meets(rule)}: {does(rule)}, {fires(rule)}"


def meets(rule: Mapping[str, Any]) -> str:
    """Which calls."""
    words = [rule.get("service", ""), rule.get("method", ""), rule.get("operation", "")]
    text = " ".join(filter(None, words)) or "every call"
    if "stack" in rule:
        text = f"stack resources like {rule['stack']}"
    for word, key in (("on", "resource"), ("at", "path"), ("in", "region"), ("of", "account")):
        text += f" {word} {rule[key]}" if key in rule else ""
    return text


def fires(rule: Mapping[str, Any]) -> str:
    """When."""
    if "nth" in rule:
        text = f"call {rule['nth']} only"
    else:
        text = {None: "always", 1: "once"}.get(rule.get("times"), f"{rule.get('times')} times")
        text += f" after {rule['skip']} calls" if "skip" in rule else ""
    if "probability" not in rule:
        return text
    chance = f"by chance ({rule['probability']:g})"
    return chance if text == "always" else f"{text}, {chance}"


def does(rule: Mapping[str, Any]) -> str:
    """What becomes of the call."""
    parts = []
    if "stack" in rule:
        parts.append("fails")
    if rule.get("when") == "after":
        parts.append("carried out")
    if rule.get("latency_ms"):
        parts.append(f"{rule['latency_ms']:g} ms late")
    if rule.get("hold"):
        parts.append("held")
    if rule.get("hang"):
        parts.append("no answer")
    if rule.get("close"):
        parts.append("connection closed")
    if "status" in rule or "code" in rule:
        parts.append(" ".join(str(rule[key]) for key in ("status", "code") if key in rule))
    return ", ".join(parts)


def call_line(call: Mapping[str, Any]) -> str:
    """A call in one line; the status is a dash while nobody was answered."""
    where = f"{call['account'] or '-':<12} {call['region'] or '-':<10}"
    what = (
        f"{call['service']} {call['operation']}" if call["operation"] else f"{call['method']} {call['path']}"
    )
    status = str(call["status"] or "-")
    fault = f"  fault {call['fault']}" if call["fault"] else ""
    return (
        f"{call['number']:>5}  {status:<3}  {where}  {what:<38}  {' '.join(call['resources'])}".rstrip()
        + fault
    )
