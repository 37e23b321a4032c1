"""AssumeRole asks the role: it must exist in the account of its ARN, and its trust policy allow the caller.

ministack checks neither unless it enforces IAM everywhere, where a 12-digit access key would no longer name
an account.
"""

from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from release.sandbox import emulator
from release.sandbox.compatibility import replace
from release.sandbox.emulator import Answer


def install() -> None:
    """Replaces the entry of STS, and asks for CAPABILITY_IAM in templates with IAM resources, as AWS does."""
    trust = _TrustCheck()
    trust.answer_unchecked = replace(
        emulator.sts, "handle_request", ("method", "path", "headers", "body", "query_params"), trust.handle
    )
    replace(emulator.cloudformation_handlers, "_capabilities_enforced", (), lambda: True)


class _TrustCheck:
    answer_unchecked: Any

    async def handle(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Answer:
        form = parse_qs(body.decode("utf-8", errors="replace"))
        if form.get("Action") == ["AssumeRole"]:
            caller = emulator.sts._caller_identity(headers, query_params)["userArn"]
            role_arn = form.get("RoleArn", [""])[0]
            if not _trusts(role_arn, caller):
                return _access_denied(
                    f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
                )
        answer: Answer = await self.answer_unchecked(method, path, headers, body, query_params)
        return answer


def _trusts(role_arn: str, caller_arn: str) -> bool:
    account, _, role_path = role_arn.partition(":iam::")[2].partition(":")
    role = emulator.iam._roles.get_scoped(account, None, role_path.rsplit("/", 1)[-1])
    if role is None:
        return False
    return bool(emulator.iam_evaluator.evaluate_trust_policy(role["AssumeRolePolicyDocument"], caller_arn))


def _access_denied(message: str) -> Answer:
    body = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>AccessDenied</Code><Message>{escape(message)}</Message></Error></ErrorResponse>"
    )
    return 403, {"Content-Type": "text/xml"}, body.encode()


def account_of(access_key: str) -> str:
    """The account of an access key: itself when it has 12 digits, else that of the role session."""
    if len(access_key) == 12 and access_key.isdigit():
        return access_key
    account: str | None = emulator.responses._account_from_sts_session(access_key)
    return account or ""
