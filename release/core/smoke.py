"""The verdict of a smoke test. Failed is not errored: that one said no, the other gave us no answer."""

import json
from dataclasses import dataclass
from typing import Any

from release.core.manifest import StageSettings
from release.core.snapshot import Invocation

# What AWS answers when a function runs longer than its time-out: it says nothing about the code.
_TIMED_OUT = "Sandbox.Timedout"
_UP = (True, "up", "ok", "healthy")


@dataclass(frozen=True, slots=True)
class Passed:
    pass


@dataclass(frozen=True, slots=True)
class Failed:
    """The version answered, and the answer is no.

    `reason` is for the record and holds nothing of the answer but names and numbers; `detail` is what the
    answer says, for the screen alone: it may hold data of the people that the service is about.
    """

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Errored:
    """No answer that counts; worth another try."""

    reason: str


Verdict = Passed | Failed | Errored


def payload(settings: StageSettings) -> bytes:
    return json.dumps(dict(settings.smoke_payload), separators=(",", ":")).encode()


def judge(answer: Invocation, settings: StageSettings, *, lambda_version: str) -> Verdict:
    """Whether a version proved itself.

    It must be the version that ran (an alias is eventually consistent: another one is no verdict), without
    FunctionError, with a `statusCode` below 400 where there is one, its critical dependencies up, and
    everything that `smoke.expect` names in the answer.
    """
    if answer.executed_version != lambda_version:
        return Errored(f"version {answer.executed_version or 'unknown'} answered instead of {lambda_version}")
    if answer.function_error is not None:
        if _error_type(answer.payload) == _TIMED_OUT:
            return Errored("the function timed out")
        return Failed(
            f"{answer.function_error} {_error_type(answer.payload)}".strip(), _error_message(answer.payload)
        )
    try:
        body = json.loads(answer.payload or b"null")
    except ValueError:
        return Failed("the answer is not JSON")
    status = body.get("statusCode") if isinstance(body, dict) else None
    down = _down(body, settings.smoke_critical)
    if status is not None and not _is_success(status):
        number = isinstance(status, int)
        reason = f"statusCode {status if number else 'that is no number'}"
        return Failed(
            reason + (f", down: {', '.join(down)}" if down else ""),
            "" if number else f"it is {_short(status)}",
        )
    if down:
        return Failed(f"critical dependencies are not up: {', '.join(down)}")
    for key, wanted in settings.smoke_expect.items():
        found = body.get(key) if isinstance(body, dict) else None
        if found != wanted:
            return Failed(f"the answer's {key!r} is not {_short(wanted)}", f"it is {_short(found)}")
    return Passed()


def _down(body: Any, critical: tuple[str, ...]) -> list[str]:
    if not critical:
        return []
    report = body.get("body", body) if isinstance(body, dict) else None
    if isinstance(report, str):
        try:
            report = json.loads(report)
        except ValueError:
            report = None
    states = report.get("dependencies") if isinstance(report, dict) else None
    states = states if isinstance(states, dict) else {}
    return [name for name in critical if not _is_up(states.get(name))]


def _is_success(status: Any) -> bool:
    """API Gateway takes a number or its digits; nothing else is a success."""
    number = int(status) if isinstance(status, str) and status.isdecimal() else status
    return isinstance(number, int | float) and number < 400


def _is_up(state: Any) -> bool:
    if isinstance(state, dict):
        state = state.get("status", state.get("state"))
    return state in _UP


def _error_type(payload: bytes) -> str:
    try:
        error = json.loads(payload)
    except ValueError:
        return ""
    kind = error.get("errorType") if isinstance(error, dict) else None
    # A class name; whatever else a handler puts there is not for the record.
    return kind if isinstance(kind, str) and kind.replace(".", "").isidentifier() else ""


def _error_message(payload: bytes) -> str:
    try:
        error = json.loads(payload)
    except ValueError:
        return _short(payload.decode("utf-8", "replace"))
    if isinstance(error, dict):
        return _short(": ".join(str(error[key]) for key in ("errorType", "errorMessage") if error.get(key)))
    return _short(error)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = " ".join(text.split())
    return text if len(text) <= 200 else text[:199] + "…"
