"""Whom a role trusts: jobs of GitHub Actions, by the subject of their token."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from shlex import quote
from typing import Any, Final

from release.core.doctor.findings import Finding, Trouble, no, ok, troubled

ISSUER: Final = "token.actions.githubusercontent.com"
_EXCHANGE: Final = "sts:AssumeRoleWithWebIdentity"
_IDS: Final = re.compile(r"^repo:([^@/:*]+)@[0-9]+/([^@/:*]+)@[0-9]+:")
# Jobs that no environment holds: whoever pushes a branch, or opens a pull request, starts one.
_ANYBODY: Final = ("ref:refs/heads/anybody", "pull_request", "environment:of-somebody-else")


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """`environments`: of GitHub, whose jobs become it. `trust`: the policy, as AWS has it."""

    arn: str
    environments: tuple[str, ...]
    trust: Mapping[str, Any] | Trouble

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def name(self) -> str:
        return self.arn.rsplit("/", 1)[-1]

    @property
    def label(self) -> str:
        return f"{self.account}/{self.name}"


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs of one repository, and how they are called: with ids where it was made after 2026-07-15."""

    repository: str
    ids: tuple[int, int] | None

    def subjects(self, context: str, unknown: str) -> tuple[str, str]:
        """Both forms of the subject of a job. `unknown` stands for an id that is not known."""
        owner, _, name = self.repository.partition("/")
        first, second = self.ids or (unknown, unknown)
        return f"repo:{self.repository}:{context}", f"repo:{owner}@{first}/{name}@{second}:{context}"


def trust(role: RoleFacts, jobs: Jobs) -> Finding:
    """Whether the jobs of its environments can become it, and no others can."""
    if isinstance(role.trust, Trouble):
        return troubled("trust", role.trust, role.label)
    wanted = [f"environment:{name}" for name in role.environments]
    lacks = [one for one in wanted if not _trusts(role.trust, jobs, one)]
    fix = _trusting(role, jobs)
    if lacks:
        return no("trust", f"does not trust jobs of {', '.join(lacks)}", fix, role.label)
    lets = [one for one in _ANYBODY if _trusts(role.trust, jobs, one)]
    if lets:
        return no("trust", f"trusts jobs of the repository wherever they run ({lets[0]})", fix, role.label)
    return ok("trust", f"{', '.join(wanted)} of {jobs.repository}", role.label)


def _trusting(role: RoleFacts, jobs: Jobs) -> str:
    """The command that lets the jobs of these environments become it; what else it trusts has to be kept."""
    subjects = [form for one in role.environments for form in jobs.subjects(f"environment:{one}", "*")]
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{role.account}:oidc-provider/{ISSUER}"},
        "Action": _EXCHANGE,
        "Condition": {
            "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"},
            "StringLike": {f"{ISSUER}:sub": subjects},
        },
    }
    others = (
        []
        if isinstance(role.trust, Trouble)
        else [one for one in _statements(role.trust) if not _exchanges(one)]
    )
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement, *others]}, separators=(",", ":"))
    command = "aws iam update-assume-role-policy --role-name"
    return f"{command} {quote(role.name)} --policy-document {quote(policy)} (in account {role.account})"


def _trusts(policy: Mapping[str, Any], jobs: Jobs, context: str) -> bool:
    """Whether it lets such a job in, in one of the two forms that subjects have."""
    found = [one for one in _statements(policy) if _exchanges(one) and one.get("Effect") == "Allow"]
    return any(
        _lets_in(one, subject, any_ids=jobs.ids is None)
        for one in found
        for subject in jobs.subjects(context, "0")
    )


def _lets_in(statement: Mapping[str, Any], subject: str, *, any_ids: bool) -> bool:
    """Of the conditions, those on the subject: the others can only make it narrower."""
    for operator, keys in statement.get("Condition", {}).items():
        for key, patterns in keys.items():
            if key.lower() != f"{ISSUER}:sub":
                continue
            said = [_IDS.sub(r"repo:\1@0/\2@0:", one) if any_ids else one for one in _many(patterns)]
            met = (
                any(fnmatchcase(subject, pattern.replace("[", "[[]")) for pattern in said)
                if "like" in operator.lower()
                else subject in said
            )
            if not met:
                return False
    return True


def _statements(policy: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found = policy.get("Statement", [])
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def _exchanges(statement: Mapping[str, Any]) -> bool:
    federated = statement.get("Principal")
    named = _many(federated.get("Federated", [])) if isinstance(federated, dict) else []
    actions = [action.lower() for action in _many(statement.get("Action", []))]
    return any(one.endswith(f"oidc-provider/{ISSUER}") for one in named) and any(
        action in (_EXCHANGE.lower(), "sts:*", "*") for action in actions
    )


def _many(value: Any) -> Sequence[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
