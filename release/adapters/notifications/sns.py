"""A notice by Amazon SNS: whoever subscribes to the topic is told, by mail for example."""

from typing import Final

from release.adapters.aws import Aws
from release.adapters.aws.errors import translated
from release.core.models import Place
from release.core.notices import Notice

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: ASCII without line breaks; 256 KiB of message
_LONGEST_SUBJECT: Final = 100


def publish(aws: Aws, topic: str, notice: Notice, place: Place) -> None:
    """With the role of `place`: the topic's policy says who may. Raises Misconfigured, Unavailable."""
    _, _, _, region, account, _ = topic.split(":", 5)
    there = Place(account, region, place.role, place.plan_role)
    with translated(there, f"publishing to {topic}"):
        client = aws.client(there, "sns", attempts=2, read_timeout=3.0)
        client.publish(TopicArn=topic, Subject=subject(notice), Message=text(notice))


def subject(notice: Notice) -> str:
    return f"release: {notice.title}".encode("ascii", "replace").decode()[:_LONGEST_SUBJECT]


def text(notice: Notice) -> str:
    lines = [
        notice.title,
        "",
        *(f"{name}: {value}" for name, value in notice.facts),
        *(f"left: {line}" for line in notice.left),
        f"when: {notice.at}",
        "",
        *(f"{what}: {command}" for what, command in notice.commands),
        *(f"{link.text}: {link.url}" for link in notice.links),
    ]
    return "\n".join(lines) + "\n"
