"""Which conditions of a statement say who calls.

Operators and keys: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
and https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final

from release.core.infra_values import Value, mapping
from release.core.policies.policy import Node, each, possible, said

# …IfExists and ForAllValues: are fulfilled by a call that has no such key; …Not… by everybody but one.
_TEXTS: Final = ("stringequals", "stringlike", "arnequals", "arnlike")
_ADDRESSES: Final = "ipaddress"
# Nobody else can set these: aws:PrincipalTag, aws:UserAgent or aws:Referer are the caller's own words.
_CALLERS: Final = frozenset(
    {
        *("aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths"),
        *("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner"),
        *("aws:sourcevpc", "aws:sourcevpce", "kms:calleraccount"),
    }
)
_ADDRESS: Final = "aws:sourceip"
_WILD: Final = re.compile(r"[*?]")
# Variables of IAM are known when somebody calls; those of the resource are the owner's.
_OF_THE_CALL: Final = re.compile(r"\$\{!?(?!aws:resource)[a-z0-9-]+:(?!:)", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")
_INTERNET_V4: Final = 1  # two rules of /1 make the internet
_INTERNET_V6: Final = 3  # 2000::/3 is every address that is given out


def says_who(condition: Node) -> bool:
    """Whether a call must come from somebody who is named, in whatever branch of Fn::If."""
    return all(any(_names(*test) for test in mapping(one).items()) for one in possible(condition))


def _names(operator: str, tests: Value) -> bool:
    plain = operator.lower().removeprefix("foranyvalue:")
    return all(
        any(_is_of_caller(plain, key.lower(), value) for key, value in mapping(one).items())
        for one in possible(tests)
    )


def _is_of_caller(operator: str, key: str, value: Value) -> bool:
    """One value that anybody has is enough to let everybody in: all of them must be somebody's."""
    if any(one is None for one in possible(value)):
        return False
    named = list(each(value))
    if operator == _ADDRESSES:
        return key == _ADDRESS and bool(named) and all(map(_is_some_range, named))
    return operator in _TEXTS and key in _CALLERS and bool(named) and all(map(_is_somebodys, named))


def _is_some_range(value: Value) -> bool:
    try:
        network = ipaddress.ip_network(said(value), strict=False)
    except ValueError:
        return isinstance(value, Mapping)  # what only AWS knows passes
    return network.prefixlen > (_INTERNET_V4 if network.version == 4 else _INTERNET_V6)


def _is_somebodys(value: Value) -> bool:
    """A pattern must name the account, or what has no account in its ARN: arn:aws:s3:::bucket."""
    text = said(value)
    if _OF_THE_CALL.search(text):
        return False
    pattern = _WILD.search(text)
    if pattern is None:
        return True
    parts = _VARIABLE.sub("x", text).split(":", 5)
    if parts[0] == "arn":
        account, resource = (*parts, *("",) * 6)[4:6]
        return not _WILD.search(account) if account else bool(resource) and not _WILD.match(resource)
    fixed = text[: pattern.start()]
    return "${" in fixed or "/" in fixed  # o-abcdef/r-ab12/*, or what a parameter begins
