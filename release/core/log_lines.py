"""What functions print, as lines with a level, a message and keys: structured ones, and all others."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# As Lambda's runtime for Python writes what is logged, and what is raised.
# https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
_LAMBDAS = re.compile(r"\[(?P<level>[A-Z]+)\]\t[^\t]*\t[^\t]*\t(?P<message>.*)", re.DOTALL)
_RAISED = re.compile(r"\[(?P<level>ERROR|FATAL)\] (?P<message>.*)", re.DOTALL)
# Said of every line in the same words: time and level have places of their own, the rest is the function's.
_LEFT_OUT = frozenset(
    {"level", "message", "timestamp", "location", "service", "exception", "exception_name", "stack_trace",
     "lambda_request_id", "function_version", "function_arn", "function_memory_size",
     "function_name", "function_request_id", "cold_start",
     "xray_trace_id", "sampling_rate"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Invoked:
    """What one invocation printed."""

    time: float  # seconds since 1970, at its end
    function: str
    version: str
    request_id: str
    failed: bool
    text: str

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Invoked":
        return cls(**document)


@dataclass(frozen=True, slots=True)
class LogLine:
    """`text` is a traceback, or whatever else belongs below the message. `raw` is what was printed."""

    level: str  # INFO, ERROR, …; METRIC for metrics; "" for what says none
    message: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    raw: str = ""


def lines_of(printed: str) -> Iterator[LogLine]:
    """In the order in which they were printed. A line that begins like none is part of the one before."""
    held: list[str] = []
    for line in printed.splitlines():
        document = _document(line)
        if document is None and held and not _begins(line):
            held.append(line)
            continue
        if held:
            yield _plain(held)
        held = []
        if document is None:
            held = [line]
        else:
            yield _structured(document, line)
    if held:
        yield _plain(held)


def _begins(line: str) -> bool:
    """Lambda puts non-breaking spaces before what a traceback goes on with."""
    return bool(line.strip()) and not line[0].isspace() and not line.startswith(("Traceback ", "\xa0"))


def _document(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _structured(document: Mapping[str, Any], raw: str) -> LogLine:
    if "_aws" in document:
        return _metrics(document, raw)
    message = document.get("message", "")
    text = document.get("exception") or document.get("stack_trace") or ""
    keys = {name: value for name, value in document.items() if name not in _LEFT_OUT and value is not None}
    return LogLine(
        str(document.get("level", "")),
        message if isinstance(message, str) else json.dumps(message, ensure_ascii=False),
        keys,
        text if isinstance(text, str) else json.dumps(text, ensure_ascii=False, indent=2),
        raw,
    )


def _metrics(document: Mapping[str, Any], raw: str) -> LogLine:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""
    names = [
        metric.get("Name")
        for directive in document["_aws"].get("CloudWatchMetrics", ())
        for metric in directive.get("Metrics", ())
    ]
    said = {str(name): document.get(name) for name in names}
    return LogLine("METRIC", " ".join(f"{name}={_value(value)}" for name, value in said.items()), raw=raw)


def _value(value: Any) -> str:
    alone = value[0] if isinstance(value, list) and len(value) == 1 else value
    return f"{alone:g}" if isinstance(alone, int | float) else str(alone)


def _plain(lines: list[str]) -> LogLine:
    first, *rest = lines
    raw = "\n".join(lines)
    found = _LAMBDAS.fullmatch(first) or _RAISED.fullmatch(first)
    text = "\n".join(line.replace("\xa0", " ") for line in rest)
    if found is None:
        return LogLine("", first, text=text, raw=raw)
    return LogLine(found["level"], found["message"], text=text, raw=raw)
