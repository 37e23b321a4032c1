"""People are told what happened, in time; and whatever goes wrong, no address is ever said."""

import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from release.adapters.aws import Aws
from release.adapters.notifications import Notifications, plain
from release.adapters.notifications.addresses import Address
from release.core.models import Place
from release.core.notices import Notice
from release.core.recipients import Medium, Recipient
from release.sandbox.session import Sandbox
from tests import schemas
from tests.adapters.notices import HOSTILE, Webhook, a_notice, every_notice, webhook

SITE = "https://ghe.acme.example/acme/fleet"
SECRET = "T0AA11/B0BB22/nobodymayknow"
PLACE = Place("999999999999", "us-east-1")


@pytest.fixture
def server() -> Iterator[Webhook]:
    with webhook(f"/services/{SECRET}") as started:
        yield started


def told(
    server: Webhook, medium: Medium, notice: Notice, *, patience: float = 5.0, **environ: str
) -> tuple[str, ...]:
    """What could not be told."""
    known = {"HOOK": server.url, **environ}
    there = Notifications(
        Aws(), [Recipient(medium, "HOOK")], known, site=lambda: known.get("SITE"), patience=patience
    )
    return tuple(there.tell(notice, PLACE))


def texts_in(value: Any, kind: str) -> list[str]:
    """The text of every object of a kind in a payload."""
    if isinstance(value, dict):
        own = [value["text"]] if value.get("type") == kind and isinstance(value.get("text"), str) else []
        return own + [text for below in value.values() for text in texts_in(below, kind)]
    if isinstance(value, list):
        return [text for below in value for text in texts_in(below, kind)]
    return []


# -- formats


def test_slack_gets_blocks_within_their_limits_in_which_people_s_words_are_no_markup(server: Webhook) -> None:
    many = tuple((f"fact {number}", HOSTILE * 5) for number in range(9))
    notice = a_notice(facts=many, left=tuple(HOSTILE * 2 for _ in range(11)))
    assert told(server, "slack", notice, SITE=SITE, GITHUB_RUN_ID="77") == ()

    ((path, sent),) = server.asked
    assert path == f"/services/{SECRET}"
    assert [block["type"] for block in sent["blocks"]] == [
        "header",
        "section",
        "section",
        "section",
        "context",
    ]
    assert len(sent["blocks"][0]["text"]["text"]) <= 150
    plain, markup = texts_in(sent, "plain_text"), texts_in(sent, "mrkdwn")
    assert all(1 <= len(text) <= 3000 for text in plain + markup)
    assert any('it\'s "fine" <!channel>' in text for text in plain), "data, in words that nothing parses"
    assert not any("fine" in text for text in markup)
    assert markup == [
        "to look: `release status prod --pipeline fleet`",
        "<https://ghe.acme.example/acme/fleet/actions/runs/77/attempts/1|run 77.1>",
    ]
    assert not re.search("[<>]", sent["text"]) and "&lt;!channel&gt;" in sent["text"]
    assert not re.search(r"@\w", json.dumps(sent, ensure_ascii=False))


def test_teams_gets_one_card_that_reads_no_markdown_and_calls_no_function(server: Webhook) -> None:
    notice = a_notice(left=("f1 is on version 2",))
    assert told(server, "teams", notice, SITE=SITE, GITHUB_RUN_ID="77") == ()

    ((_, sent),) = server.asked
    assert sent["type"] == "message"
    (attachment,) = sent["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.2")
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert any('it\'s "fine" <!channel>' in text for text in texts_in(card, "TextRun"))
    assert "{{" not in json.dumps(card) and not re.search(r"@\w", json.dumps(card, ensure_ascii=False))
    assert "entities" not in card["msteams"], "what mentions somebody"
    assert [action["type"] for action in card["actions"]] == ["Action.OpenUrl"]
    assert len(json.dumps(sent)) < 28 * 1024


def test_a_program_gets_every_word_as_it_was_by_the_published_schema(server: Webhook) -> None:
    assert (
        told(server, "webhook", a_notice(left=("f1 is on version 2",)), SITE=SITE, GITHUB_RUN_ID="77") == ()
    )

    ((_, sent),) = server.asked
    schemas.validator("notification-1").validate(sent)
    assert not schemas.validator("notification-1").is_valid(sent | {"secret": "x"})
    assert (sent["schema"], sent["occasion"], sent["release"]) == (1, "failed", "v1.1.0")
    assert sent["facts"]["reason"] == HOSTILE
    assert sent["commands"] == [{"for": "to look", "command": "release status prod --pipeline fleet"}]


def test_a_release_that_serves_is_linked_where_it_can_be_read(server: Webhook) -> None:
    told(server, "webhook", replace(a_notice(), occasion="succeeded"), SITE=SITE)
    told(server, "webhook", replace(a_notice(), occasion="succeeded"))

    assert [sent["links"] for _, sent in server.asked] == [
        [{"text": "release v1.1.0", "url": f"{SITE}/releases/tag/v1.1.0"}],
        [],
    ]


# -- who is told


def test_only_who_wants_to_know_is_told(server: Webhook) -> None:
    wanting = Recipient("webhook", "HOOK", on=("failed",), stages=("prod",), pipelines=("fleet",))
    others = [
        replace(wanting, on=("held",)),
        replace(wanting, stages=("qa",)),
        replace(wanting, pipelines=("payments",)),
    ]
    there = Notifications(Aws(), [*others, wanting], {"HOOK": server.url})
    assert there.tell(a_notice(), PLACE) == []
    assert len(server.asked) == 1


def test_of_releases_without_a_tag_people_hear_only_what_is_bad_unless_they_ask(server: Webhook) -> None:
    good = a_notice(occasion="succeeded", tagged=False)
    assert told(server, "webhook", good) == () and server.asked == []
    assert told(server, "webhook", a_notice(tagged=False)) == () and len(server.asked) == 1
    all_of_it = Recipient("webhook", "HOOK", on=("succeeded",))
    Notifications(Aws(), [all_of_it], {"HOOK": server.url}).tell(good, PLACE)
    assert len(server.asked) == 2


# -- what goes wrong


def test_a_busy_webhook_is_asked_again(server: Webhook) -> None:
    server.answers = [(503, {}, b""), (429, {"Retry-After": "1"}, b"")]
    assert told(server, "slack", a_notice()) == ()
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (404, b"no_service", "it answered HTTP 404 no_service; "),
        (400, b"invalid_blocks", "it answered HTTP 400 invalid_blocks; "),
        (404, f"Cannot POST /services/{SECRET}".encode(), "it answered HTTP 404; "),
        (403, SECRET.split("/")[-1].encode(), "it answered HTTP 403; "),
        (500, b"x" * 1_000_000, "it answered HTTP 500; "),
    ],
)
def test_a_refusal_is_one_line_with_the_name_of_the_variable(
    status: int, body: bytes, says: str, server: Webhook
) -> None:
    server.answers = [(status, {}, body)] * 20
    (line,) = told(server, "slack", a_notice(), patience=3.0)
    assert line.startswith(f"slack (HOOK): {says}")
    assert "\n" not in line and not any(part in line for part in SECRET.split("/"))


def test_a_redirect_is_not_followed(server: Webhook) -> None:
    with webhook("/elsewhere") as elsewhere:
        server.answers = [(307, {"Location": elsewhere.url}, b"")]
        (line,) = told(server, "slack", a_notice())
        assert "HTTP 307, and redirects are not followed" in line
        assert elsewhere.asked == []


def test_whoever_does_not_answer_is_waited_for_no_longer_than_all_others(server: Webhook) -> None:
    over = threading.Event()
    server.before = lambda: over.wait(60) and None
    with webhook("/quick") as quick:
        there = Notifications(
            Aws(),
            [Recipient("slack", "SLOW"), Recipient("teams", "SLOW"), Recipient("webhook", "QUICK")],
            {"SLOW": server.url, "QUICK": quick.url},
            patience=2.0,
        )
        began = time.monotonic()
        untold = there.tell(a_notice(), PLACE)
        took = time.monotonic() - began
        over.set()
        assert len(quick.asked) == 1
    # Not how fast it is, but that a bound is kept: they would answer after a minute, one by one after two.
    assert took < 20
    assert [line.split(":")[0] for line in untold] == ["slack (SLOW)", "teams (SLOW)"]


def test_who_answers_without_end_is_left_behind(server: Webhook) -> None:
    server.drips, server.answers = True, [(400, {}, b"")]
    (line,) = told(server, "slack", a_notice(), patience=1.0)
    assert line == "slack (HOOK): no answer in time"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.slack.example/services/SECRET",
        "http://hooks.slack.example/SECRET",
        "ftp://x/SECRET",
        "https://",
        "https://x:y/SECRET",
        "https://exa mple/SECRET",
        "https://x/SEC\nRET",
        "file:///etc/SECRET",
    ],
)
def test_an_address_that_is_none_is_refused_without_being_said(url: str) -> None:
    there = Notifications(Aws(), [Recipient("slack", "HOOK")], {"HOOK": url})
    (line,) = there.tell(a_notice(), PLACE)
    assert line.startswith("slack (HOOK): HOOK ") and "put the webhook's" in line
    assert "SEC" not in line and "example" not in line


def test_the_address_is_in_no_log_at_any_level_and_in_no_repr(
    server: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told(server, "slack", a_notice())
    server.answers = [(404, {}, b"no_service")]
    (line,) = told(server, "slack", a_notice())
    with webhook("/gone") as gone:
        pass
    (away,) = told(Webhook(f"{gone.url}/{SECRET}"), "slack", a_notice(), patience=0.3)
    assert "it cannot be reached" in away
    logged = [record.getMessage() for record in caplog.records]
    assert any("connect_tcp" in text for text in logged), "the logs of the HTTP client were looked at"
    for part in SECRET.split("/"):
        assert not any(part in text for text in (*logged, line, away))
        assert part not in repr(Address("HOOK", server.url))


# -- of AWS


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
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


def test_a_subscriber_of_a_topic_gets_subject_and_text(aws: Aws) -> None:
    place = Place("999999999999", "us-west-2")
    sns, sqs = aws.client(place, "sns"), aws.client(place, "sqs")
    topic = sns.create_topic(Name="release-alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    notice = a_notice(title="promote of v1.1.0+grün to prod failed " + "x" * 200)
    assert Notifications(aws, [Recipient("sns", topic)], {}).tell(notice, PLACE) == []

    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    sent = json.loads(message["Body"])
    assert sent["Subject"].startswith("release: promote of v1.1.0+gr?n") and len(sent["Subject"]) == 100
    assert f"reason: {HOSTILE}" in sent["Message"]
    assert "to look: release status prod" in sent["Message"]


def test_a_topic_that_is_not_there_is_named(aws: Aws) -> None:
    topic = "arn:aws:sns:us-east-1:999999999999:nobody"
    (line,) = Notifications(aws, [Recipient("sns", topic)], {}).tell(a_notice(), PLACE)
    assert line.startswith(f"sns ({topic}): ")


@pytest.mark.parametrize("service", ["secretsmanager", "ssm"])
def test_an_address_may_be_kept_in_aws(service: str, aws: Aws, server: Webhook) -> None:
    client = aws.client(PLACE, service)
    if service == "ssm":
        client.put_parameter(Name="/release/slack", Value=f"{server.url}\n", Type="SecureString")
        arn = "arn:aws:ssm:us-east-1:999999999999:parameter/release/slack"
    else:
        arn = client.create_secret(Name="slack", SecretString=server.url)["ARN"]

    assert Notifications(aws, [Recipient("slack", arn)], {}).tell(a_notice(), PLACE) == []
    assert len(server.asked) == 1
    (line,) = Notifications(aws, [Recipient("slack", f"{arn}-none")], {}).tell(a_notice(), PLACE)
    assert f"reading {arn}-none" in line


def test_without_recipients_nothing_is_asked_of_anybody() -> None:
    assert Notifications(Aws(), [], {}).tell(a_notice(), PLACE) == ()


@pytest.mark.parametrize("notice", every_notice(), ids=lambda notice: notice.title[:40])
def test_whatever_is_told_is_of_the_published_schema(notice: Notice) -> None:
    schemas.validator("notification-1").validate(json.loads(json.dumps(plain.payload(notice))))
