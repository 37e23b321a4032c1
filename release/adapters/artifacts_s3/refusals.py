"""What S3 refuses, and why an answer does not come, in the words of a user."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)

from release.errors import Misconfigured, ReleaseError, Unavailable

MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
TAKEN = frozenset({"412", "PreconditionFailed"})
RACING = frozenset({"409", "ConditionalRequestConflict"})  # another conditional put of this key is under way
_BUSY = frozenset(
    {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "500", "502", "503", "504"}
)
DENIED = frozenset({"403", "AccessDenied", "AllAccessDisabled", "AccountProblem"})
_CREDENTIALS = frozenset(
    {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "RequestTimeTooSkewed"}
)
_ELSEWHERE = frozenset(
    {"301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    TokenRetrievalError,
    SSOError,
)
_NO_ANSWER = (HTTPClientError, ConnectionError, IncompleteReadError)
_SEE = "pipelines/environments.yaml"


def explain(error: ClientError | BotoCoreError, *, bucket: str, region: str) -> ReleaseError:
    """The error for a refusal, or for an answer that did not come."""
    if not isinstance(error, ClientError):
        return _explain_without_answer(error, bucket, region)
    code = code_of(error)
    said = f"{error.operation_name}: {code}"
    if code == "NoSuchBucket":
        return Misconfigured(
            f"there is no bucket {bucket} in {region}",
            fix="create it, or correct artifacts.bucket",
            see=_SEE,
        )
    if code in DENIED:
        return Misconfigured(
            f"access to the bucket {bucket} was denied ({said})",
            fix="give this role s3:GetObject and s3:ListBucket there (the build role s3:PutObject, too), "
            "and check artifacts.account",
            see=_SEE,
        )
    if code in _CREDENTIALS:
        return Misconfigured(
            f"the credentials for the bucket {bucket} are not valid ({said})", fix="sign in to AWS again"
        )
    if code in _ELSEWHERE:
        return Misconfigured(
            f"the bucket {bucket} is not in {region} ({said})",
            fix="put {region} into artifacts.bucket, and create a bucket in every region",
            see=_SEE,
        )
    if code in _BUSY or code in RACING:
        return Unavailable(f"S3 in {region} is busy ({said})", fix="try again")
    return Misconfigured(
        f"S3 refused a request for the bucket {bucket}: {error}", fix="see S3's own words above", see=_SEE
    )


def code_of(error: ClientError) -> str:
    """S3's own word for it."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _explain_without_answer(error: BotoCoreError, bucket: str, region: str) -> ReleaseError:
    if isinstance(error, _NO_CREDENTIALS):
        return Misconfigured(
            f"there are no usable AWS credentials for the bucket {bucket}: {error}",
            fix="sign in to AWS; a job of GitHub Actions needs `role:` of `artifacts`, and `id-token: write`",
            see=_SEE,
        )
    if isinstance(error, _NO_ANSWER):
        return Unavailable(
            f"S3 in {region} cannot be reached: {error}",
            fix="check the network and AWS_ENDPOINT_URL, and try again",
        )
    return Misconfigured(
        f"a request for the bucket {bucket} could not be made: {error}", fix="correct it", see=_SEE
    )
