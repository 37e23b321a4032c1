"""Amazon SNS behind the port `Alerts`: whoever subscribes to the topics is told."""

from collections.abc import Sequence

from release.adapters.aws import Aws
from release.adapters.aws.errors import translated
from release.core.models import Place


class SnsAlerts:
    """Publishes to every topic with the ambient credentials: the topic's policy says who may."""

    def __init__(self, aws: Aws, topics: Sequence[str]) -> None:
        self._aws = aws
        self._topics = topics

    def send(self, subject: str, text: str) -> None:
        for topic in self._topics:
            _, _, _, region, account, _ = topic.split(":", 5)
            place = Place(account, region)
            with translated(place, f"publishing to {topic}"):
                sns = self._aws.client(place, "sns", attempts=3, read_timeout=10.0)
                sns.publish(TopicArn=topic, Subject=subject, Message=text)
