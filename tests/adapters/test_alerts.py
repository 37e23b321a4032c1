"""Alerts reach the subscribers of a topic, in its own region and account."""

import json
from typing import Any

import pytest

from release.adapters.alerts import SnsAlerts
from release.adapters.aws import Aws
from release.core.models import Place
from release.errors import ReleaseError
from release.sandbox.session import Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Any:
    with Sandbox.start(settle_seconds=0.02) as started:
        yield started


@pytest.fixture
def aws(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Aws:
    for name, value in sandbox.environment(base={}).items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "999999999999")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
    return Aws()


def test_a_subscriber_gets_subject_and_text(aws: Aws) -> None:
    place = Place("999999999999", "us-west-2")
    sns, sqs = aws.client(place, "sns"), aws.client(place, "sqs")
    topic = sns.create_topic(Name="release-alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    SnsAlerts(aws, [topic]).send("release: it failed", "why: grün")

    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    told = json.loads(message["Body"])
    assert (told["Subject"], told["Message"]) == ("release: it failed", "why: grün")


def test_a_topic_that_is_not_there_is_an_error_with_its_name(aws: Aws) -> None:
    topic = "arn:aws:sns:us-east-1:999999999999:nobody"
    with pytest.raises(ReleaseError, match="nobody"):
        SnsAlerts(aws, [topic]).send("s", "t")


def test_without_topics_nothing_is_asked_of_aws() -> None:
    SnsAlerts(Aws(), []).send("s", "t")
