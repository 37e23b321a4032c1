"""The digest of a function's configuration: what changes it, and what only looks different."""

from typing import Any

import pytest

from release.adapters.aws.function_facts import code_digest, code_sha256, configuration_digest

BARE: dict[str, Any] = {
    "FunctionName": "orders",
    "Version": "$LATEST",
    "Handler": "app.handler",
    "Runtime": "python3.13",
    "Role": "arn:aws:iam::111111111111:role/orders",
}
FILLED_IN: dict[str, Any] = {
    **BARE,
    "Version": "7",
    "Architectures": ["x86_64"],
    "MemorySize": 128,
    "Timeout": 3,
    "Environment": {"Variables": {}},
    "Layers": [],
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": ""},
    "TracingConfig": {"Mode": "PassThrough"},
    "EphemeralStorage": {"Size": 512},
    "DeadLetterConfig": None,
    "FileSystemConfigs": [],
    "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/orders"},
    "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    "PackageType": "Zip",
    "CodeSize": 4711,
    "LastModified": "2026-01-01T00:00:00.000+0000",
    "RevisionId": "other",
}


def test_what_aws_fills_in_by_default_counts_as_absent() -> None:
    assert configuration_digest(FILLED_IN) == configuration_digest(BARE)


@pytest.mark.parametrize(
    "change",
    [
        {"Handler": "app.other"},
        {"Runtime": "python3.14"},
        {"Role": "arn:aws:iam::111111111111:role/other"},
        {"Architectures": ["arm64"]},
        {"MemorySize": 256},
        {"Timeout": 4},
        {"Environment": {"Variables": {"LOG_LEVEL": "INFO"}}},
        {"Environment": {"Error": {"ErrorCode": "AccessDeniedException", "Message": "no key"}}},
        {"KMSKeyArn": "arn:aws:kms:us-east-1:111111111111:key/1"},
        {"Layers": [{"Arn": "arn:aws:lambda:us-east-1:111111111111:layer:x:1", "CodeSize": 1}]},
        {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": []}},
        {"TracingConfig": {"Mode": "Active"}},
        {"EphemeralStorage": {"Size": 1024}},
        {"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:111111111111:dead"}},
        {"FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem:x", "LocalMountPath": "/mnt/x"}]},
        {"LoggingConfig": {"LogFormat": "JSON"}},
        {"LoggingConfig": {"LogGroup": "/shared"}},
        {"SnapStart": {"ApplyOn": "PublishedVersions"}},
        {"PackageType": "Image"},
        {"ImageConfigResponse": {"ImageConfig": {"Command": ["app.handler"]}}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_a_version_freezes_changes_the_digest(change: dict[str, Any]) -> None:
    assert configuration_digest({**BARE, **change}) != configuration_digest(BARE)


def test_the_order_of_subnets_means_nothing_and_the_order_of_layers_does() -> None:
    def with_subnets(*names: str) -> str:
        return configuration_digest({**BARE, "VpcConfig": {"SubnetIds": list(names)}})

    def with_layers(*arns: str) -> str:
        return configuration_digest({**BARE, "Layers": [{"Arn": arn} for arn in arns]})

    assert with_subnets("a", "b") == with_subnets("b", "a")
    assert with_layers("a", "b") != with_layers("b", "a")


def test_a_code_digest_goes_to_aws_and_back() -> None:
    digest = "ab" * 32
    assert code_digest(code_sha256(digest)) == digest
    assert code_digest(digest) == digest  # as AWS shows a container image
