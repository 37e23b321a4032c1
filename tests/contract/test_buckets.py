"""S3 as the artifact store needs it, and how Lambda takes code from it."""

import threading
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Client
from tests.contract.planes import NAME, SandboxPlane, code_sha256, create, refused, settled, zipped
from tests.contract.sources import source

CONDITIONAL = "AmazonS3/latest/userguide/conditional-writes.html"
CREATE = "AmazonS3/latest/API/API_CreateBucket.html"


@pytest.fixture
def bucket(client: Client, account: str) -> str:
    name = f"artifacts-{account}-east"
    client("s3").create_bucket(Bucket=name)
    return name


@source(CONDITIONAL)
def test_an_object_is_written_once_when_it_must_not_exist(client: Client, bucket: str) -> None:
    s3 = client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")
    again = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
    assert again == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"


@source(CONDITIONAL)
def test_of_writers_at_the_same_time_one_wins(client: Client, bucket: str) -> None:
    s3 = client("s3")
    outcomes: list[str] = []

    def write(body: bytes) -> None:
        try:
            s3.put_object(Bucket=bucket, Key="k", Body=body, IfNoneMatch="*")
            outcomes.append("won")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=write, args=(str(number).encode(),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("won") == 1
    assert set(outcomes) <= {"won", "PreconditionFailed", "ConditionalRequestConflict"}


@source(CONDITIONAL)
def test_an_object_is_replaced_only_where_it_is_still_the_one_that_was_read(
    client: Client, bucket: str
) -> None:
    s3 = client("s3")
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["ETag"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfMatch=etag)
    stale = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"third", IfMatch=etag)
    assert stale == (412, "PreconditionFailed")


@source("AmazonS3/latest/userguide/Versioning.html")
def test_what_was_overwritten_is_there_in_a_bucket_with_versions(client: Client, bucket: str) -> None:
    s3 = client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"second")
    s3.delete_object(Bucket=bucket, Key="k")
    assert refused(s3.get_object, Bucket=bucket, Key="k") == (404, "NoSuchKey")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"first"


@source("AmazonS3/latest/userguide/checking-object-integrity.html")
def test_the_checksum_that_an_object_was_put_with_is_answered(client: Client, bucket: str) -> None:
    s3 = client("s3")
    body = zipped(1)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumSHA256=code_sha256(body))
    assert put["ChecksumSHA256"] == code_sha256(body)
    other = {"Bucket": bucket, "Key": "other", "Body": body, "ChecksumSHA256": code_sha256(zipped(2))}
    assert refused(s3.put_object, **other)[0] == 400
    shown = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert shown["ChecksumSHA256"] == code_sha256(body)


@source(CREATE)
def test_the_name_of_a_bucket_is_taken_everywhere(client: Client, bucket: str) -> None:
    other = client("s3", account="400000000001")
    assert refused(other.create_bucket, Bucket=bucket) == (409, "BucketAlreadyExists")
    west = client("s3", "us-west-2")
    location = {"LocationConstraint": "us-west-2"}
    again = refused(west.create_bucket, Bucket=bucket, CreateBucketConfiguration=location)
    assert again == (409, "BucketAlreadyOwnedByYou")


@source("lambda/latest/api/API_FunctionCode.html")
def test_lambda_takes_code_from_a_bucket_of_its_own_region_only(
    client: Client, bucket: str, account: str
) -> None:
    client("s3").put_object(Bucket=bucket, Key="k.zip", Body=zipped(1))
    west = SandboxPlane(lambda service: client(service, "us-west-2"))
    create(west)
    wanted = {"FunctionName": NAME, "S3Bucket": bucket, "S3Key": "k.zip"}
    with pytest.raises(ClientError, match="PermanentRedirect"):
        west.functions.update_function_code(**wanted)
    east = SandboxPlane(client)
    create(east)
    east.functions.update_function_code(**wanted)
    assert settled(east)["CodeSha256"] == code_sha256(zipped(1))


@source("lambda/latest/api/API_UpdateFunctionCode.html")
@pytest.mark.parametrize("missing", ["bucket", "key"])
def test_code_that_is_not_there_changes_nothing(client: Client, bucket: str, missing: str) -> None:
    plane = SandboxPlane(client)
    before = create(plane)
    where = {"S3Bucket": "nowhere-at-all" if missing == "bucket" else bucket, "S3Key": "nothing.zip"}
    with pytest.raises(ClientError, match=f"S3 Error Code: NoSuch{missing.title()}") as refusal:
        plane.functions.update_function_code(FunctionName=NAME, **where)
    assert refusal.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert settled(plane) == before


@source("lambda/latest/api/API_GetFunction.html")
def test_the_code_of_a_version_can_be_downloaded(client: Client) -> None:
    plane = SandboxPlane(client)
    create(plane, 0)
    plane.functions.publish_version(FunctionName=NAME)
    plane.functions.update_function_code(FunctionName=NAME, ZipFile=zipped(1))
    settled(plane)
    answers: list[Any] = [
        plane.functions.get_function(FunctionName=NAME, Qualifier=qualifier) for qualifier in ("1", "$LATEST")
    ]
    for answer, release in zip(answers, (0, 1), strict=True):
        with urllib.request.urlopen(answer["Code"]["Location"]) as download:  # noqa: S310 - the sandbox's
            assert download.read() == zipped(release)


@source("AmazonS3/latest/API/API_GetObject.html")
def test_an_object_that_is_not_there_is_no_such_key(client: Client, bucket: str) -> None:
    assert refused(client("s3").get_object, Bucket=bucket, Key="none") == (404, "NoSuchKey")
    status, _ = refused(client("s3").head_object, Bucket=bucket, Key="none")
    assert status == 404
