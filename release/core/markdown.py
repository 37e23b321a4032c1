"""Words from outside, as words in GitHub's Markdown: no markup, no new row, nobody is called."""

_SPECIAL = str.maketrans(
    {mark: f"\\{mark}" for mark in "\\`*_{}[]()#|~!$"}
    # GitHub looks for mentions after it has removed the backslash: a space without width keeps them apart.
    | {"@": "@\u200b", "<": "&lt;", ">": "&gt;", "&": "&amp;", "\n": " ", "\r": " "}
)
LONGEST_WORDS = 500  # characters


def plain(text: object, longest: int = LONGEST_WORDS) -> str:
    """At most so many characters of a text, as it would be read."""
    words = str(text)
    return (words if len(words) <= longest else f"{words[: longest - 1]}…").translate(_SPECIAL)
