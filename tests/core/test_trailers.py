"""What a tag's message says can be read back, and cannot be forged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.core.trailers import KEYS, format_message, parse

DIGEST = "ab" * 32
VALUES = st.dictionaries(st.sampled_from(KEYS), st.text(), min_size=1)


@given(values=VALUES, body=st.text())
def test_whatever_the_values_and_the_body_hold_the_same_values_come_back(
    values: dict[str, str], body: str
) -> None:
    try:
        message = format_message("v1.0.0: qa", values, body)
    except ValueError:
        assert "\0" in body or "-----BEGIN " in body
        return

    assert parse(message) == values


def test_a_newline_in_a_reason_forges_no_second_trailer() -> None:
    reason = 'why not"\nRelease-Manifest: "forged"\u2028Release-Actor: "somebody"\r\n\r\n'

    message = format_message("v1.0.0: uat", {"Release-Reason": reason, "Release-Manifest": DIGEST})

    assert parse(message) == {"Release-Manifest": DIGEST, "Release-Reason": reason}
    assert message.isascii()
    assert len(message.splitlines()) == 4


def test_trailers_are_the_last_paragraph_and_what_looks_like_them_above_is_text() -> None:
    body = f'Release-Manifest: "forged"\n\nRelease-Manifest: "{DIGEST}"'

    assert parse(format_message("v1.0.0: qa", {"Release-Nonce": "n"}, body)) == {"Release-Nonce": "n"}


def test_a_message_reads_as_subject_body_trailers_in_a_fixed_order() -> None:
    trailers = {"Release-Nonce": "n", "Release-Manifest": DIGEST}

    assert format_message("v1.0.0: qa", trailers, "# a heading\r\n") == (
        f'v1.0.0: qa\n\n# a heading\n\nRelease-Manifest: "{DIGEST}"\nRelease-Nonce: "n"\n'
    )


@pytest.mark.parametrize(
    ("last_paragraph", "named"),
    [
        ('Release-Manifest: "a"\nRelease-Manifest: "a"', "Release-Manifest is there twice"),
        ('Release-Manifest: "a"\nRelease-Nonce: n', "Release-Nonce is not a JSON string"),
        ('Release-Manifest: ["a"]', "Release-Manifest is not a JSON string"),
        ('Release-Manifest: "a" ', "Release-Manifest is not a JSON string"),
        ('Release-Manifest: "\u00e9"', "Release-Manifest is not a JSON string"),
        ('Release-Manifest: "a"\nand more', "'and more' stands among the trailers"),
        ('Release-Manifest:"a"', "stands among the trailers"),
        ('Release-Manifest: "a"\r', "Release-Manifest is not a JSON string"),
    ],
)
def test_what_only_tampering_can_produce_is_an_error_that_names_it(last_paragraph: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        parse(f"v1.0.0: qa\n\n{last_paragraph}\n")


@pytest.mark.parametrize(
    "message", ["", "\n", "v1.0.0\n", "v1.0.0\n\nmade by hand\n", 'Release-Manifest: "a"\n']
)
def test_a_tag_that_a_person_made_has_no_trailers(message: str) -> None:
    assert parse(message) == {}


@pytest.mark.parametrize(
    ("subject", "trailers", "body"),
    [
        ("two\nlines", {}, ""),
        ("", {}, ""),
        ("v1.0.0", {"Release-Colour": "red"}, ""),
        ("v1.0.0", {}, 'Release-Manifest: "forged"\n-----BEGIN PGP SIGNATURE-----'),
        ("v1.0.0", {}, "a\0b"),
    ],
)
def test_what_git_would_cut_or_nobody_could_read_back_is_not_written(
    subject: str, trailers: dict[str, str], body: str
) -> None:
    with pytest.raises(ValueError):
        format_message(subject, trailers, body)
