"""The message of an annotated tag: a subject, a body, and trailers that no newline in a value can forge.

A value is a JSON string on one line, in ASCII: whatever a reason holds, it cannot end its line. The trailers
are exactly the last paragraph, so that a body may hold anything that looks like one.
"""

import json
import re
from collections.abc import Mapping

KEYS = (
    "Release-Manifest",
    "Release-From",
    "Release-Actor",
    "Release-Run",
    "Release-Reason",
    "Release-Nonce",
    "Release-Ledger",
)

_TRAILER = re.compile(r"(Release-[A-Za-z]+): (.+)")
# git cuts a tag's message where a line begins like this: what follows would count as a signature.
_SIGNATURE = re.compile(r"^-----BEGIN ", re.MULTILINE)


def format_message(subject: str, trailers: Mapping[str, str], body: str = "") -> str:
    """The message, with the trailers in the order of KEYS and a newline at the end.

    Raises ValueError for an unknown key, a subject that is not one line, and text that git would cut.
    """
    if unknown := [key for key in trailers if key not in KEYS]:
        raise ValueError(f"{unknown[0]} is no trailer of a release tag")
    body = body.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if not subject.strip() or not subject.isprintable():
        raise ValueError(f"the subject {subject!r} is not one line of text")
    for text in (subject, body):
        if "\0" in text or _SIGNATURE.search(text):
            raise ValueError("the text holds a NUL or a line that begins like a signature")
    lines = [f"{key}: {json.dumps(trailers[key])}" for key in KEYS if key in trailers]
    return "\n\n".join(part for part in (subject, body, "\n".join(lines)) if part) + "\n"


def parse(message: str) -> Mapping[str, str]:
    """Trailers by key; none when the last paragraph holds none, as in a tag that a person made.

    Raises ValueError, naming the line or the key, for what only tampering can produce: a duplicate key, a
    value that is not a JSON string, other text among the trailers.
    """
    text, blank_line, last = message.rstrip("\n").rpartition("\n\n")
    lines = last.split("\n")
    if not (text and blank_line):
        return {}  # a subject alone
    if not any(line.startswith("Release-") for line in lines):
        return {}
    found: dict[str, str] = {}
    for line in lines:
        key, value = _read(line)
        if key in found:
            raise ValueError(f"the trailer {key} is there twice")
        found[key] = value
    return found


def _read(line: str) -> tuple[str, str]:
    shape = _TRAILER.fullmatch(line)
    if not shape:
        raise ValueError(f"{line!r} stands among the trailers and is none")
    key, written = shape.groups()
    try:
        value = json.loads(written)
    except ValueError:
        value = None
    if not isinstance(value, str) or json.dumps(value) != written:
        raise ValueError(
            f"the value of the trailer {key} is not a JSON string as release writes it: {written}"
        )
    return key, value
