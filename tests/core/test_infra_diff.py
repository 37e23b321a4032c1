"""Two templates of one stack: what differs, what is replaced, what is lost; and what is no difference."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.core.infra_diff import Change, CreateOnly, Entry, compare_templates
from release.core.infra_values import shown

KINDS = {
    "AWS::DynamoDB::Table": CreateOnly((("TableName",),), (("KeySchema",),)),
    "AWS::Lambda::Function": CreateOnly((("FunctionName",), ("VpcConfig", "SubnetIds"))),
    "AWS::S3::Bucket": CreateOnly((("BucketName",),)),
    "AWS::SNS::Topic": CreateOnly(),
}
SUBNET, GROUP = {"VpcConfig": {"SubnetIds": ["a"]}}, {"VpcConfig": {"Groups": ["a"]}}


def template(kind: str = "AWS::SNS::Topic", /, **properties: Any) -> dict[str, Any]:
    return {"Resources": {"Thing": {"Type": kind, "Properties": properties}}}


def with_attribute(name: str, value: Any, kind: str, **properties: Any) -> dict[str, Any]:
    made = template(kind, **properties)
    made["Resources"]["Thing"][name] = value
    return made


def entries(before: Any, after: Any) -> tuple[Entry, ...]:
    return compare_templates(before, after, KINDS)


def only(before: Any, after: Any) -> Entry:
    (entry,) = entries(before, after)
    return entry


def told(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    return [(one.path, one.before, one.after) for one in only(before, after).changes]


# -- what counts as a difference

values = st.recursive(
    st.sampled_from(["a", "b", "1", ""]),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["X", "Y", "Sid"]), below, max_size=3)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(["P", "Q"]), values), st.dictionaries(st.sampled_from(["P", "Q"]), values)
)
def test_nothing_is_told_of_equal_templates_and_something_of_any_two_others(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert (entries(template(**before), template(**after)) == ()) == (before == after)


@given(
    st.dictionaries(st.sampled_from(["P", "Q"]), values), st.dictionaries(st.sampled_from(["P", "Q"]), values)
)
def test_the_way_back_tells_the_same_with_both_sides_changed(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    def sides(one: Any, other: Any, back: bool) -> set[str]:
        return {
            repr((change.path, *((change.after, change.before) if back else (change.before, change.after))))
            for entry in entries(one, other)
            for change in entry.changes
        }

    assert sides(template(**before), template(**after), False) == sides(
        template(**after), template(**before), True
    )


def test_the_order_of_keys_is_no_difference() -> None:
    assert entries(template(A="1", B={"x": "1", "y": "2"}), template(B={"y": "2", "x": "1"}, A="1")) == ()


def test_tags_are_known_by_their_keys_and_have_no_order() -> None:
    env, team = {"Key": "env", "Value": "dev"}, {"Key": "team", "Value": "a"}

    assert entries(template(Tags=[env, team]), template(Tags=[team, env])) == ()
    assert told(template(Tags=[env, team]), template(Tags=[env, {**team, "Value": "b"}])) == [
        ("Properties.Tags[team].Value", "a", "b")
    ]


def test_another_order_of_a_key_schema_is_a_difference() -> None:
    keys = [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}]

    (change,) = only(
        template("AWS::DynamoDB::Table", KeySchema=keys),
        template("AWS::DynamoDB::Table", KeySchema=keys[::-1]),
    ).changes
    assert (change.path, change.replacement) == ("Properties.KeySchema", "perhaps")


def test_a_statement_of_a_policy_is_found_by_its_sid_wherever_it_stands() -> None:
    logs, table = {"Sid": "Logs", "Action": ["a"]}, {"Sid": "Table", "Action": ["b"]}

    assert told(template(S=[table]), template(S=[logs, {**table, "Action": ["b", "c"]}])) == [
        ("Properties.S[Logs]", None, logs),
        ("Properties.S[Table].Action", ["b"], ["b", "c"]),
    ]


def test_two_elements_of_one_name_are_compared_as_a_whole() -> None:
    twice = [{"Sid": "A", "Action": "x"}, {"Sid": "A", "Action": "y"}]

    assert told(template(S=twice), template(S=twice[:1])) == [("Properties.S", twice, twice[:1])]


def test_a_call_of_a_function_is_one_value() -> None:
    assert told(template(Role={"Ref": "A"}), template(Role={"Fn::GetAtt": "A.Arn"})) == [
        ("Properties.Role", {"Ref": "A"}, {"Fn::GetAtt": "A.Arn"})
    ]


# -- what becomes of a resource


def test_a_resource_comes_and_goes() -> None:
    one = {"Resources": {"Old": {"Type": "AWS::SNS::Topic"}}}
    other = {"Resources": {"New": {"Type": "AWS::SNS::Topic"}}}

    assert [(entry.action, entry.name) for entry in entries(one, other)] == [
        ("add", "New"),
        ("remove", "Old"),
    ]


@pytest.mark.parametrize(
    ("kind", "before", "after", "replacement"),
    [
        ("AWS::DynamoDB::Table", {"TableName": "a"}, {"TableName": "b"}, "yes"),
        ("AWS::DynamoDB::Table", {}, {"TableName": "b"}, "yes"),
        ("AWS::DynamoDB::Table", {"TableName": "a"}, {}, "yes"),
        ("AWS::DynamoDB::Table", {"KeySchema": ["a"]}, {"KeySchema": ["b"]}, "perhaps"),
        ("AWS::DynamoDB::Table", {"BillingMode": "a"}, {"BillingMode": "b"}, "no"),
        ("AWS::DynamoDB::Table", {"TableNameToo": "a"}, {"TableNameToo": "b"}, "no"),
        ("AWS::Lambda::Function", SUBNET, {"VpcConfig": {"SubnetIds": ["b"]}}, "yes"),
        ("AWS::Lambda::Function", {"VpcConfig": {"Groups": ["a"]}}, {"VpcConfig": {"Groups": ["b"]}}, "no"),
        ("AWS::Lambda::Function", {}, {"VpcConfig": {"SubnetIds": ["b"]}}, "yes"),
        ("AWS::Lambda::Function", {}, {"VpcConfig": {"Groups": ["b"]}}, "no"),
        ("AWS::Lambda::Function", GROUP, {"VpcConfig": {"Fn::If": ["c", "d"]}}, "yes"),
        ("AWS::New::Type", {"A": "a"}, {"A": "b"}, "perhaps"),
        ("Custom::Thing", {"A": "a"}, {"A": "b"}, "no"),
    ],
)  # fmt: skip
def test_what_only_a_new_resource_can_have_replaces_it(
    kind: str, before: dict[str, Any], after: dict[str, Any], replacement: str
) -> None:
    entry = only(template(kind, **before), template(kind, **after))

    assert entry.replacement == replacement
    assert entry.action == ("replace" if replacement == "yes" else "modify")


def test_another_type_under_the_same_name_is_a_replacement() -> None:
    entry = only(template("AWS::SNS::Topic"), template("AWS::S3::Bucket"))

    assert (entry.action, entry.kind) == ("replace", "AWS::S3::Bucket")


def test_what_the_template_says_of_a_resource_replaces_nothing() -> None:
    entry = only(template("AWS::S3::Bucket"), with_attribute("Condition", "HasAlias", "AWS::S3::Bucket"))

    assert entry.changes == (Change("Condition", None, "HasAlias", "no"),)


@pytest.mark.parametrize(
    ("policy", "lost"), [(None, True), ("Delete", True), ("Retain", False), ("Snapshot", False)]
)
def test_a_removed_table_loses_its_data_unless_it_is_kept(policy: str | None, lost: bool) -> None:
    kind = "AWS::DynamoDB::Table"
    before = with_attribute("DeletionPolicy", policy, kind) if policy else template(kind)

    assert only(before, {"Resources": {}}).loses_data is lost


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [("Retain", "Retain", False), ("Retain", "Delete", True), ("Delete", "Retain", True)],
)
def test_a_replaced_table_counts_as_kept_where_both_templates_keep_it(
    before: str, after: str, lost: bool
) -> None:
    kind, policy = "AWS::DynamoDB::Table", "UpdateReplacePolicy"
    old = with_attribute(policy, before, kind, TableName="a")
    new = with_attribute(policy, after, kind, TableName="b")

    assert only(old, new).loses_data is lost


@pytest.mark.parametrize(
    "kind",
    ["AWS::Cassandra::Table", "AWS::ECR::Repository", "AWS::FSx::FileSystem", "AWS::RDS::GlobalCluster",
     "AWS::S3Tables::TableBucket"],
)  # fmt: skip
def test_what_services_of_aws_keep_elsewhere_is_data_too(kind: str) -> None:
    assert only(template(kind), {"Resources": {}}).loses_data


def test_a_removed_topic_loses_nothing() -> None:
    assert not only(template("AWS::SNS::Topic"), {"Resources": {}}).loses_data


# -- the other sections


def test_resources_come_first_and_other_sections_are_told_by_name() -> None:
    before = {"Description": "a", "Outputs": {"Url": {"Value": "1"}}, **template(A="1")}
    after = {"Description": "b", "Outputs": {"Url": {"Value": "2"}}, **template(A="2")}

    assert [(one.section, one.name, one.action) for one in entries(before, after)] == [
        ("Resources", "Thing", "modify"),
        ("Description", "Description", "modify"),
        ("Outputs", "Url", "modify"),
    ]


def test_a_stack_that_is_not_there_yet_is_all_new() -> None:
    assert {one.action for one in entries(None, template(A="1"))} == {"add"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        ("", '""'),
        ("a\nb\u202e", '"a\\nb\\u202e"'),
        ({"Ref": "A"}, "!Ref A"),
        ({"Fn::Sub": ["${A}", {"A": {"Ref": "B"}}]}, "!Sub [${A}, {A: !Ref B}]"),
        ({"b": "2", "a": ["1"]}, "{a: [1], b: 2}"),
    ],
)
def test_a_value_is_shown_on_one_line(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    "kind", ["AWS::CloudFormation::Stack", "AWS::CloudFormation::CustomResource", "Custom::Database"]
)
def test_what_a_template_says_nothing_about_may_hold_data(kind: str) -> None:
    assert only(template(kind), {"Resources": {}}).loses_data
    assert not only(with_attribute("DeletionPolicy", "Retain", kind), {"Resources": {}}).loses_data
