"""A fault rule: which calls it meets, when it fires, what becomes of the call; what may be wrong in it."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Literal

from release.errors import Misconfigured
from release.sandbox.calls import Call

MESSAGE = "injected by the sandbox"
_EFFECTS = ("status", "code", "latency_ms", "close", "hang", "hold", "stack")
_OF_STACKS = frozenset(
    ("stack", "region", "account", "skip", "times", "nth", "probability", "seed", "message")
)
# Functions and buckets are called by name: a rule with an ARN would wait for a call that nobody makes.
_ARN_OF_NAMED = re.compile(r"arn:[^:]*:(?:lambda:[^:]*:[^:]*:function:|s3:::)(.+)")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One fault. What says which calls it meets is None (any) or must match.

    `service` and `operation` are botocore's names ("lambda", "UpdateAlias"), or those of GitHub's description
    ("github", "repos/create-release"); `operation` and `resource` are globs, the latter of any name in
    `Call.resources`; `path` is a regular expression searched in the path. `stack` is one searched in "TYPE
    VERB NAME" (AWS::Lambda::Function update orders), and fails that resource of a stack, in this region and
    account, instead of a call.

    Of the calls that it meets the first `skip` pass; then each fires with `probability` (drawn by `seed`), at
    most `times` times. `nth` is the one call with that number.

    `when` "before": the call is not carried out; "after": it is. Then it waits `latency_ms`, and with `hold`
    until the rule is removed. Then it ends: with an error (`status` and `code`; the service's own code when
    only the status is given), with `close` (the connection ends without an answer), with `hang` (there is
    never an answer), or as if there were no rule.
    """

    service: str | None = None
    operation: str | None = None
    resource: str | None = None
    region: str | None = None
    account: str | None = None
    method: str | None = None
    path: str | None = None
    stack: str | None = None
    probability: float = 1.0
    seed: int = 1
    nth: int | None = None
    skip: int = 0
    times: int | None = None
    when: Literal["before", "after"] = "before"
    latency_ms: float = 0.0
    hold: bool = False
    hang: bool = False
    close: bool = False
    status: int | None = None
    code: str | None = None
    message: str = MESSAGE
    retry_after: float | None = None  # seconds, in the header Retry-After of the error

    def meets(self, call: Call) -> bool:
        exact = (
            (self.service, call.service),
            (self.region, call.region),
            (self.account, call.account),
            (self.method, call.method),
        )
        return (
            self.stack is None
            and all(want in (None, have) for want, have in exact)
            and (self.operation is None or fnmatchcase(call.operation, self.operation))
            and (self.resource is None or any(fnmatchcase(name, self.resource) for name in call.resources))
            and (self.path is None or re.search(self.path, call.path) is not None)
        )

    def meets_resource(self, subject: str, region: str, account: str) -> bool:
        """Whether it fails this resource of a stack, "TYPE VERB NAME"."""
        return (
            self.stack is not None
            and self.region in (None, region)
            and self.account in (None, account)
            and re.search(self.stack, subject) is not None
        )

    def given(self) -> dict[str, Any]:
        """The fields that are not left at their defaults: the rule as somebody would write it."""
        values = asdict(self)
        return {
            field.name: values[field.name] for field in fields(self) if values[field.name] != field.default
        }


def parse_rule(given: Any) -> FaultRule:
    """A rule from a JSON object. Raises Misconfigured; services and operations are not looked up here."""
    if not isinstance(given, Mapping):
        raise Misconfigured("a fault rule is no JSON object", fix='write it as {"service": "lambda", …}')
    values = {str(key): value for key, value in given.items() if value is not None}
    known = {field.name: str(field.type) for field in fields(FaultRule)}
    for key in values:
        if key not in known:
            meant = get_close_matches(key, known, n=1)
            raise Misconfigured(
                f"a fault rule has no {key!r}",
                fix=f"did you mean {meant[0]!r}?" if meant else f"a rule has: {', '.join(known)}",
            )
    for key, value in values.items():
        kind, holds, says = _CHECKS[key]
        is_flag_as_number = isinstance(value, bool) and kind is not bool
        if not isinstance(value, kind) or is_flag_as_number or not holds(value):
            raise Misconfigured(f"{key} of a fault is {value!r}", fix=f"{key} is {says}")
    rule = FaultRule(**values)
    _agree(rule, frozenset(values))
    return rule


def _agree(rule: FaultRule, given: frozenset[str]) -> None:
    """Raises Misconfigured for fields that are right each, but not together: what is said has to act."""
    if rule.stack is not None and (other := sorted(given - _OF_STACKS)):
        raise Misconfigured(
            f"a fault of a stack's resource has no {other[0]}",
            fix="it has a message, where and when it fires; a fault of a call is a rule of its own",
        )
    if rule.resource is not None and (found := _ARN_OF_NAMED.fullmatch(rule.resource)):
        raise Misconfigured(
            f"resource of a fault is the ARN {rule.resource}",
            fix=f"say {found[1].replace(':', '/')!r}, and its region and account as fields of their own",
        )
    if rule.nth is not None and given & {"skip", "times"}:
        raise Misconfigured(
            "nth of a fault goes with neither skip nor times", fix="nth N is skip N-1, times 1"
        )
    ends: list[str] = [name for name in ("hang", "close") if name in given and getattr(rule, name)]
    if given & {"status", "code"}:
        ends.append("status")
    if len(ends) > 1:
        raise Misconfigured(f"a fault ends one way, not by {' and '.join(ends)}", fix="make two rules of it")
    if not any(getattr(rule, name) for name in _EFFECTS):
        raise Misconfigured(
            "the fault does nothing to the calls that it meets",
            fix="give it a status, a latency, or that it closes, hangs or holds",
        )
    is_error = rule.status is not None or rule.code is not None
    if not is_error and (idle := sorted(given & {"message", "retry_after"})) and rule.stack is None:
        raise Misconfigured(f"{idle[0]} of a fault is of an error", fix="give it a status as well")
    if rule.code is not None and rule.status is None and rule.code not in STATUSES:
        raise Misconfigured(
            f"the HTTP status of {rule.code} is not known", fix="give the fault a status as well"
        )


def _is_regex(value: Any) -> bool:
    try:
        re.compile(value)
    except re.error:
        return False
    return True


def _is_whole(least: int) -> Callable[[Any], bool]:
    return lambda value: bool(value >= least)


# The status of codes that say it themselves.
STATUSES = {
    "AccessDenied": 403,
    "AccessDeniedException": 403,
    "ConditionalRequestConflict": 409,
    "InternalError": 500,
    "InternalFailure": 500,
    "PreconditionFailed": 412,
    "PreconditionFailedException": 412,
    "RateLimit": 403,
    "ResourceConflictException": 409,
    "SecondaryRateLimit": 403,
    "ServiceException": 500,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
    "Throttling": 400,
    "ThrottlingException": 400,
    "TooManyRequestsException": 429,
}

_Kind = type | tuple[type, ...]
_Check = tuple[_Kind, Callable[[Any], bool], str]
_TEXT: _Check = (str, bool, "a text that is not empty")
_REGEX: _Check = (str, _is_regex, "a regular expression of Python")
_FLAG: _Check = (bool, lambda _: True, "true or false")
_CHECKS: Mapping[str, _Check] = {
    "service": _TEXT,
    "operation": _TEXT,
    "resource": _TEXT,
    "region": (str, lambda value: bool(_REGION.fullmatch(value)), "the name of a region, such as us-east-1"),
    "account": (str, lambda value: bool(re.fullmatch(r"[0-9]{12}", value)), "a text of 12 digits"),
    "method": (str, lambda value: value.isalpha() and value.isupper(), "an HTTP method, such as PUT"),
    "path": _REGEX,
    "stack": _REGEX,
    "probability": ((int, float), lambda value: 0 <= value <= 1, "a number from 0 to 1"),
    "seed": (int, lambda _: True, "a whole number"),
    "nth": (int, _is_whole(1), "a whole number from 1"),
    "skip": (int, _is_whole(0), "a whole number from 0"),
    "times": (int, _is_whole(1), "a whole number from 1"),
    "when": (str, lambda value: value in ("before", "after"), '"before" or "after"'),
    "latency_ms": ((int, float), lambda value: 0 <= value < math.inf, "a number of milliseconds"),
    "hold": _FLAG,
    "hang": _FLAG,
    "close": _FLAG,
    "status": (int, lambda value: 400 <= value <= 599, "the HTTP status of an error, from 400 to 599"),
    "code": (
        str,
        lambda value: bool(re.fullmatch(r"[\w.:-]+", value)),
        "the code of an error, such as Throttling",
    ),
    "message": _TEXT,
    "retry_after": ((int, float), lambda value: 0 <= value < math.inf, "a number of seconds"),
}
