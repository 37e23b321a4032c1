"""Code, configuration and versions of a function: what AWS takes, refuses and leaves alone."""

import pytest

from tests.sandbox.calls import ECHO, create_function, digest, publish, refused, settled, zipped
from tests.sandbox.conftest import Client


def test_an_update_with_a_stale_revision_changes_nothing(client: Client, account: str) -> None:
    functions = client("lambda")
    before = create_function(functions, account, ECHO % 1)
    arguments = {"FunctionName": "orders", "RevisionId": "00000000-0000-0000-0000-000000000000"}

    code = refused(functions.update_function_code, ZipFile=zipped(ECHO % 2), **arguments)
    configuration = refused(functions.update_function_configuration, MemorySize=256, **arguments)
    assert code[:2] == configuration[:2] == ("PreconditionFailedException", 412)
    assert settled(functions, "orders")["RevisionId"] == before["RevisionId"]


def test_a_version_is_published_only_of_the_code_that_was_asked_for(client: Client, account: str) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    wrong, right = digest(zipped(ECHO % 2)), digest(zipped(ECHO % 1))

    code, status, message = refused(functions.publish_version, FunctionName="orders", CodeSha256=wrong)
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert wrong in message and right in message
    assert functions.publish_version(FunctionName="orders", CodeSha256=right)["CodeSha256"] == right


def test_publishing_twice_without_a_change_gives_one_version(client: Client, account: str) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    first = functions.publish_version(FunctionName="orders", Description="v1.0.0-qa.1")
    second = functions.publish_version(FunctionName="orders")

    assert first["Version"] == second["Version"] == "1"
    listed = functions.list_versions_by_function(FunctionName="orders")["Versions"]
    assert [version["Version"] for version in listed] == ["$LATEST", "1"]
    assert listed[1]["FunctionArn"].endswith(":function:orders:1")


def test_publishing_after_an_update_with_the_same_bytes_gives_a_new_version(
    client: Client, account: str
) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)

    assert publish(functions, ECHO % 1) == "1"
    assert publish(functions, ECHO % 1) == "2"


def test_an_update_that_publishes_answers_the_new_version(client: Client, account: str) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    answer = functions.update_function_code(FunctionName="orders", ZipFile=zipped(ECHO % 2), Publish=True)

    assert answer["Version"] == "1"
    assert answer["FunctionArn"].endswith(":function:orders:1")
    assert settled(functions, "orders", "1")["CodeSha256"] == digest(zipped(ECHO % 2))
    settled(functions, "orders")
    assert functions.publish_version(FunctionName="orders")["Version"] == "1"


def test_a_dry_run_answers_the_digest_and_changes_nothing(client: Client, account: str) -> None:
    functions = client("lambda")
    before = create_function(functions, account, ECHO % 1)
    answer = functions.update_function_code(FunctionName="orders", ZipFile=zipped(ECHO % 2), DryRun=True)

    assert answer["CodeSha256"] == digest(zipped(ECHO % 2))
    assert settled(functions, "orders")["CodeSha256"] == before["CodeSha256"]


def test_a_function_is_read_by_version_and_by_alias(client: Client, account: str) -> None:
    functions = client("lambda")
    create_function(functions, account, ECHO % 1)
    publish(functions, ECHO % 1)
    publish(functions, ECHO % 2)
    functions.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")

    by_alias = functions.get_function_configuration(FunctionName="orders", Qualifier="live")
    by_version = functions.get_function(FunctionName="orders", Qualifier="2")["Configuration"]
    assert (by_alias["Version"], by_alias["CodeSha256"]) == ("1", digest(zipped(ECHO % 1)))
    assert (by_version["Version"], by_version["CodeSha256"]) == ("2", digest(zipped(ECHO % 2)))
    missing = refused(functions.get_function, FunctionName="orders", Qualifier="9")
    assert missing[:2] == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ({"S3Key": "missing.zip"}, "NoSuchKey"),
        ({"S3Bucket": "no-such-bucket", "S3Key": "code.zip"}, "NoSuchBucket"),
        ({"S3Key": "code.zip", "S3ObjectVersion": "no-such-version"}, "NoSuchVersion"),
    ],
)
def test_code_that_s3_does_not_give_is_refused(
    client: Client, account: str, location: dict[str, str], code: str
) -> None:
    functions, s3, bucket = client("lambda"), client("s3"), f"code-{account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="code.zip", Body=zipped(ECHO % 1))
    before = create_function(functions, account, ECHO % 1)
    location = {"S3Bucket": bucket, **location}

    for call, arguments in (
        (functions.update_function_code, {"FunctionName": "orders", **location}),
        (
            functions.create_function,
            {"FunctionName": "other", "Runtime": "python3.13", "Handler": "app.handler", "Code": location}
            | {"Role": before["Role"]},
        ),
    ):
        answered, status, message = refused(call, **arguments)
        assert (answered, status) == ("InvalidParameterValueException", 400)
        assert f"S3 Error Code: {code}" in message
    assert settled(functions, "orders")["RevisionId"] == before["RevisionId"]


def test_lambda_takes_code_from_its_own_region_only(client: Client, account: str) -> None:
    client("s3").create_bucket(Bucket=f"code-{account}")
    client("s3").put_object(Bucket=f"code-{account}", Key="code.zip", Body=zipped(ECHO % 1))
    west = client("lambda", "us-west-2")
    create_function(west, account, ECHO % 1)

    answer = refused(
        west.update_function_code, FunctionName="orders", S3Bucket=f"code-{account}", S3Key="code.zip"
    )
    assert "PermanentRedirect" in answer[2]
