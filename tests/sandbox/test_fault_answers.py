"""Injected errors come in the protocol of the service, with the code that it would give itself."""

from typing import Any

import botocore.parsers
import pytest
from botocore.exceptions import ClientError

from release.sandbox.session import Sandbox
from tests.sandbox.calls import refused
from tests.sandbox.conftest import Client
from tests.sandbox.wire import raw

pytestmark = pytest.mark.usefixtures("no_faults_left")
THROTTLED = {"status": 429}


def test_an_action_of_a_query_service_is_refused_in_its_own_words(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults([{"operation": "DescribeStacks", "status": 400, "code": "Throttling", "message": "a < b"}])

    answer = refused(client("cloudformation").describe_stacks, StackName="none")
    assert answer == ("Throttling", 400, "a < b")
    assert refused(client("cloudformation").get_template, StackName="none")[0] == "ValidationError"


@pytest.mark.parametrize(
    ("service", "call", "arguments", "expected"),
    [
        (
            "lambda",
            "update_alias",
            {"FunctionName": "orders", "Name": "live"},
            {
                429: ("TooManyRequestsException", 429),
                409: ("ResourceConflictException", 409),
                412: ("PreconditionFailedException", 412),
                500: ("ServiceException", 500),
                503: ("ServiceUnavailableException", 503),
            },
        ),
        (
            "s3",
            "put_object",
            {"Bucket": "b", "Key": "k", "Body": b"x" * 100_000},
            {
                429: ("SlowDown", 503),
                503: ("SlowDown", 503),
                409: ("ConditionalRequestConflict", 409),
                412: ("PreconditionFailed", 412),
                500: ("InternalError", 500),
            },
        ),
        ("s3", "list_buckets", {}, {503: ("SlowDown", 503), 409: ("OperationAborted", 409)}),
        ("s3", "head_object", {"Bucket": "b", "Key": "k"}, {429: ("503", 503), 404: ("404", 404)}),
        (
            "cloudformation",
            "describe_stacks",
            {},
            {429: ("Throttling", 400), 400: ("ValidationError", 400), 503: ("ServiceUnavailable", 503)},
        ),
        ("iam", "list_roles", {}, {429: ("Throttling", 400), 500: ("ServiceFailure", 500)}),
        ("sts", "get_caller_identity", {}, {429: ("Throttling", 400), 500: ("InternalFailure", 500)}),
        (
            "dynamodb",
            "list_tables",
            {},
            {429: ("ThrottlingException", 400), 500: ("InternalFailure", 500)},
        ),
        (
            "logs",
            "describe_log_groups",
            {},
            {429: ("ThrottlingException", 400), 403: ("AccessDeniedException", 403)},
        ),
        ("cloudwatch", "describe_alarms", {}, {429: ("Throttling", 400), 500: ("InternalFailure", 500)}),
        ("sqs", "list_queues", {}, {429: ("Throttling", 400)}),
        ("ec2", "describe_vpcs", {}, {429: ("RequestLimitExceeded", 503)}),
        ("apigateway", "get_rest_apis", {}, {429: ("TooManyRequestsException", 429)}),
        (
            "apigatewayv2",
            "get_apis",
            {},
            {429: ("TooManyRequestsException", 429), 404: ("NotFoundException", 404)},
        ),
        ("route53", "list_hosted_zones", {}, {429: ("Throttling", 400)}),
    ],
)
def test_an_error_comes_in_the_protocol_and_words_of_the_service(
    sandbox: Sandbox,
    client: Client,
    account: str,
    service: str,
    call: str,
    arguments: dict[str, Any],
    expected: dict[int, tuple[str, int]],
) -> None:
    caller = client(service)
    for status, answer in expected.items():
        sandbox.faults([{"service": service, "account": account, "status": status, "message": '<no> & "ü"'}])
        found = refused(getattr(caller, call), **arguments)
        assert found[:2] == answer
        if call != "head_object":
            assert found[2] == '<no> & "ü"'


def test_lambda_says_when_to_come_back(sandbox: Sandbox, client: Client) -> None:
    functions = client("lambda")
    seen = []
    for rule in (THROTTLED, {**THROTTLED, "retry_after": 7}, {"status": 500}):
        sandbox.faults([{"service": "lambda", **rule}])
        with pytest.raises(ClientError) as told:
            functions.list_functions()
        seen.append(told.value.response["ResponseMetadata"]["HTTPHeaders"].get("retry-after"))

    assert seen == ["1", "7", None]


def test_a_code_is_answered_as_it_is_given(sandbox: Sandbox, client: Client) -> None:
    sandbox.faults([{"service": "sts", "code": "ExpiredToken", "status": 403}])
    assert refused(client("sts").get_caller_identity)[:2] == ("ExpiredToken", 403)
    sandbox.faults([{"service": "lambda", "code": "ResourceConflictException"}])
    assert refused(client("lambda").list_functions)[:2] == ("ResourceConflictException", 409)


def test_a_client_that_speaks_cbor_is_answered_in_cbor(sandbox: Sandbox) -> None:
    """This botocore speaks JSON to CloudWatch, and can read CBOR; other clients speak it first."""
    sandbox.faults(
        [{"service": "cloudwatch", "operation": "GetMetricData", **THROTTLED, "message": "m" * 70_000}]
    )
    scope = "Credential=999999999999/20260101/us-east-1/monitoring/aws4_request"
    status, headers, body = raw(
        sandbox,
        "POST",
        "/service/GraniteServiceVersion20100801/operation/GetMetricData",
        b"\xa0",
        {
            "Smithy-Protocol": "rpc-v2-cbor",
            "Content-Type": "application/cbor",
            "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
        },
    )
    response = {"status_code": status, "headers": headers, "body": body}
    parsed = botocore.parsers.create_parser("smithy-rpc-v2-cbor").parse(response, None)
    assert (status, parsed["Error"]["Code"]) == (400, "Throttling")
    assert parsed["Error"]["Message"] == "m" * 70_000
