"""How accounts are set up: identities, trust policies, buckets. Every call reads, and gives up in seconds."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from release.adapters.aws import Aws
from release.adapters.aws.errors import error_code, http_status, translated
from release.core.access import Access
from release.core.models import Place

_SECONDS: Final = 5.0
_NOTHING: Final = "release-doctor-looks-whether-it-may-ask"
_DENIED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403")
_PUBLIC: Final = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
# Permission -> service, method, arguments. Each names what is not there: an answer is 404, or empty.
_READS: Final[Mapping[str, tuple[str, str, Mapping[str, Any]]]] = {
    "lambda:GetFunction": ("lambda", "get_function", {"FunctionName": _NOTHING}),
    "cloudformation:DescribeStacks": ("cloudformation", "describe_stacks", {"StackName": _NOTHING}),
    "cloudwatch:DescribeAlarms": ("cloudwatch", "describe_alarms", {"AlarmNames": [_NOTHING]}),
}


class AwsAccounts:
    """Places as `release` sees them. `access`: whom this process becomes where a place has several roles."""

    def __init__(self, aws: Aws, access: Access | None) -> None:
        self._aws = aws
        self._access = access

    def account(self, place: Place) -> str:
        return self._aws.account(place)

    def becomes(self, place: Place) -> str | None:
        return place.role_for(self._access)

    def may(self, place: Place, permission: str) -> bool:
        service, method, arguments = _READS[permission]
        with translated(place, f"trying {permission}"):
            try:
                getattr(self._client(place, service), method)(**arguments)
            except ClientError as error:
                if error_code(error) in _DENIED:
                    return False
                # 404, or CloudFormation's ValidationError for a stack that does not exist: we may ask.
                if http_status(error) not in (400, 404) or "Token" in error_code(error):
                    raise
        return True

    def trust(self, place: Place, role: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html: RFC 3986 encoded, or read
        already.
        """
        with translated(place, f"reading the trust policy of {role}"):
            found = self._client(place, "iam").get_role(RoleName=role.rsplit("/", 1)[-1])
        policy = found["Role"]["AssumeRolePolicyDocument"]
        read = json.loads(unquote(policy)) if isinstance(policy, str) else policy
        return read if isinstance(read, dict) else {}

    def has_bucket(self, place: Place, bucket: str) -> bool | None:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html: no body, so the code is the
        status.
        """
        with translated(place, f"looking at the bucket {bucket}"):
            try:
                self._client(place, "s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=place.account)
            except ClientError as error:
                match http_status(error):
                    case 404:
                        return None
                    case 403 if "Token" not in error_code(error):
                        return False
                    case 301:  # in another region: `bucket_region` tells
                        return True
                    case _:
                        raise
        return True

    def bucket_region(self, place: Place, bucket: str) -> str:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html: us-east-1 is null."""
        with translated(place, f"asking where the bucket {bucket} is (s3:GetBucketLocation)"):
            found = self._client(place, "s3").get_bucket_location(
                Bucket=bucket, ExpectedBucketOwner=place.account
            )
        location = found.get("LocationConstraint") or "us-east-1"
        return "eu-west-1" if location == "EU" else str(location)

    def is_versioned(self, place: Place, bucket: str) -> bool:
        with translated(place, f"asking for versions of {bucket} (s3:GetBucketVersioning)"):
            found = self._client(place, "s3").get_bucket_versioning(
                Bucket=bucket, ExpectedBucketOwner=place.account
            )
        return str(found.get("Status")) == "Enabled"

    def is_encrypted(self, place: Place, bucket: str) -> bool:
        with translated(place, f"asking for encryption of {bucket} (s3:GetEncryptionConfiguration)"):
            try:
                self._client(place, "s3").get_bucket_encryption(
                    Bucket=bucket, ExpectedBucketOwner=place.account
                )
            except ClientError as error:
                if error_code(error) == "ServerSideEncryptionConfigurationNotFoundError":
                    return False
                raise
        return True

    def is_private(self, place: Place, bucket: str) -> bool:
        """The account's own block holds for every bucket, but may not be ours to read: then the bucket's is
        what counts.
        """
        with translated(place, f"asking for public access of {bucket} (s3:GetBucketPublicAccessBlock)"):
            try:
                found = self._client(place, "s3").get_public_access_block(
                    Bucket=bucket, ExpectedBucketOwner=place.account
                )
            except ClientError as error:
                if error_code(error) != "NoSuchPublicAccessBlockConfiguration":
                    raise
                found = {}
        return _blocks(found) or self._account_is_private(place)

    def _account_is_private(self, place: Place) -> bool:
        try:
            client = self._client(place, "s3control")
            return _blocks(client.get_public_access_block(AccountId=place.account))
        except (BotoCoreError, ClientError):
            return False

    def _client(self, place: Place, service: str) -> Any:
        return self._aws.client(place, service, attempts=2, read_timeout=_SECONDS)


def _blocks(found: Mapping[str, Any]) -> bool:
    block = found.get("PublicAccessBlockConfiguration", {})
    return all(block.get(name) is True for name in _PUBLIC)
