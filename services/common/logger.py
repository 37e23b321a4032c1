"""Structured logs that cannot carry personal data.

A list of what is forbidden is always one entry short, so everything here is a list of what is allowed,
whoever logs it:

- a message is a constant in the source of the module that logs it. Whatever was formatted into it, or is no
  text at all, was not: then it is withheld, and `location` tells who should mend it;
- a field has one of the names below and the form that belongs to it. Other fields are dropped, and counted; -
an exception keeps its class and its places in the code. Message, notes and source lines are dropped, because
  databases and parsers put data into them.
"""

import ast
import json
import logging
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePath
from typing import IO, Any, Final

from aws_lambda_powertools.logging import Logger

from common.constants import ErrorCode
from common.settings import LOG_LEVELS, Settings

WITHHELD: Final = "[withheld]"
FRAMES_KEPT: Final = 10
_LARGEST: Final = 10_000_000  # of a number: identities of people have more digits

NUMBERS: Final = frozenset({"count", "duration_ms", "status"})
_ID: Final = r"[A-Za-z0-9_-]{1,64}={0,2}"  # made by AWS: full of digits that look like telephone numbers
_WORD: Final = r"[a-z][a-z0-9_-]{0,63}"
_FAILURES: Final = (
    "Conflict|Denied|Error|Exceeded|Exception|Failed|Failure|Login|NotFound|SlowDown|Throttled|Throttling|Timeout"
    "|Unavailable"
)
TEXTS: Final[Mapping[str, re.Pattern[str]]] = {
    name: re.compile(form)
    for name, form in {
        "cause": rf"[A-Z][a-zA-Z.]{{,79}}(?:{_FAILURES})|Unknown|(?:ORA|DPY)-[0-9]{{4,5}}|TableStatus=[A-Z]+",
        "code": "|".join(ErrorCode),
        "dependency": _WORD,
        "exception_name": r"[A-Za-z_][A-Za-z0-9_]{0,79}",
        "function_version": r"[0-9]{1,12}|\$LATEST",
        "lambda_request_id": _ID,
        "level": "|".join(LOG_LEVELS),
        "location": r"[A-Za-z0-9_.<>]{1,80}:[0-9]{1,6}",
        "method": "CONNECT|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT|TRACE",
        "request_id": _ID,
        "service": _WORD,
        "stage": _WORD,
        "state": r"ok|degraded|down|(?:base|[0-9]{4}) to (?:base|[0-9]{4})",
        "timestamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(?:Z|[+-][0-9]{2}:?[0-9]{2})",
        "xray_trace_id": _ID,
    }.items()
}
# What Powertools adds to a line with an exception; the first one is where `frames` come from.
_OF_EXCEPTIONS: Final = frozenset({"stack_trace", "exception", "exception_notes", "sampling_rate"})


def create_logger(settings: Settings, stream: IO[str] | None = None) -> Logger:
    """A Powertools logger that writes one clean JSON object a line, by default to standard output."""
    logger = Logger(
        service=settings.service,
        level=settings.log_level,
        stream=stream or sys.stdout,
        json_serializer=clean_json,
        use_rfc3339=True,
        utc=True,
        stage=settings.stage,
    )
    logger.addFilter(_keep_constants)
    return logger


def _keep_constants(record: logging.LogRecord) -> bool:
    """Of a message only what stands in the source: what `%s` stands for is left out."""
    said = record.msg if isinstance(record.msg, str) else ""
    record.msg = said if said and said in _constants(record.pathname) else WITHHELD
    record.args = ()
    return True


@cache
def _constants(path: str) -> frozenset[str]:
    """Every text that a module's source says literally. A module without source says nothing."""
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return frozenset()
    in_holes = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    }
    return frozenset(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in in_holes
    )


def clean_json(line: Mapping[str, Any]) -> str:
    """One log line as JSON with allowed fields only; `dropped_fields` counts the others."""
    clean: dict[str, object] = {"message": line.get("message", WITHHELD)}
    clean |= {name: _clean(name, value) for name, value in line.items() if name in NUMBERS | TEXTS.keys()}
    frames = (line.get("stack_trace") or {}).get("frames", ())
    if frames:
        clean["frames"] = [
            f"{PurePath(frame['file']).name}:{frame['line']} {frame['function']}"
            for frame in frames[-FRAMES_KEPT:]
        ]
    if dropped := len(line.keys() - NUMBERS - TEXTS.keys() - _OF_EXCEPTIONS - {"message"}):
        clean["dropped_fields"] = dropped
    return json.dumps(clean, separators=(",", ":"))


def _clean(name: str, value: object) -> object:
    if value is None:
        return None
    if name in NUMBERS:
        small = isinstance(value, int | float) and abs(value) < _LARGEST
        return value if small else WITHHELD
    return value if isinstance(value, str) and TEXTS[name].fullmatch(value) else WITHHELD
