"""How an injected error looks on the wire: the code that the service itself would give, in its own protocol.

GitHub has no codes: ours for it name its messages.

Shapes: https://smithy.io/2.0/aws/protocols/index.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from release.sandbox.calls import Call, Speech
from release.sandbox.fault_rules import MESSAGE, STATUSES, FaultRule
from release.sandbox.operations import declared_codes

_THROTTLED = 429
# Where several codes have one status, the one that people mean by it:
# https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html and each operation's own page.
_LAMBDA = {
    400: "InvalidParameterValueException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    409: "ResourceConflictException",
    412: "PreconditionFailedException",
    500: "ServiceException",
    503: "ServiceUnavailableException",
}
_S3 = {
    400: "InvalidRequest",
    403: "AccessDenied",
    404: "NoSuchKey",
    409: "OperationAborted",
    412: "PreconditionFailed",
    500: "InternalError",
    503: "SlowDown",
}
# What all services share: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
_COMMON = {
    400: "ValidationError",
    403: "AccessDenied",
    404: "ResourceNotFound",
    409: "ConcurrentModification",
    412: "PreconditionFailed",
    500: "InternalFailure",
    503: "ServiceUnavailable",
}
# https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api and
# .../troubleshooting-the-rest-api
_GITHUB = {
    400: "BadRequest",
    401: "BadCredentials",
    403: "ResourceNotAccessible",
    404: "NotFound",
    409: "Conflict",
    422: "ValidationFailed",
    502: "BadGateway",
    503: "ServiceUnavailable",
}
_SAID_BY_GITHUB = {
    "BadCredentials": "Bad credentials",
    "ResourceNotAccessible": "Resource not accessible by integration",
    "NotFound": "Not Found",
    "ValidationFailed": "Validation Failed",
    "RateLimit": "API rate limit exceeded for user ID 1.",
    "SecondaryRateLimit": "You have exceeded a secondary rate limit. "
    "Please wait a few minutes before you try again.",
}
_COMMON_JSON = _COMMON | {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    409: "ConflictException",
    412: "PreconditionFailedException",
}
# S3 says 409 to a conditional write that raced another one:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_CONDITIONAL_WRITES = ("PutObject", "CopyObject", "CompleteMultipartUpload")
_REQUEST_ID = b"00000000-0000-0000-0000-00000000fa17"

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class WireError:
    """An error as it goes out: HTTP status, headers, body."""

    status: int
    headers: Headers
    body: bytes


def error_of(rule: FaultRule, call: Call, speech: Speech) -> WireError:
    """The error with which the rule answers this call; the rule has a status or a code."""
    status, code = _status_and_code(rule, call, speech)
    kind, body = _document(code, rule.message, status, call, speech)
    headers = [(b"content-type", kind.encode()), *_headers(rule, code, status, call, speech)]
    # The answer to HEAD has no body, so that a client of S3 sees the status alone, as with AWS.
    return WireError(status, tuple(headers), b"" if call.method == "HEAD" else body)


def _status_and_code(rule: FaultRule, call: Call, speech: Speech) -> tuple[int, str]:
    if rule.code is not None:
        return rule.status or STATUSES[rule.code], rule.code
    status = rule.status or 500
    if status == _THROTTLED:
        return _throttle(call, speech)
    if speech.protocol == "github":
        # Of the two limits the one that says how long to wait.
        is_limit = status == 403 and rule.retry_after is not None
        return status, "SecondaryRateLimit" if is_limit else _GITHUB.get(status, "InternalError")
    if speech.protocol == "s3":
        raced = status == 409 and call.operation in _CONDITIONAL_WRITES
        return status, "ConditionalRequestConflict" if raced else _S3.get(status, "InternalError")
    preferred = _LAMBDA.get(status) if call.service == "lambda" else None
    declared = declared_codes(call.service, call.operation, status)
    common = _COMMON if speech.protocol in ("query", "ec2", "rest-xml") else _COMMON_JSON
    of_its_kind = common[400] if status < 500 else common[500]
    return status, preferred or next(iter(declared), None) or common.get(status, of_its_kind)


def _throttle(call: Call, speech: Speech) -> tuple[int, str]:
    """429 means "throttled", which few services say by that status."""
    match speech.protocol:
        case "s3":
            return 503, "SlowDown"
        case "query" | "rest-xml":
            return 400, "Throttling"
        case "ec2":
            return 503, "RequestLimitExceeded"
        case "json" | "cbor":
            # SQS and CloudWatch kept the code of their time with the query protocol
            return 400, "Throttling" if speech.query_codes else "ThrottlingException"
        case "rest-json":
            return _THROTTLED, "TooManyRequestsException"
        case "github":
            return _THROTTLED, "SecondaryRateLimit"


def _headers(
    rule: FaultRule, code: str, status: int, call: Call, speech: Speech
) -> Iterator[tuple[bytes, bytes]]:
    if speech.protocol == "github":
        yield b"x-github-request-id", _REQUEST_ID
        if code == "RateLimit":
            yield b"x-ratelimit-remaining", b"0"
            yield b"x-ratelimit-reset", str(int(time.time() + (rule.retry_after or 60))).encode()
            return
    elif speech.protocol == "s3":
        yield b"x-amz-request-id", _REQUEST_ID
    else:
        yield b"x-amzn-requestid", _REQUEST_ID
    if speech.protocol in ("rest-json", "json"):
        yield b"x-amzn-errortype", code.encode()
    if speech.protocol == "cbor":
        yield b"smithy-protocol", b"rpc-v2-cbor"
    if speech.query_codes:
        yield b"x-amzn-query-error", f"{code};{'Sender' if status < 500 else 'Receiver'}".encode()
    # https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html says it of TooManyRequestsException
    throttled_by_lambda = call.service == "lambda" and status == _THROTTLED
    wait = 1.0 if rule.retry_after is None and throttled_by_lambda else rule.retry_after
    if wait is not None:
        yield b"retry-after", f"{wait:g}".encode()


def _document(code: str, message: str, status: int, call: Call, speech: Speech) -> tuple[str, bytes]:
    """Content type and body."""
    words = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    request = _REQUEST_ID.decode()
    match speech.protocol:
        case "s3":
            path = escape(call.path.partition("?")[0])
            error = f"<Error>{words}<Resource>{path}</Resource><RequestId>{request}</RequestId></Error>"
            return "application/xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'.encode()
        case "query" | "rest-xml":
            blame = "Sender" if status < 500 else "Receiver"
            error = f"<Error><Type>{blame}</Type>{words}</Error><RequestId>{request}</RequestId>"
            return "text/xml", f"<ErrorResponse>{error}</ErrorResponse>".encode()
        case "ec2":
            error = f"<Errors><Error>{words}</Error></Errors><RequestID>{request}</RequestID>"
            return "text/xml", f"<Response>{error}</Response>".encode()
        case "cbor":
            return "application/cbor", _cbor({"__type": code, "message": message})
        case "json":
            body = {"__type": code, "message": message}
            return speech.content_type or "application/x-amz-json-1.0", json.dumps(body).encode()
        case "rest-json":
            return "application/json", json.dumps({"Type": "User", "message": message}).encode()
        case "github":
            said = _SAID_BY_GITHUB.get(code, message) if message == MESSAGE else message
            body = {
                "message": said,
                "documentation_url": "https://docs.github.com/rest",
                "status": str(status),
            }
            return "application/json; charset=utf-8", json.dumps(body).encode()


def _cbor(texts: dict[str, str]) -> bytes:
    """A map of a few texts, in CBOR (RFC 8949, sections 3.1 and 3.2)."""

    def text(value: str) -> bytes:
        raw = value.encode()
        return b"\x7a" + len(raw).to_bytes(4, "big") + raw

    return bytes([0xA0 + len(texts)]) + b"".join(text(key) + text(value) for key, value in texts.items())
