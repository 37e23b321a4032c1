"""What S3 and DynamoDB answer: names of buckets, checksums, time to live and recovery of tables."""

import json
from typing import Any

from release.sandbox import emulator, mappings
from release.sandbox.compatibility import replace
from release.sandbox.emulator import Answer

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PointInTimeRecoverySpecification.html
_RECOVERY_DAYS = 35


def install() -> None:
    """Replaces CreateBucket, PutObject, and how ministack keeps the point-in-time recovery of a table."""
    objects, tables, buckets = _Objects(), _Tables(), _Buckets()
    buckets.create_anywhere = replace(
        emulator.s3, "_create_bucket", ("name", "body", "headers", "endpoint_region"), buckets.create
    )
    objects.put_silently = replace(
        emulator.s3, "_put_object", ("bucket_name", "key", "body", "headers"), objects.put
    )
    tables.describe_briefly = replace(
        emulator.dynamodb, "_describe_continuous_backups", ("data",), tables.describe
    )
    tables.update_briefly = replace(emulator.dynamodb, "_update_continuous_backups", ("data",), tables.update)


def apply_table_properties(name: str, properties: dict[str, Any]) -> None:
    """Sets what a template says of a table's time to live and recovery; ministack reads neither.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html.
    A property that has gone from the template turns off what it had turned on. Raises ValueError.
    """
    time_to_live = properties.get("TimeToLiveSpecification") or {}
    if mappings.is_true(time_to_live.get("Enabled")):
        specification = {"Enabled": True, "AttributeName": time_to_live.get("AttributeName")}
        _require(emulator.dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": specification}))
    else:
        emulator.dynamodb._ttl_settings.pop(name, None)
    recovery = properties.get("PointInTimeRecoverySpecification") or {}
    specification = {
        "PointInTimeRecoveryEnabled": mappings.is_true(recovery.get("PointInTimeRecoveryEnabled")),
        "RecoveryPeriodInDays": int(recovery.get("RecoveryPeriodInDays") or _RECOVERY_DAYS),
    }
    _require(
        emulator.dynamodb._update_continuous_backups(
            {"TableName": name, "PointInTimeRecoverySpecification": specification}
        )
    )


class _Buckets:
    create_anywhere: Any

    def create(
        self,
        name: str,
        body: bytes,
        headers: dict[str, str] | None = None,
        endpoint_region: str | None = None,
    ) -> Answer:
        """One's own bucket again is 200 in us-east-1 and refused elsewhere, wherever the bucket stands.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html#API_CreateBucket_Errors
        """
        if endpoint_region not in (None, "us-east-1") and name in emulator.s3._buckets:
            owned: Answer = emulator.s3._error(
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
                409,
                f"/{name}",
                extra={"BucketName": name},
            )
            return owned
        answer: Answer = self.create_anywhere(name, body, headers, endpoint_region)
        return answer


class _Objects:
    put_silently: Any

    def put(self, bucket_name: str, key: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Answers the checksum that the caller sent or asked for, as AWS does once it has compared it.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html#API_PutObject_ResponseElements
        """
        status, answered, content = self.put_silently(bucket_name, key, body, headers)
        stored = (emulator.s3._buckets.get(bucket_name) or {}).get("objects", {}).get(key)
        if status == 200 and stored and stored.get("checksums"):
            checksums = {
                f"x-amz-checksum-{name.lower()}": value for name, value in stored["checksums"].items()
            }
            answered = {**answered, **checksums, "x-amz-checksum-type": "FULL_OBJECT"}
        return status, answered, content


class _Tables:
    describe_briefly: Any
    update_briefly: Any

    def describe(self, data: dict[str, Any]) -> Answer:
        return _with_days(self.describe_briefly(data), data)

    def update(self, data: dict[str, Any]) -> Answer:
        answer: Answer = self.update_briefly(data)
        specification = data.get("PointInTimeRecoverySpecification") or {}
        if answer[0] == 200 and specification.get("PointInTimeRecoveryEnabled"):
            # ministack asks only whether there is something: the days say that, and are saved with it.
            name = emulator.dynamodb._normalize_table_name(data["TableName"])
            days = int(specification.get("RecoveryPeriodInDays") or _RECOVERY_DAYS)
            emulator.dynamodb._pitr_settings[name] = days
        return _with_days(answer, data)


def _with_days(answer: Answer, data: dict[str, Any]) -> Answer:
    if answer[0] != 200:
        return answer
    days = emulator.dynamodb._pitr_settings.get(emulator.dynamodb._normalize_table_name(data["TableName"]))
    if not days:
        return answer
    shown = json.loads(answer[2])
    recovery = shown["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    recovery["RecoveryPeriodInDays"] = int(days)
    return answer[0], answer[1], json.dumps(shown).encode()


def _require(answer: Answer) -> None:
    if answer[0] != 200:
        raise ValueError(json.loads(answer[2])["message"])
