"""What functions print, as lines: of Powertools, of Lambda's runtime, and of print()."""

import json

from release.core.log_lines import LogLine, lines_of


def test_a_structured_line_has_level_message_and_keys_without_what_every_line_has() -> None:
    raw = json.dumps(
        {
            "level": "INFO",
            "location": "log_access:42",
            "message": "request",
            "timestamp": "2026-11-22T00:00:44.956+00:00",
            "service": "price-fetcher",
            "lambda_request_id": "1",
            "status": 200,
            "nothing": None,
        }
    )

    assert list(lines_of(raw)) == [LogLine("INFO", "request", {"status": 200}, "", raw)]


def test_a_traceback_in_a_structured_line_is_text_below_it() -> None:
    raw = json.dumps(
        {"level": "ERROR", "message": "failed", "exception": "Traceback …\nKeyError", "exception_name": "K"}
    )

    assert [(line.message, line.text) for line in lines_of(raw)] == [("failed", "Traceback …\nKeyError")]


def test_what_the_runtime_says_of_an_error_is_one_line_with_its_traceback() -> None:
    printed = (
        "[ERROR] LookupError: by design\n"
        "Traceback (most recent call last):\n"
        '\xa0\xa0File "/handler.py", line 3, in handler\n'
        '\xa0\xa0\xa0\xa0raise LookupError("by design")\n'
        "plain words\n"
    )

    error, plain = lines_of(printed)

    assert (error.level, error.message) == ("ERROR", "LookupError: by design")
    assert error.text.splitlines()[1] == '  File "/handler.py", line 3, in handler'
    assert (plain.level, plain.message, plain.text) == ("", "plain words", "")


def test_what_is_logged_without_a_structure_has_its_level() -> None:
    line = next(lines_of("[WARNING]\t2026-11-22T00:00:44.956Z\tan-id\tthe disk is full\n"))

    assert (line.level, line.message) == ("WARNING", "the disk is full")


def test_metrics_are_their_names_and_values() -> None:
    raw = json.dumps(
        {
            "_aws": {
                "Timestamp": 1,
                "CloudWatchMetrics": [{"Namespace": "N", "Metrics": [{"Name": "Found"}]}],
            },
            "Found": [1.0],
        }
    )

    assert [(line.level, line.message) for line in lines_of(raw)] == [("METRIC", "Found=1")]


def test_what_looks_like_json_and_is_none_is_shown_as_it_is() -> None:
    assert [line.message for line in lines_of('{"half": \n[1, 2]\n')] == ['{"half": ', "[1, 2]"]
