"""Structured logs that cannot carry personal data.

A list of forbidden keys is always one key short, so this is a list of allowed ones: any other field is
dropped before the line is written, whoever logs it. Exceptions keep their class and their places in the code;
their message, notes and source lines are dropped, because databases and parsers put data into them.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import PurePath
from typing import IO, Any

from aws_lambda_powertools.logging import Logger

from common.settings import Settings

ALLOWED_FIELDS = frozenset(
    {
        "code",
        "cold_start",
        "count",
        "dependency",
        "cause",
        "duration_ms",
        "exception_name",
        "function_version",
        "lambda_request_id",
        "level",
        "location",
        "message",
        "method",
        "request_id",
        "service",
        "stage",
        "state",
        "status",
        "timestamp",
        "xray_trace_id",
    }
)
# Made by AWS and full of digits that look like telephone numbers: passed when they have the form of an id.
_IDS = frozenset({"request_id", "lambda_request_id", "xray_trace_id"})
_ID = re.compile(r"[A-Za-z0-9=_-]{1,64}")
WITHHELD = "[withheld]"
LONGEST_TEXT = 300
FRAMES_KEPT = 10

# Second line of defence, for text that somebody formatted data into.
_PERSONAL = re.compile(
    r"""
      [\w.+-]+@[\w-]+(\.[\w-]+)+                     # e-mail address
    | \beyJ[\w-]{8,}(\.[\w-]+){1,2}                  # JSON web token
    | \b(bearer|basic)\s+[\w.~+/=-]+                 # authorization header
    | \b\d{3}-\d{2}-\d{4}\b                          # social security number
    | \+?\b(\d[ .-]?){9,18}\d\b                      # telephone and card numbers
    | (?<=[?&])[\w.%-]+=[^&\s]+                      # query string
    | \b(password|passwd|pwd|secret|token|ssn|api[_-]?key)\b\s*[=:]\s*\S+
    | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)                # credentials in an address
    """,
    re.VERBOSE | re.IGNORECASE,
)


def create_logger(settings: Settings, stream: IO[str] | None = None) -> Logger:
    """A Powertools logger that writes one clean JSON object a line, by default to standard output."""
    return Logger(
        service=settings.service,
        level=settings.log_level,
        stream=stream or sys.stdout,
        json_serializer=clean_json,
        use_rfc3339=True,
        utc=True,
        stage=settings.stage,
    )


def clean_json(line: Mapping[str, Any]) -> str:
    """One log line as JSON with allowed fields only; `dropped_fields` counts the others."""
    clean = {name: _clean(name, value) for name, value in line.items() if name in ALLOWED_FIELDS}
    frames = (line.get("stack_trace") or {}).get("frames", ())
    if frames:
        clean["frames"] = [
            f"{PurePath(frame['file']).name}:{frame['line']} {frame['function']}"
            for frame in frames[-FRAMES_KEPT:]
        ]
    known = {"exception", "exception_notes", "stack_trace", "sampling_rate"}
    if dropped := len(line.keys() - ALLOWED_FIELDS - known):
        clean["dropped_fields"] = dropped
    return json.dumps(clean, separators=(",", ":"))


def _clean(name: str, value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        if name in _IDS and _ID.fullmatch(value):
            return value
        return _PERSONAL.sub(WITHHELD, value[:LONGEST_TEXT])
    return WITHHELD
