"""How the Lambda service reads a zip from S3: with the caller's rights, also across accounts.

ministack looks only into the caller's own account, and creates a function without code where the object is
missing. On AWS the bucket may belong to another account, whose bucket policy decides; the messages are those
of UpdateFunctionCode. And how Lambda gives code back: GetFunction's link leads to the code of the version
that was asked for (https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html), ministack's to
$LATEST.
"""

import json
from typing import Any
from urllib.parse import urlsplit

from release.sandbox import emulator
from release.sandbox.compatibility import replace
from release.sandbox.emulator import Answer

_GET_OBJECT = "Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"


def install(endpoint: str) -> None:
    """Replaces how ministack's Lambda and CloudFormation read code, and how Lambda gives it back.

    `endpoint` is the URL of the server.
    """
    reader = _CodeReader()
    reader.fetch_locally = replace(
        emulator.lambda_service, "_fetch_code_from_s3", ("bucket", "key", "version_id"), reader.fetch
    )
    reader.region_message_locally = replace(
        emulator.lambda_service, "s3_code_region_message", ("bucket", "layer"), reader.region_message
    )
    links = _CodeLinks(endpoint)
    links.get_any = replace(emulator.lambda_service, "_get_function", ("name", "qualifier"), links.get)
    replace(
        emulator.lambda_service, "serve_function_code", ("func_name", "account_id", "region"), links.serve
    )


class _CodeReader:
    fetch_locally: Any
    region_message_locally: Any

    def fetch(self, bucket: str, key: str, version_id: str | None = None) -> bytes | None:
        owner = _owner(bucket)
        if owner is None or not _may_read(owner, bucket, key, version_id):
            return None
        with emulator.responses.request_scope(owner, emulator.responses.get_region()):
            code: bytes | None = self.fetch_locally(bucket, key, version_id)
        return code

    def region_message(self, bucket: str, layer: bool = False) -> str | None:
        owner = _owner(bucket)
        if owner is None:
            return None
        with emulator.responses.request_scope(owner, emulator.responses.get_region()):
            message: str | None = self.region_message_locally(bucket, layer)
        return message


class _CodeLinks:
    get_any: Any

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def get(self, name: str, qualifier: str | None = None) -> Answer:
        answer: Answer = self.get_any(name, qualifier)
        if answer[0] != 200:
            return answer
        shown = json.loads(answer[2])
        if location := shown["Code"].get("Location"):
            link = urlsplit(location)
            version = shown["Configuration"]["Version"]
            shown["Code"]["Location"] = f"{self._endpoint}{link.path}:{version}?{link.query}"
        return answer[0], answer[1], json.dumps(shown).encode()

    @staticmethod
    def serve(func_name: str, account_id: str | None = None, region: str | None = None) -> Answer:
        name, _, version = func_name.partition(":")
        function = emulator.lambda_service._functions.get_scoped(account_id, region, name) or {}
        record = function if version in ("", "$LATEST") else (function.get("versions") or {}).get(version)
        if not record:
            return 404, {"Content-Type": "text/plain"}, b"there is no such function or version"
        return 200, {"Content-Type": "application/zip"}, record.get("code_zip") or b""


def refusal_of(code: dict[str, Any]) -> Answer | None:
    """Why Lambda would not take this Code (`S3Bucket`, `S3Key`, `S3ObjectVersion`), None when it would."""
    bucket, key, version_id = code.get("S3Bucket"), code.get("S3Key"), code.get("S3ObjectVersion")
    if not bucket or not key:
        return None
    owner = _owner(bucket)
    if owner is None:
        return _invalid(
            _GET_OBJECT.format(code="NoSuchBucket", message="The specified bucket does not exist")
        )
    if not _may_read(owner, bucket, key, version_id):
        return emulator.refusal(
            "AccessDeniedException",
            "Your access has been denied by S3, please make sure your request credentials have permission to "
            f"GetObject for {bucket}/{key}. S3 Error Code: AccessDenied. S3 Error Message: Access Denied",
            403,
        )
    if message := emulator.lambda_service.s3_code_region_message(bucket):
        return _invalid(message)
    if emulator.lambda_service._fetch_code_from_s3(bucket, key, version_id) is None:
        missing = ("NoSuchVersion", "The specified version does not exist.")
        if not version_id:
            missing = ("NoSuchKey", "The specified key does not exist.")
        return _invalid(_GET_OBJECT.format(code=missing[0], message=missing[1]))
    return None


def _invalid(message: str) -> Answer:
    return emulator.refusal("InvalidParameterValueException", message, 400)


def _owner(bucket: str) -> str | None:
    owner: str | None = emulator.s3._bucket_owner_account(bucket)
    return owner


def _may_read(owner: str, bucket: str, key: str, version_id: str | None) -> bool:
    caller = emulator.responses.get_account_id()
    if caller == owner:
        return True
    query = {"versionId": version_id} if version_id else {}
    return bool(emulator.s3._foreign_bucket_allows(owner, bucket, key, "GET", query, caller))
