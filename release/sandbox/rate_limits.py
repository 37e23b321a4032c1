"""How many calls of Lambda's control plane an account may make in a second, in each region.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests: GetFunction 100,
GetPolicy 15, all other control-plane calls 15 together; none of them can be raised, and invocations have a
quota of their own. The page names no burst; as a token bucket of the size of the rate, it lets a second's
worth of calls through at once, which is the least that "15 a second" can mean.
"""

import json
import math
import re
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from release.sandbox import emulator, function_rules
from release.sandbox.compatibility import replace
from release.sandbox.emulator import Answer

Quota = Literal["GetFunction", "GetPolicy", "control plane"]
GET_FUNCTION_PER_SECOND = 100.0
GET_POLICY_PER_SECOND = 15.0

_INVOCATION = re.compile(r"/functions/[^/]+/(invocations|response-streaming-invocations|invoke-async)/?$")
_GET_FUNCTION = re.compile(r"/functions/[^/]+/?$")
_GET_POLICY = re.compile(r"/functions/[^/]+/policy/?$")
_CODE = re.compile(r"/functions/[^/]+/code/?$")


class TokenBucket:
    """Lets `rate` calls a second through, `rate` of them at once. Safe for threads."""

    def __init__(self, rate: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._tokens = max(1.0, rate)
        self._seen = now()
        self._lock = threading.Lock()

    def take(self) -> float:
        """0.0 when a call may go through, else the seconds until one may; then it takes nothing."""
        with self._lock:
            now = self._now()
            self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._seen) * self._rate)
            self._seen = now
            if self._tokens >= 1:
                self._tokens -= 1
                return 0.0
            return (1 - self._tokens) / self._rate


class LambdaFront:
    """What stands before Lambda's API: size and form of a request, with `rate_limit` the calls a second.

    CloudFormation calls Lambda inside the server, past it, so a stack does not draw on the caller's quota.
    """

    def __init__(self, rate_limit: float | None) -> None:
        self._rates: dict[Quota, float] = {}
        if rate_limit is not None:
            self._rates = {
                "control plane": rate_limit,
                "GetFunction": GET_FUNCTION_PER_SECOND,
                "GetPolicy": GET_POLICY_PER_SECOND,
            }
        self._buckets: dict[tuple[str, str, Quota], TokenBucket] = {}

    def install(self) -> None:
        parameters = ("method", "path", "headers", "body", "query_params")
        self._answer = replace(emulator.lambda_service, "handle_request", parameters, self.handle)

    async def handle(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Answer:
        quota = quota_of(method, path)
        if quota in self._rates and (wait := self._bucket(quota).take()):
            return _throttled(wait)
        if quota is None and (unreadable := _refusal_of_event(body)):
            return unreadable
        operation = "UpdateFunctionCode" if _CODE.search(path) else "CreateFunction"
        if quota and (refusal := function_rules.refusal_of_request(operation, len(body))):
            return refusal
        answer: Answer = await self._answer(method, path, headers, body, query_params)
        return answer

    def _bucket(self, quota: Quota) -> TokenBucket:
        key = (emulator.responses.get_account_id(), emulator.responses.get_region(), quota)
        # Requests are dispatched on one event loop, so no two of them make the same bucket.
        if key not in self._buckets:
            self._buckets[key] = TokenBucket(self._rates[quota])
        return self._buckets[key]


def quota_of(method: str, path: str) -> Quota | None:
    """The quota that this request draws on; None for an invocation."""
    if method == "POST" and _INVOCATION.search(path):
        return None
    if method == "GET" and _GET_FUNCTION.search(path):
        return "GetFunction"
    if method == "GET" and _GET_POLICY.search(path):
        return "GetPolicy"
    return "control plane"


def _refusal_of_event(body: bytes) -> Answer | None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors"""
    try:
        json.loads(body or b"null")
    except ValueError as error:
        message = f"Could not parse request body into json: Could not parse payload into json: {error}"
        return emulator.refusal("InvalidRequestContentException", message, 400)
    return None


def _throttled(wait_seconds: float) -> Answer:
    """https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html; Retry-After is in whole seconds."""
    body = {"Reason": "CallerRateLimitExceeded", "Type": "User", "message": "Rate exceeded"}
    headers = {
        "Content-Type": "application/json",
        "x-amzn-errortype": "TooManyRequestsException",
        "Retry-After": str(max(1, math.ceil(wait_seconds))),
    }
    return 429, headers, json.dumps(body).encode()
