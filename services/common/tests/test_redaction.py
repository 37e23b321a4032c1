"""Adversarial payloads: personal data in every place and disguise where a log line could carry it.

Each is logged in four ways by somebody who should know better. Whatever of it is personal must be gone. The
list is a file of its own, because what stands in a module's source counts as its words.
"""

import io
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from common.logger import create_logger
from common.settings import Settings

_names = itertools.count()
MARKS = (
    "jane",
    "078-05-1120",
    "078051120",
    "hunter2",
    "4111",
    "5550142",
    "555-0142",
    "eyj",
    "smith",
    "1961-04",
)

PAYLOADS: dict[str, Any] = json.loads((Path(__file__).parent / "adversarial.json").read_text("utf-8"))
_ADDRESS = PAYLOADS["an address with a tag"]
PAYLOADS |= {
    "a list of lists": [[[_ADDRESS]], (_ADDRESS,)],
    "an object with a repr": type("Patient", (), {"__repr__": lambda self: _ADDRESS})(),
    "bytes": _ADDRESS.encode(),
    "an exception": KeyError(_ADDRESS),
}


def told(write: Any) -> str:
    stream = io.StringIO()
    write(create_logger(Settings(f"redaction-{next(_names)}", "qa", "DEBUG", frozenset()), stream))
    text = stream.getvalue()
    assert len(text.splitlines()) == 1 and json.loads(text), "one line, and JSON"
    return text.lower()


def clean(text: str) -> list[str]:
    return [mark for mark in MARKS if mark in text]


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_nothing_of_it_is_told_as_a_field(payload: Any) -> None:
    def write(log: Any) -> None:
        log.info("note", body=payload, event={"body": payload}, extra={"headers": payload, "who": [payload]})

    assert clean(told(write)) == []


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_nothing_of_it_is_told_as_a_key_that_stays(payload: Any) -> None:
    def write(log: Any) -> None:
        log.append_keys(patient=payload, state=payload)
        with log.append_context_keys(request_id=payload, cause=payload):
            log.info("note", code=payload, method=payload)

    assert clean(told(write)) == []


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_nothing_of_it_is_told_in_a_message(payload: Any) -> None:
    for write in (
        lambda log: log.info(payload),
        lambda log: log.warning(f"failed for {payload}"),
        lambda log: log.error("failed for %s", payload),
    ):
        assert clean(told(write)) == []


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_nothing_of_it_is_told_by_an_exception_that_carries_it(payload: Any) -> None:
    class Jane(Exception):  # names of classes are code; what they hold is not
        pass

    def write(log: Any) -> None:
        try:
            try:
                raise ValueError(payload)
            except ValueError as cause:
                error = LookupError(str(payload), payload)
                error.add_note(str(payload))
                raise error from cause
        except LookupError:
            log.exception("failed")

    text = told(write)
    assert clean(text) == [] and "lookuperror" in text


def test_the_words_of_our_own_lines_and_all_ids_stay() -> None:
    def write(log: Any) -> None:
        log.info(
            "dependency down", dependency="audit_table", cause="ORA-28001", request_id="JKJaXmPLvHcESHA="
        )

    text = told(write)
    assert '"dependency down"' in text and "ora-28001" in text and "jkjaxmplvhcesha=" in text
