"""botocore's errors: which may be repeated, which are lost responses, and what each is in our words."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto

from release.core.models import Place
from release.errors import Misconfigured, ReleaseError, Unavailable

_LOG_IN = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in (`aws sso login`); "
    "`aws sts get-caller-identity` shows who you are. A job of GitHub Actions needs `id-token: write`, and a "
    "`role:` for this account in pipelines/environments.yaml"
)
_CREDENTIAL_ERRORS = (
    boto.NoCredentialsError,
    boto.NoAuthTokenError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.ProfileNotFound,
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.InvalidConfigError,
    boto.MetadataRetrievalError,
    boto.RefreshWithMFAUnsupportedError,
    boto.SSOError,
    boto.LoginError,
    boto.MissingDependencyException,
    boto.UnknownCredentialError,
)
_CREDENTIAL_CODES = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "AuthFailure",
}
_DENIED_CODES = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden"}
_THROTTLE_CODES = {
    "TooManyRequestsException",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
}
_NEVER_SENT = (
    boto.EndpointConnectionError,
    boto.ConnectTimeoutError,
    boto.ProxyConnectionError,
    boto.SSLError,
)
_NETWORK = (
    boto.ConnectionError,
    boto.HTTPClientError,
    boto.IncompleteReadError,
)


def error_code(error: Exception) -> str:
    """AWS' name for what went wrong, "" when AWS did not answer."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, boto.ClientError) else ""


def error_message(error: Exception) -> str:
    text = error.response.get("Error", {}).get("Message", "") if isinstance(error, boto.ClientError) else ""
    return text or str(error) or type(error).__name__


def http_status(error: Exception) -> int:
    """0 when AWS did not answer."""
    if not isinstance(error, boto.ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_throttled(error: Exception) -> bool:
    """AWS refused to look at the call: it has certainly had no effect."""
    return error_code(error) in _THROTTLE_CODES or http_status(error) == 429


def is_response_lost(error: Exception) -> bool:
    """The call was sent and may have had its effect, but nobody told us."""
    if isinstance(error, boto.ClientError):
        return http_status(error) >= 500 and not is_throttled(error)
    return isinstance(error, _NETWORK) and not isinstance(error, _NEVER_SENT)


def is_transient(error: Exception) -> bool:
    """Worth another try, where trying again is safe."""
    return is_throttled(error) or is_response_lost(error) or isinstance(error, _NEVER_SENT)


def retry_after(error: Exception) -> float | None:
    """Seconds that AWS asks us to stay away, at most a minute. None: it did not say."""
    if not isinstance(error, boto.ClientError):
        return None
    said = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("retry-after")
    try:
        return None if said is None else min(60.0, max(0.0, float(said)))
    except ValueError:  # the header may also be a date; AWS does not send one
        return None


@contextmanager
def translated(place: Place, doing: str) -> Iterator[None]:
    """Errors of botocore leave this block as ours. `doing` completes the sentence "failed while …"."""
    try:
        yield
    except (boto.BotoCoreError, boto.ClientError) as error:
        raise translate(error, place, doing) from error


def translate(error: Exception, place: Place, doing: str) -> ReleaseError:
    """The error of ours for one of botocore's."""
    code, status = error_code(error), http_status(error)
    cause = f"{doing} (account {place.account}, {place.region}): {error_message(error)}"
    if is_throttled(error):
        return Unavailable(
            f"AWS throttled us while {cause}",
            fix="wait until other deployments in this account and region have ended, then try again",
        )
    if isinstance(error, _CREDENTIAL_ERRORS) or code in _CREDENTIAL_CODES:
        return Misconfigured(f"no valid AWS credentials while {cause}", fix=_LOG_IN)
    if isinstance(error, boto.ClientError) and error.operation_name == "AssumeRole":
        return Misconfigured(
            f"cannot assume {place.role} while {cause}",
            fix="allow sts:AssumeRole on the role: in your identity's policy and in the role's trust policy",
        )
    if code in _DENIED_CODES or status in (401, 403):
        return Misconfigured(
            f"access denied while {cause}",
            fix="give the identity that the message names the permission that it lacks",
        )
    if isinstance(error, _NETWORK) or status >= 500:
        return Unavailable(
            f"AWS {'failed' if status else 'cannot be reached'} while {cause}",
            fix="check the network, the proxy, the region and AWS_ENDPOINT_URL, then try again",
        )
    if code:
        return Misconfigured(
            f"AWS refused {cause} [{code}]",
            fix="correct what the message names, then try again",
        )
    return Misconfigured(
        f"failed while {cause}", fix="correct the AWS setting or name that the message is about"
    )
