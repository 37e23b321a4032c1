"""Every rule of the policy pack: a template that keeps all of them, and what one change makes of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from release.adapters.template_reader import read_template
from release.core.policies import BY_ID, POLICIES, Verdict, judge
from tests.infra.policy_cases import BAD, FINE, OTHERS, TAGS, Change, added, changed, good
from tests.infra.rendered import REPOSITORY, STAGES, SYSTEMS, system, template

DOCS = Path(__file__).parents[2] / "docs" / "policies.md"


def verdicts(text: str) -> Sequence[Verdict]:
    return judge(read_template(text, "a test"))


def broken(text: str) -> set[tuple[str, str]]:
    """(rule, path) of everything that the pack says no to."""
    return {(one.policy.id, "/".join(map(str, one.breach.path))) for one in verdicts(text) if not one.reason}


def test_a_template_that_keeps_every_rule_is_not_said_no_to() -> None:
    assert broken(good()) == set()


@pytest.mark.parametrize(("rule", "change", "where"), BAD, ids=[one[0] for one in BAD])
def test_a_rule_sees_what_breaks_it_and_no_other_rule_does(rule: str, change: Change, where: str) -> None:
    assert broken(changed(*change)) == {(rule, where)}


def test_every_rule_has_a_template_that_breaks_it() -> None:
    assert [one[0] for one in BAD if one[0] not in BY_ID] == []
    assert set(BY_ID) - {one[0] for one in BAD} == set()
    assert len(BY_ID) == len(POLICIES) + 4 >= 30


FAILED = "DeadLetterConfig: {Arn: !GetAtt JobsFailed.Arn}"
CALLERS = {
    "AWS::Events::Rule": f"{{Targets: [{{Id: a, Arn: FUNCTION, {FAILED}}}]}}",
    "AWS::SNS::Subscription": "{TopicArn: !Ref Topic, Protocol: lambda, Endpoint: FUNCTION,"
    " RedrivePolicy: {deadLetterTargetArn: !GetAtt JobsFailed.Arn}}",
    "AWS::Scheduler::Schedule": f"{{Target: {{Arn: FUNCTION, {FAILED}}}}}",
    "AWS::Logs::SubscriptionFilter": "{DestinationArn: FUNCTION}",
    "AWS::ApiGateway::Method": "{AuthorizationType: AWS_IAM, Integration: {Uri: FUNCTION}}",
    "AWS::ApiGateway::Authorizer": "{AuthorizerUri: FUNCTION}",
    "AWS::ApiGatewayV2::Api": f"{{ProtocolType: HTTP, Target: FUNCTION, Tags: {TAGS}}}",
    "AWS::Pipes::Pipe": "{Source: !GetAtt Jobs.Arn, Enrichment: FUNCTION, Target: !GetAtt Jobs.Arn}",
    "AWS::SecretsManager::RotationSchedule": "{SecretId: a, RotationLambdaARN: FUNCTION}",
}


@pytest.mark.parametrize("kind", CALLERS)
def test_whatever_calls_a_function_calls_its_alias_and_stands_behind_it(kind: str) -> None:
    def called(function: str, condition: str) -> set[tuple[str, str]]:
        properties = CALLERS[kind].replace("FUNCTION", function)
        head = f"  Caller:\n    Type: {kind}\n{condition}    Properties: "
        return broken(changed(*added(f"{head}{properties}\n")))

    behind = "    Condition: HasAlias\n"
    assert called('!Sub "${ApiFunction.Arn}:live"', behind) == set()
    assert {rule for rule, _ in called("!GetAtt ApiFunction.Arn", behind)} == {"R0801"}
    assert {rule for rule, _ in called('!Sub "${ApiFunction.Arn}:live"', "")} == {"R0802"}


@pytest.mark.parametrize(("rule", "change"), OTHERS)
def test_a_rule_sees_through_other_ways_of_writing(rule: str, change: Change) -> None:
    assert {one for one, _ in broken(changed(*change))} == {rule}


@pytest.mark.parametrize("change", FINE)
def test_a_rule_says_no_to_nothing_that_keeps_it_in_another_way(change: Change) -> None:
    assert broken(changed(*change)) == set()


# -- suppressions

REASON = "logs of an hour: nobody needs older ones"
METADATA = f'Metadata: {{{{release: {{{{suppress: {{{{{{}}: "{REASON}"}}}}}}}}}}}}'


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("Bucket", "    Properties:", f"    {METADATA.format('R0304')}\n    Properties:"),
        (None, "\nParameters:", f"\n{METADATA.format('R0304')}\nParameters:"),
        (None, "\nParameters:", f"\n{METADATA.format('R0304 Bucket')}\nParameters:"),
    ],
)
def test_a_template_does_without_a_rule_with_a_reason(name: str | None, old: str, new: str) -> None:
    text = changed(name, old, new).replace("Status: Enabled\n      Life", "Status: Suspended\n      Life")

    (found,) = verdicts(text)

    assert (found.policy.id, found.reason) == ("R0304", REASON)


def test_a_suppression_is_for_its_own_resource_alone() -> None:
    metadata = f"\n{METADATA.format('R0304 Other')}\nParameters:"
    text = changed(None, "\nParameters:", metadata)
    text = text.replace("Status: Enabled\n      Life", "Status: Suspended\n      Life")

    assert {rule for rule, _ in broken(text)} == {"R0304", "R0004"}


# -- our own templates


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("order-stream", SYSTEMS),
        ("order-monitoring", SYSTEMS),
        ("price-fetcher", REPOSITORY),
        ("config-service", REPOSITORY),
    ],
)
def test_our_own_templates_keep_every_rule(name: str, folder: Path, stage: str) -> None:
    assert judge(template(*system(name, folder), stage)) == []


# -- the page


def rows() -> dict[str, list[str]]:
    cells = [
        line.strip("|\n").split(" | ") for line in DOCS.read_text().splitlines() if line.startswith("| `R")
    ]
    return {row[0].strip(" `"): [one.strip() for one in row[1:]] for row in cells}


def test_the_page_of_policies_says_what_the_rules_say() -> None:
    assert rows() == {one.id: [one.title, one.fix] for one in BY_ID.values()}


def test_what_a_template_of_another_shape_says_is_no_crash() -> None:
    shapes: list[Any] = ["text", ["a"], {"a": "b"}, {"Ref": "AWS::NoValue"}]
    kinds = {body["Type"] for body in read_template(good(), "good")["Resources"].values()}  # type: ignore[union-attr]
    keys = {key for body in read_template(good(), "good")["Resources"].values() for key in body["Properties"]}  # type: ignore[union-attr,call-overload,index]
    for kind in kinds:
        for shape in shapes:
            judge({"Resources": {"A": {"Type": kind, "Properties": dict.fromkeys(keys, shape)}}})
            judge({"Resources": {"A": {"Type": kind, "Properties": shape}}})


@pytest.mark.parametrize("kind", ["AWS::Events::Rule", "AWS::Scheduler::Schedule"])
def test_a_queue_that_takes_what_a_target_could_not_have_needs_none_itself(kind: str) -> None:
    properties = (
        CALLERS[kind].replace("FUNCTION", '!Sub "${ApiFunction.Arn}:live"').replace("JobsFailed", "Lost")
    )
    caller = f"  Caller:\n    Type: {kind}\n    Condition: HasAlias\n    Properties: {properties}\n"
    lost = good().partition("  JobsFailed:\n")[2].partition("\n  Jobs")[0].replace("failed", "lost")
    with_lost = changed(*added(f"{caller}  Lost:\n{lost}\n"))

    assert "R0807" not in {rule for rule, _ in broken(with_lost)}
    assert "R0807" in {rule for rule, _ in broken(with_lost.replace(properties, "{}"))}


@pytest.mark.parametrize(
    "name", ["Ref", "Fn::FindInMap", "Fn::Join", "Fn::Split", "Fn::Select", "Fn::Sub", "Fn::If"]
)
def test_a_function_that_is_called_wrongly_is_no_crash(name: str) -> None:
    wrong: list[Any] = [
        "",
        "a",
        [],
        ["a"],
        ["a", "b"],
        ["9", ["a"]],
        [["a"], {}],
        {},
        {"a": "b"},
        [{name: "a"}],
    ]
    for argument in wrong:
        bucket = {
            "Type": "AWS::S3::Bucket",
            "Properties": {"BucketName": {name: argument}, "Tags": {name: argument}},
        }
        judge({"Resources": {"A": bucket}, "Mappings": "a", "Parameters": {"a": "b"}})
