"""What S3 and DynamoDB tell of what they were given."""

import base64
import hashlib
import json
from typing import Any

from tests.sandbox.calls import refused
from tests.sandbox.conftest import Client
from tests.sandbox.test_stacks import Stack

BODY = b"the bytes of an artifact"
CHECKSUM = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
KEYS = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}


def test_a_checksum_that_was_sent_is_compared_and_answered(client: Client, account: str) -> None:
    s3, bucket = client("s3"), f"store-{account}"
    s3.create_bucket(Bucket=bucket)
    put = s3.put_object(Bucket=bucket, Key="k", Body=BODY, ChecksumSHA256=CHECKSUM)

    assert (put["ChecksumSHA256"], put["ChecksumType"]) == (CHECKSUM, "FULL_OBJECT")
    for read in (s3.head_object, s3.get_object):
        assert read(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["ChecksumSHA256"] == CHECKSUM
    assert "ChecksumSHA256" not in s3.head_object(Bucket=bucket, Key="k")  # unasked
    asked = s3.put_object(Bucket=bucket, Key="asked", Body=BODY, ChecksumAlgorithm="SHA256")
    assert asked["ChecksumSHA256"] == CHECKSUM
    wrong = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"others", ChecksumSHA256=CHECKSUM)
    assert wrong[:2] == ("BadDigest", 400)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == BODY


def settings(dynamodb: Any) -> tuple[Any, ...]:
    """Time to live (status, attribute) and point-in-time recovery (status, days) of the table `orders`."""
    live = dynamodb.describe_time_to_live(TableName="orders")["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName="orders")["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]
    return (
        *(live["TimeToLiveStatus"], live.get("AttributeName")),
        *(recovery["PointInTimeRecoveryStatus"], recovery.get("RecoveryPeriodInDays")),
    )


OFF = ("DISABLED", None, "DISABLED", None)


def test_a_table_tells_the_recovery_and_the_time_to_live_that_were_set(client: Client) -> None:
    dynamodb = client("dynamodb")
    dynamodb.create_table(TableName="orders", **KEYS)
    assert settings(dynamodb) == OFF
    recovery: dict[str, Any] = {"PointInTimeRecoveryEnabled": True}
    wanted = {"TableName": "orders", "PointInTimeRecoverySpecification": recovery}
    dynamodb.update_continuous_backups(**wanted)
    dynamodb.update_time_to_live(
        TableName="orders", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    assert settings(dynamodb) == ("ENABLED", "ttl", "ENABLED", 35)
    recovery["RecoveryPeriodInDays"] = 7
    dynamodb.update_continuous_backups(**wanted)
    assert settings(dynamodb)[2:] == ("ENABLED", 7)


def test_a_table_of_a_stack_has_the_settings_of_its_template(client: Client) -> None:
    dynamodb, stack = client("dynamodb"), Stack(client("cloudformation"))

    def body(**properties: Any) -> str:
        table = {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "orders", **KEYS, **properties}}
        return json.dumps({"Resources": {"Table": table}})

    live = {"TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ttl"}}
    recovery = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": "true"}}
    assert stack.create(TemplateBody=body(**live, **recovery)) == "CREATE_COMPLETE"
    assert settings(dynamodb) == ("ENABLED", "ttl", "ENABLED", 35)
    assert stack.update(TemplateBody=body(**recovery)) == "UPDATE_COMPLETE"
    assert settings(dynamodb) == ("DISABLED", None, "ENABLED", 35)
    assert stack.update(TemplateBody=body()) == "UPDATE_COMPLETE"
    assert settings(dynamodb) == OFF
