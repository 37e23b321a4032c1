"""A notice for Slack's incoming webhooks, and for those that take the same.

People's words stand in `plain_text`, where nothing is markup; what Slack parses is escaped
(https://docs.slack.dev/messaging/formatting-message-text,
https://docs.slack.dev/reference/block-kit/composition-objects/text-object).
"""

from collections.abc import Sequence
from typing import Any, Final

from release.adapters.notifications.words import quiet
from release.core.notices import Notice

_SIGNS: Final = {"good": "✅", "bad": "❌", "attention": "⚠️"}
_LONGEST_HEADER: Final = 150
_LONGEST_TEXT: Final = 3000


def payload(notice: Notice) -> dict[str, Any]:
    title = f"{_SIGNS[notice.tone]} {quiet(notice.title)}"
    facts = [f"{name}: {quiet(value)}" for name, value in notice.facts]
    commands = [f"{what}: `{_escaped(command)}`" for what, command in notice.commands]
    lines = [title, *facts, *(f"{what}: {command}" for what, command in notice.commands)]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(title, _LONGEST_HEADER)},
        *_section(facts),
        *_section([f"left: {quiet(line, 250)}" for line in notice.left]),
    ]
    if commands:
        blocks.append({"type": "section", "text": _markup("\n".join(commands))})
    if notice.links:
        shown = " · ".join(f"<{_escaped(link.url)}|{_escaped(quiet(link.text))}>" for link in notice.links)
        blocks.append({"type": "context", "elements": [_markup(shown)]})
    return {
        # What a phone shows, and all that servers show which know no blocks.
        "text": _escaped("\n".join(lines)),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _section(lines: Sequence[str]) -> list[dict[str, Any]]:
    return [{"type": "section", "text": _plain("\n".join(lines), _LONGEST_TEXT)}] if lines else []


def _plain(text: str, longest: int) -> dict[str, Any]:
    return {
        "type": "plain_text",
        "text": text if len(text) <= longest else f"{text[: longest - 1]}…",
        "emoji": False,
    }


def _markup(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text[:_LONGEST_TEXT], "verbatim": True}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
