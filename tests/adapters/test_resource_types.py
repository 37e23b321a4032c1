"""The table of properties that only a new resource can have."""

from release.adapters.resource_types import TABLE, create_only
from release.adapters.resource_types.extract import extracted
from release.sandbox.replacements import REPLACED_BY


def test_the_table_is_what_the_locked_cfn_lint_says() -> None:
    """Where it is not: python -m release.adapters.resource_types.extract"""
    assert TABLE.read_text(encoding="utf-8") == extracted()


def test_it_knows_what_everybody_knows() -> None:
    table = create_only()

    assert ("TableName",) in table["AWS::DynamoDB::Table"].always
    assert ("BucketName",) in table["AWS::S3::Bucket"].always
    assert ("FunctionName",) in table["AWS::Lambda::Function"].always
    assert ("RoleName",) in table["AWS::IAM::Role"].always
    assert [".".join(path) for path in table["AWS::Lambda::EventSourceMapping"].always] == [
        *("EventSourceArn", "SelfManagedEventSource", "StartingPosition", "StartingPositionTimestamp")
    ]


def test_no_name_is_left_of_how_a_schema_points() -> None:
    names = {
        name for row in create_only().values() for path in (*row.always, *row.sometimes) for name in path
    }

    assert not {"", "properties", "*", "items"} & names


def test_the_sandbox_replaces_what_the_schemas_say() -> None:
    table = create_only()

    assert {kind: {names[0] for names in table[kind].always} for kind in REPLACED_BY} == {
        kind: set(names) for kind, names in REPLACED_BY.items()
    }
