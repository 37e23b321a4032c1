"""Words of people in a chat: data, which neither calls anybody nor is a function of the card."""

import re

LONGEST = 300  # characters of one fact

_CALLS = re.compile(r"@(?=\w)")
_FUNCTIONS = re.compile(r"\{(?=\{)")  # {{DATE(…)}} in a card
_APART = "\u200b"  # a space without width


def quiet(text: str, longest: int = LONGEST) -> str:
    """At most so many characters, in which @channel, @everyone and {{DATE(…)}} are just letters."""
    cut = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return _FUNCTIONS.sub(f"{{{_APART}", _CALLS.sub(f"@{_APART}", cut))
