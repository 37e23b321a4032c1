"""What a rollout leaves in place for the release before it, and what it need not."""

from typing import Any

import pytest

from release.adapters.template_reader import read_document
from release.core.infra_apply import StackChange, same_effect, stack_change
from release.core.infra_diff import CreateOnly
from release.core.infra_expand import MARK, Expanded, expanded, marked
from release.core.infra_in_force import in_force
from release.core.models import Place

EAST, WEST = Place("111111111111", "us-east-1"), Place("111111111111", "us-west-2")
DIGEST = "d" * 64
QUEUE = "AWS::SQS::Queue"


def queues(*names: str, **more: Any) -> dict[str, Any]:
    return {"Resources": {name: {"Type": QUEUE} for name in names}, **more}


def both(old: Any, new: Any, place: Place = EAST, **parameters: str) -> Expanded:
    return expanded(old, new, parameters, place, "orders-prod", DIGEST)


def changed(before: Expanded, new: Any, *, contract: bool) -> StackChange:
    return stack_change(
        before.document,
        new,
        {QUEUE: CreateOnly()},
        parameters={},
        place=EAST,
        stack="orders-prod",
        digest=DIGEST,
        contract=contract,
    )


def sent(found: Expanded) -> Any:
    return found.document


def role(*statements: dict[str, Any], policy: str = "Own") -> dict[str, Any]:
    policies = [{"PolicyName": policy, "PolicyDocument": {"Statement": list(statements)}}]
    return {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies}}}}


def allow(*actions: str, on: str = "*", sid: str = "Own", effect: str = "Allow") -> dict[str, Any]:
    return {"Sid": sid, "Effect": effect, "Action": list(actions), "Resource": on}


def test_a_template_that_only_adds_is_sent_as_it_is() -> None:
    new = queues("A", "B")
    assert both(queues("A"), new) == Expanded(new, ())


def test_a_resource_that_is_gone_stays_and_the_stack_says_whose_template_it_is_at() -> None:
    found = both(queues("A", "B"), queues("A", "C"))

    assert found.kept == ("B",)
    assert set(sent(found)["Resources"]) == {"A", "B", "C"}
    assert sent(found)["Outputs"][MARK]["Value"] == DIGEST
    assert marked({MARK: DIGEST}) == DIGEST
    assert marked({MARK: "something of a team's own"}) is None


def test_expanding_what_is_expanded_changes_nothing() -> None:
    once = both(queues("A", "B"), queues("A"))
    change = changed(once, queues("A"), contract=False)
    assert (change.is_idle, change.entries, change.kept) == (True, (), ("B",))


def test_to_contract_takes_away_what_was_kept() -> None:
    once = both(queues("A", "B"), queues("A"))
    change = changed(once, queues("A"), contract=True)
    assert [(one.name, one.action) for one in change.entries] == [("B", "remove")]
    assert [one.name for one in change.endangered] == ["B"]
    assert change.document is None and not change.is_idle


def test_what_is_gone_again_in_a_later_release_is_kept_beside_what_was_kept() -> None:
    once = both(queues("A", "B", "C"), queues("A", "B"))
    assert both(once.document, queues("A")).kept == ("B", "C")


def test_what_is_carried_over_brings_the_conditions_it_stands_behind() -> None:
    old = read_document(
        """
        Parameters: {AliasExists: {Type: String, Default: "false"}}
        Conditions: {HasAlias: !Equals [!Ref AliasExists, "true"]}
        Resources:
          A: {Type: AWS::SQS::Queue}
          Trigger: {Type: AWS::Lambda::Permission, Condition: HasAlias, DependsOn: [A, Gone]}
        """,
        "old",
    )
    found = both(old, queues("A"), AliasExists="true")

    assert found.kept == ("Trigger",)
    assert sent(found)["Conditions"] == old["Conditions"]
    assert sent(found)["Parameters"] == old["Parameters"]
    assert sent(found)["Resources"]["Trigger"]["DependsOn"] == ["A"]
    assert both(old, queues("A"), AliasExists="false").kept == ()  # it is not there


def test_a_condition_that_means_something_else_now_gets_another_name() -> None:
    def template(region: str, **more: Any) -> Any:
        return read_document(
            f"""
            Conditions: {{Main: !Equals [!Ref AWS::Region, {region}]}}
            Resources:
              Budget: {{Type: AWS::Budgets::Budget, Condition: Main,
                       Properties: {{Name: !If [Main, main, other]}}}}
            """,
            "a test",
        )

    found = both(template("us-east-1"), template("us-west-2"), EAST)
    assert found.kept == ("Budget",)
    budget = sent(found)["Resources"]["Budget"]
    assert budget["Condition"] == "MainBefore"
    assert budget["Properties"]["Name"] == {"Fn::If": ["MainBefore", "main", "other"]}
    assert set(sent(found)["Conditions"]) == {"Main", "MainBefore"}
    assert both(template("us-east-1"), template("us-west-2"), WEST).kept == ()  # it comes there


def test_a_role_goes_on_allowing_what_the_release_before_may_need() -> None:
    old, new = role(allow("s3:GetObject"), allow("sqs:SendMessage", sid="Send")), role(allow("s3:GetObject"))
    found = both(old, new)

    assert found.kept == ("Role (Own: Send)",)
    policies = sent(found)["Resources"]["Role"]["Properties"]["Policies"]
    assert policies[0]["PolicyDocument"]["Statement"] == [
        allow("s3:GetObject"),
        allow("sqs:SendMessage", sid="Send"),
    ]


def test_a_statement_that_allows_more_than_before_needs_no_help() -> None:
    assert both(role(allow("s3:GetObject")), role(allow("s3:GetObject", "s3:PutObject"))).kept == ()


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        (role(allow("a:B", on="x")), role(allow("a:B", on="y")), ("Role (Own: Own)",)),
        (role(allow("a:B")), role(allow("a:B", effect="Deny")), ("Role (Own: Own, Own: without Own)",)),
        (role(allow("a:B", effect="Deny")), role(allow("c:D")), ()),  # it denies less
        (role(allow("a:B"), policy="Old"), role(allow("a:B"), policy="New"), ("Role (Old)",)),
    ],
)
def test_statements_that_are_narrowed_or_newly_denied_wait(old: Any, new: Any, kept: tuple[str]) -> None:
    assert both(old, new).kept == kept


def test_kept_statements_have_no_name_that_another_has() -> None:
    found = both(role(allow("a:B", on="x")), role(allow("a:B", on="y")))
    (policy,) = sent(found)["Resources"]["Role"]["Properties"]["Policies"]
    sids = [one.get("Sid") for one in policy["PolicyDocument"]["Statement"]]
    assert sids == ["Own", None]


def test_an_index_stays_with_the_attributes_of_its_keys_alone() -> None:
    def table(*indexes: str) -> Any:
        return {
            "Resources": {
                "Table": {
                    "Type": "AWS::DynamoDB::Table",
                    "Properties": {
                        "GlobalSecondaryIndexes": [
                            {"IndexName": name, "KeySchema": [{"AttributeName": name, "KeyType": "HASH"}]}
                            for name in indexes
                        ],
                        "AttributeDefinitions": [
                            {"AttributeName": name, "AttributeType": "S"} for name in ("id", *indexes)
                        ],
                    },
                }
            }
        }

    found = both(table("a", "b"), table("a"))
    assert found.kept == ("Table (GlobalSecondaryIndexes: b)",)
    properties = sent(found)["Resources"]["Table"]["Properties"]
    assert [one["IndexName"] for one in properties["GlobalSecondaryIndexes"]] == ["a", "b"]
    assert [one["AttributeName"] for one in properties["AttributeDefinitions"]] == ["id", "a", "b"]


def test_a_table_keeps_the_stream_that_a_kept_event_source_names() -> None:
    def template(stream: str, trigger: str) -> Any:
        return read_document(
            f"""
            Resources:
              Table:
                Type: AWS::DynamoDB::Table
                Properties: {{AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}]{stream}}}
            {trigger}
            """,
            "a test",
        )

    trigger = """
              Trigger:
                Type: AWS::Lambda::EventSourceMapping
                Properties: {EventSourceArn: !GetAtt Table.StreamArn}"""
    old = template(", StreamSpecification: {StreamViewType: KEYS_ONLY}", trigger)
    new = template("", "")
    found = both(old, new)

    assert found.kept == ("Table (StreamSpecification)", "Trigger")
    assert sent(found)["Resources"] == old["Resources"]
    assert changed(found, new, contract=False).is_idle
    contracted = changed(found, new, contract=True)
    assert (contracted.document, [one.name for one in contracted.entries]) == (None, ["Table", "Trigger"])
    # another view is the new release's word
    other = template(", StreamSpecification: {StreamViewType: NEW_IMAGE}", trigger)
    assert both(old, other) == Expanded(other, ())


def test_exports_of_what_is_kept_stay_and_other_outputs_go() -> None:
    value = {"Value": "x"}
    exported = value | {"Export": {"Name": "orders-queue"}}
    old = queues("A", "B", Outputs={"Name": value, "Exported": exported})

    assert set(sent(both(old, queues("A")))["Outputs"]) == {"Exported", MARK}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('!Equals [!Ref "AWS::Region", us-east-1]', True),
        ('!Not [!Equals [!Ref "AWS::Region", us-east-1]]', False),
        ("!Or [!Equals [!Ref Stage, prod], !Condition Other]", True),
        ("!And [!Equals [!Ref Stage, prod], !Condition Other]", False),
        ("!Equals [!FindInMap [Sizes, !Ref Stage, size], large]", True),
        ("!Equals [!ImportValue x, y]", True),  # nobody knows: it counts as in force
        ("!Condition Itself", True),
        ("!Condition Missing", True),
        ("!Not [!Equals [!ImportValue x, y]]", True),
        ("!And [!Equals [a, a], !Equals [!ImportValue x, y]]", True),
        ("!Or [!Equals [a, b], !Equals [!ImportValue x, y]]", True),
        ("!Equals [!Ref Zones, a]", True),  # a list, which CloudFormation joins in its own way
        ("!Equals [!FindInMap [Sizes, uat, size], large]", True),
        ("!Equals unfinished", True),
        ("!Select [0, [a]]", True),
        ("no function", True),
    ],
)
def test_conditions_are_answered_as_far_as_a_template_says(condition: str, holds: bool) -> None:
    from release.adapters.template_reader import read_template

    template = read_template(
        f"""
        Parameters: {{Stage: {{Type: String, Default: qa}}, Zones: {{Type: CommaDelimitedList, Default: b}}}}
        Mappings: {{Sizes: {{prod: {{size: large}}}}}}
        Conditions: {{Other: !Equals [a, b], Itself: {condition}}}
        Resources:
          A: {{Type: T, Condition: Itself}}
          Odd: {{Type: T, Condition: [Other]}}
          B:
            Type: T
            Properties: {{P: !If [Other, x, !Ref "AWS::NoValue"], Q: !Ref Stage, R: {{Condition: c}}}}
        """,
        "a test",
    )
    found = in_force(template, {"Stage": "prod"}, EAST, "orders-prod")["Resources"]

    assert isinstance(found, dict)
    assert ("A" in found) is holds and "Odd" in found
    assert found["B"]["Properties"] == {"Q": "prod", "R": {"Condition": "c"}}


@pytest.mark.parametrize(
    ("kind", "old", "new", "kept"),
    [
        ("AWS::IAM::Role", {"ManagedPolicyArns": ["a", "b"]}, {"ManagedPolicyArns": ["a"]}, 1),
        ("AWS::IAM::Role", {"ManagedPolicyArns": ["a", "b"]}, {}, 1),
        (
            "AWS::IAM::Role",
            {"ManagedPolicyArns": ["a"]},
            {"ManagedPolicyArns": {"Fn::If": ["C", ["a"], []]}},
            0,
        ),
        ("AWS::IAM::Role", {"Policies": [{"PolicyName": "P"}]}, {"Policies": {"Ref": "All"}}, 0),
        ("AWS::IAM::Role", {"Policies": ["no policy"]}, {"Policies": ["no policy"]}, 0),
        (
            "AWS::IAM::Role",
            {"Policies": [{"PolicyName": "P", "PolicyDocument": {"Statement": [allow("a:B")]}}]},
            {"Policies": [{"PolicyName": "P", "PolicyDocument": {"Statement": {"Fn::If": ["C", [], []]}}}]},
            0,
        ),
        (
            "AWS::SQS::QueuePolicy",
            {"PolicyDocument": {"Statement": allow("a:B")}},
            {"PolicyDocument": {"Statement": [allow("c:D")]}},
            1,
        ),
        ("AWS::SQS::QueuePolicy", {"PolicyDocument": {"Statement": []}}, {}, 0),
        ("AWS::SNS::Topic", {"TopicName": "a"}, {"TopicName": "b"}, 0),  # nothing that narrows
        ("AWS::SNS::Topic", {"Subscription": [{"Endpoint": "a"}, {"Endpoint": "b"}]}, {}, 1),
        ("AWS::SNS::Topic", {"Subscription": [{"Endpoint": "a"}]}, {"Subscription": [{"Endpoint": "a"}]}, 0),
        ("AWS::S3::Bucket", {"NotificationConfiguration": {"LambdaConfigurations": []}}, {}, 1),
    ],
)
def test_what_narrows_is_told_from_what_only_differs(kind: str, old: Any, new: Any, kept: int) -> None:
    def template(properties: Any) -> Any:
        return {"Resources": {"Thing": {"Type": kind, "Properties": properties}}}

    found = both(template(old), template(new))
    assert len(found.kept) == kept
    assert (found.document == template(new)) is (kept == 0)


def test_another_type_under_the_same_name_is_a_replacement_and_nothing_is_kept_of_it() -> None:
    new = {"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}
    assert both(queues("A"), new) == Expanded(new, ())


def test_two_texts_mean_the_same_when_only_words_and_what_nobody_names_differ() -> None:
    old = read_document(
        "Description: one\nResources: {A: {Type: T, Properties: {P: 1, Q: true, R: 1.5}}}", "a"
    )
    new = read_document('Resources: {A: {Type: T, Properties: {R: "1.5", P: "1", Q: "true"}}}', "b")
    other = read_document("Resources: {A: {Type: T, Properties: {P: 2, Q: true, R: 1.5, S: }}}", "c")

    assert same_effect(old, new, parameters={}, place=EAST, stack="orders-prod")
    assert not same_effect(old, other, parameters={}, place=EAST, stack="orders-prod")
