"""A notice for a Teams webhook of the Workflows app: a message with one Adaptive Card.

Connectors of Office 365, and their MessageCards, are retired. Every word stands in a TextRun, because
Markdown is read in a TextBlock and not there (https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features).
"""

from collections.abc import Iterator
from typing import Any, Final

from release.adapters.notifications.words import quiet
from release.core.notices import Notice

_COLOURS: Final = {"good": "Good", "bad": "Attention", "attention": "Warning"}


def payload(notice: Notice) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",  # the first with rich text, so that old clients show it, too
        "body": list(_body(notice)),
        "msteams": {"width": "Full"},
    }
    if notice.links:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": quiet(link.text), "url": link.url} for link in notice.links
        ]
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [content]}


def _body(notice: Notice) -> Iterator[dict[str, Any]]:
    look = {"size": "Large", "weight": "Bolder", "color": _COLOURS[notice.tone]}
    yield _line(_run(quiet(notice.title), **look))
    for name, value in notice.facts:
        yield _line(_run(f"{name}: ", isSubtle=True), _run(quiet(value)))
    for line in notice.left:
        yield _line(_run("left: ", isSubtle=True), _run(quiet(line)))
    for what, command in notice.commands:
        yield _line(_run(f"{what}: ", isSubtle=True), _run(command, fontType="Monospace"))


def _line(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str, **look: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **look}
