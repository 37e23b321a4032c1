"""A notice as JSON, for programs. The schema is docs/schemas/notification-1.json."""

from typing import Any

from release.core.notices import Notice


def payload(notice: Notice) -> dict[str, Any]:
    return {
        "schema": 1,
        "occasion": notice.occasion,
        "tone": notice.tone,
        "title": notice.title,
        "pipeline": notice.pipeline,
        "stage": notice.stage,
        "release": notice.release,
        "at": notice.at,
        "facts": dict(notice.facts),
        "left": list(notice.left),
        "commands": [{"for": what, "command": command} for what, command in notice.commands],
        "links": [{"text": link.text, "url": link.url} for link in notice.links],
    }
