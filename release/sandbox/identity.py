"""AssumeRole asks the role: it must exist in the account of its ARN, and its trust policy allow the caller.

A caller is an AWS principal, or a job of the forge that shows the token by which it says who it is.

ministack checks neither unless it enforces IAM everywhere, where a 12-digit access key would no longer name
an account.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from release.sandbox import emulator
from release.sandbox.calls import Caller
from release.sandbox.compatibility import replace
from release.sandbox.emulator import Answer
from release.sandbox.forge.oidc import ExpiredToken, InvalidToken

# Claims of GitHub that a trust policy can ask for:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
_CONDITION_KEYS = (
    *("aud", "sub", "amr", "actor", "actor_id", "enterprise_id", "environment", "job_workflow_ref", "ref"),
    *("repository", "repository_id", "workflow"),
)


def install(claims_of: Callable[[str], dict[str, Any]]) -> None:
    """Replaces the entry of STS, and asks for CAPABILITY_IAM in templates with IAM resources, as AWS does.

    `claims_of` reads a token of the forge; it raises InvalidToken or ExpiredToken.
    """
    trust = _TrustCheck(claims_of)
    trust.answer_unchecked = replace(
        emulator.sts, "handle_request", ("method", "path", "headers", "body", "query_params"), trust.handle
    )
    replace(emulator.cloudformation_handlers, "_capabilities_enforced", (), lambda: True)


class _TrustCheck:
    answer_unchecked: Any

    def __init__(self, claims_of: Callable[[str], dict[str, Any]]) -> None:
        self._claims_of = claims_of

    async def handle(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Answer:
        form = parse_qs(body.decode("utf-8", errors="replace"))
        if form.get("Action") == ["AssumeRole"]:
            caller = emulator.sts._caller_identity(headers, query_params)["userArn"]
            role_arn = form.get("RoleArn", [""])[0]
            if not _trusts(role_arn, caller):
                return _refused(
                    403,
                    "AccessDenied",
                    f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
                )
        claims: dict[str, Any] = {}
        if form.get("Action") == ["AssumeRoleWithWebIdentity"]:
            try:
                claims = self._claims_of(form.get("WebIdentityToken", [""])[0])
                _require_web_identity(form.get("RoleArn", [""])[0], claims)
            except ExpiredToken as error:
                now = f"current date/time {int(time.time())}"
                message = f"Token expired: {now} must be before the expiration date/time {error.expired}"
                return _refused(400, "ExpiredTokenException", message)
            except InvalidToken:
                return _refused(400, "InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
            except _Refused as refused:
                return _refused(*refused.args)
        status, answered, document = await self.answer_unchecked(method, path, headers, body, query_params)
        if claims:
            for said, true in (("test-subject", claims["sub"]), ("sts.amazonaws.com", claims["aud"])):
                document = document.replace(f">{said}<".encode(), f">{escape(true)}<".encode(), 1)
        return status, answered, document


class _Refused(Exception):
    """Status, code and message with which STS says no."""


def _require_web_identity(role_arn: str, claims: Mapping[str, Any]) -> None:
    """Raises _Refused unless the role's account knows the issuer, and its trust policy allows these claims.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
    """
    parts = role_arn.split(":")
    account, host = (parts[4] if len(parts) > 5 else ""), str(claims["iss"]).removeprefix("https://")
    provider_arn = f"arn:aws:iam::{account}:oidc-provider/{host}"
    provider = emulator.iam._oidc_providers.get_scoped(account, None, provider_arn)
    if provider is None:
        message = f"No OpenIDConnect provider found in your account for {claims['iss']}"
        raise _Refused(400, "InvalidIdentityToken", message)
    if claims["aud"] not in provider["ClientIDList"]:
        raise _Refused(400, "InvalidIdentityToken", "Incorrect token audience")
    context = emulator.iam_evaluator.EvalContext(
        principal_arn=provider_arn,
        principal_type="WebIdentityUser",
        principal_account=account,
        action="sts:AssumeRoleWithWebIdentity",
        resource_arn=role_arn,
        region="us-east-1",
        service_context={f"{host}:{name}": claims[name] for name in _CONDITION_KEYS if name in claims},
    )
    role = _role(role_arn)
    if role is None or not emulator.iam_evaluator.evaluate_trust_policy(
        role["AssumeRolePolicyDocument"], provider_arn, context
    ):
        message = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
        raise _Refused(403, "AccessDenied", message)


def _trusts(role_arn: str, caller_arn: str) -> bool:
    role = _role(role_arn)
    if role is None:
        return False
    return bool(emulator.iam_evaluator.evaluate_trust_policy(role["AssumeRolePolicyDocument"], caller_arn))


def _role(role_arn: str) -> Any:
    account, _, role_path = role_arn.partition(":iam::")[2].partition(":")
    return emulator.iam._roles.get_scoped(account, None, role_path.rsplit("/", 1)[-1])


def _refused(status: int, code: str, message: str) -> Answer:
    body = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{escape(message)}</Message></Error></ErrorResponse>"
    )
    return status, {"Content-Type": "text/xml"}, body.encode()


def caller_of(access_key: str) -> Caller:
    """Whose a key is: an account's own when it has 12 digits, else that of a role's session in it."""
    if len(access_key) == 12 and access_key.isdigit():
        return Caller(access_key)
    account: str | None = emulator.responses._account_from_sts_session(access_key)
    session = emulator.sts._sessions.get(access_key) or {}
    # arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION
    kind, _, rest = str(session.get("Arn", "")).rpartition(":")[2].partition("/")
    return Caller(account or "", rest.split("/")[0] if kind == "assumed-role" else "")
