"""Reasons are kept for ever: what may not be among them."""

import pytest

from release.core.reasons import objection
from release.core.records import REASON_LIMIT


@pytest.mark.parametrize(
    "reason",
    [
        "prices of band C are wrong",
        "password reset page is broken",
        "the token bucket is too small",
        "see https://tickets.acme.example/PRC-12 and rotate the secret",
        "x" * REASON_LIMIT,
        "Preise in € sind falsch",
    ],
)
def test_a_reason_in_words_is_recorded(reason: str) -> None:
    assert objection(reason) is None


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_an_empty_reason_is_none(reason: str) -> None:
    assert objection(reason) == "the reason is empty"


def test_a_reason_is_bounded_and_says_by_how_much() -> None:
    assert objection("x" * (REASON_LIMIT + 1)) == "the reason has 501 characters; 500 is the limit"


@pytest.mark.parametrize("character", ["\n", "\r", "\x1b", "\x85", "\u2028", "\u202e", "\ud800"])
def test_a_reason_is_one_line_that_moves_no_cursor(character: str) -> None:
    assert objection(f"late{character}::set-output") == (
        "the reason has a line break or another control character"
    )


@pytest.mark.parametrize(
    ("secret", "what"),
    [
        ("AKIA" + "A1B2" * 4, "an AWS access key"),
        ("ASIA" + "A1B2" * 4, "an AWS access key"),
        ("ghp_" + "a1B2" * 9, "a GitHub token"),
        ("github_pat_" + "a1B2_" * 6, "a GitHub token"),
        ("xoxb-" + "1234567890-abc", "a Slack token"),
        ("-----BEGIN RSA PRIVATE" + " KEY-----", "a private key"),
        ("eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxIn0xx.c2lnbmF0dXJl", "a JSON web token"),
        ("Password = " + "hunter2hunter2", "a password"),
        ("api-key:" + "0123456789", "a password"),
        ("https://ada:" + "hunter2@acme.example/x", "credentials in a URL"),
        ("ada.lovelace" + "@acme.example", "an e-mail address"),
    ],
)
def test_a_reason_that_holds_a_secret_or_a_person_is_refused_without_repeating_it(
    secret: str, what: str
) -> None:
    said = objection(f"because {secret} leaked")
    assert said == f"the reason seems to hold {what}"
