"""What a fault rule names, looked up: in what botocore describes, and in GitHub's description of its API."""

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase

from release.errors import Misconfigured
from release.sandbox import operations
from release.sandbox.fault_rules import FaultRule
from release.sandbox.forge.application import SERVICE as FORGE
from release.sandbox.forge.application import operations as forge_operations

# Where an operation without a service is looked for: what fleets of functions are made of.
_USUAL = (
    *("lambda", "s3", "cloudformation", "dynamodb", "iam", "sts", "cloudwatch", "logs", "apigateway"),
    *("apigatewayv2", "sqs", "sns", "events", "secretsmanager", "ssm", "kms", "stepfunctions", "scheduler"),
)


def looked_up(rule: FaultRule) -> FaultRule:
    """The rule with its service by botocore's name. Raises Misconfigured for a name that does not exist."""
    if rule.service == FORGE or (rule.service is None and rule.operation in forge_operations()):
        return _of_forge(rule)
    service = _service(rule.service) if rule.service is not None else None
    if rule.operation is not None:
        _require_operation(rule.operation, service)
    if rule.region is not None and rule.region not in (known := operations.regions()):
        raise Misconfigured(
            f"there is no AWS region {rule.region!r}",
            fix=_meant(rule.region, known) or "name it as AWS does, such as us-east-1",
        )
    return replace(rule, service=service)


def _of_forge(rule: FaultRule) -> FaultRule:
    known = forge_operations()
    if rule.operation is not None and not any(fnmatchcase(one, rule.operation) for one in known):
        raise Misconfigured(
            f"the forge has no operation {rule.operation!r}",
            fix=_meant(rule.operation, known)
            or "name it as GitHub's description does: repos/create-release, or a pattern such as repos/*",
        )
    if rule.region is not None or rule.account is not None:
        raise Misconfigured(
            f"a fault of {FORGE} has no region and no account", fix="leave them out: GitHub has neither"
        )
    return replace(rule, service=FORGE)


def _service(name: str) -> str:
    known = operations.services()
    if name in known:
        return name
    by_signature = operations.clients_of(name)[0]
    if by_signature in known:
        return by_signature
    raise Misconfigured(
        f"there is no AWS service {name!r}",
        fix=_meant(name, known) or "name it as boto3 does: lambda, s3, cloudformation, dynamodb, logs, …",
    )


def _require_operation(operation: str, service: str | None) -> None:
    known: list[str] = []
    for client in (service,) if service else _USUAL:
        description = operations.described(client)
        known += description.operations if description else ()
    if any(fnmatchcase(one, operation) for one in known):
        return
    where = f"{service} has no operation" if service else "none of the usual services has an operation"
    otherwise = "name it as AWS does: UpdateAlias, or a pattern such as Update*"
    raise Misconfigured(
        f"{where} {operation!r}",
        fix=_meant(operation, known)
        or (otherwise if service else f"{otherwise}; or give its service as well"),
    )


def _meant(name: str, known: Iterable[str]) -> str:
    by_lower_case = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), by_lower_case, n=2)
    return f"did you mean {' or '.join(by_lower_case[one] for one in close)}?" if close else ""
