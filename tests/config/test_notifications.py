"""Who is told of what; and an address that somebody puts into the file is refused without being repeated."""

import pytest

from release.config import load_pipelines
from release.core.recipients import Recipient
from tests.config.texts import ENVIRONMENTS, PIPELINES, pipeline_complaints, pipelines_with

TOPIC = "arn:aws:sns:us-east-1:999999999999:release-alerts"
SECRET = "arn:aws:secretsmanager:eu-west-1:999999999999:secret:slack-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-west-1:999999999999:parameter/release/teams"


def told(text: str) -> dict[str, bytes]:
    return pipelines_with(ENVIRONMENTS, "alias: live", f"alias: live\n{text}")


def recipients(text: str) -> tuple[Recipient, ...]:
    return load_pipelines(told(text)).recipients


def complaint(item: str) -> str:
    (only,) = pipeline_complaints(told(f"notifications: [{item}]"))
    return only.removeprefix("pipelines/environments.yaml:4: notifications/0")


def test_without_a_word_nobody_is_told() -> None:
    assert load_pipelines(PIPELINES).recipients == ()


def test_recipients_are_read_with_what_they_want_to_know() -> None:
    assert recipients(
        f"""notifications:
  - {{slack: RELEASE_SLACK_WEBHOOK, on: [failed, held], stages: [prod], pipelines: [fleet]}}
  - {{teams: "{PARAMETER}"}}
  - {{webhook: "{SECRET}"}}
  - {{sns: "{TOPIC}", on: [succeeded, failed, held, rollback, waiting]}}"""
    ) == (
        Recipient("slack", "RELEASE_SLACK_WEBHOOK", ("failed", "held"), ("prod",), ("fleet",)),
        Recipient("teams", PARAMETER),
        Recipient("webhook", SECRET),
        Recipient("sns", TOPIC, ("succeeded", "failed", "held", "rollback", "waiting")),
    )


def test_alerts_are_topics_that_hear_what_needs_a_person() -> None:
    assert recipients(f'alerts: ["{TOPIC}"]') == (Recipient("sns", TOPIC, ("failed", "held", "drift")),)


@pytest.mark.parametrize(
    "address",
    [
        "https://hooks.slack.example/services/T0/B0/nobody",
        "hooks.slack.example/services/T0/B0/nobody",
        "//x/T0/B0/nobody",
        "https://prod-1.example/workflows/nobody?sig=nobody",
    ],
)
@pytest.mark.parametrize("medium", ["slack", "teams", "webhook"])
def test_an_address_in_the_file_is_refused_and_not_repeated(medium: str, address: str) -> None:
    found = complaint(f'{{{medium}: "{address}"}}')
    assert found.startswith(f"/{medium}: looks like an address: whoever reads this file could write there; ")
    assert "environment variable" in found and "Secrets Manager" in found
    assert "nobody" not in found and "example" not in found


@pytest.mark.parametrize("kept", ["T0aB0nobody", "9A", "release_slack", "arn:aws:s3:::nobody", "A", '"A B"'])
def test_what_names_no_place_of_an_address_is_not_repeated_either(kept: str) -> None:
    found = complaint(f"{{slack: {kept}}}")
    assert found.startswith("/slack: is neither the name of an environment variable in capitals nor the ARN ")
    assert "nobody" not in found


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ("{on: [failed]}", ": names nobody; write one of `slack:`, `teams:`, `webhook:`, `sns:`"),
        ("{slack: HOOK, sns: HOOK}", ": names slack and sns; write one of"),
        (
            "{slack: HOOK, on: [failure]}",
            "/on/0: 'failure' is nothing that anybody is told of; write some of",
        ),
        ("{slack: HOOK, on: []}", "/on: is an empty list"),
        ("{slack: HOOK, on: failed}", "/on: must be a list"),
        ("{slack: HOOK, stages: [pord]}", "/stages/0: there is no stage 'pord'; did you mean 'prod'?"),
        (
            "{slack: HOOK, pipelines: [flet]}",
            "/pipelines/0: there is no pipeline 'flet'; did you mean 'fleet'?",
        ),
        ("{slack: HOOK, stage: [prod]}", "/stage: the key 'stage' is not known; did you mean 'stages'?"),
        ("{sns: HOOK}", "/sns: 'HOOK' is not the ARN of a topic"),
        ("HOOK", ": must be a mapping"),
        ("{slack: [HOOK]}", "/slack: must be a text"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(item: str, says: str) -> None:
    assert complaint(item).startswith(says)
