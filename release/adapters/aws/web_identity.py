"""A job of GitHub Actions becomes a role of AWS: its OIDC token, exchanged, and again before that expires.

No action signs in, and nothing ends after an hour: every renewal asks GitHub for a token of its own, which is
valid for five minutes (https://docs.github.com/en/actions/reference/security/oidc).
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore import exceptions as boto
from botocore.credentials import AssumeRoleWithWebIdentityCredentialFetcher, DeferredRefreshableCredentials

from release.adapters.aws.errors import error_code, error_message, translate
from release.core.models import Place
from release.errors import Misconfigured, Unavailable

AUDIENCE: Final = "sts.amazonaws.com"
_ISSUER: Final = "https://token.actions.githubusercontent.com"
_GRANT: Final = "grant `id-token: write` to the job, and to the job that calls its workflow"
_PAUSES: Final = (0.5, 1.0, 2.0, 4.0)  # seconds between tries to get a token
_WAIT: Final = 10.0  # seconds for an answer of GitHub
# What STS says of a token that the next one may not meet: it could not fetch GitHub's keys, or was too late.
_ANOTHER_TOKEN: Final = ("IDPCommunicationError", "InvalidIdentityToken", "ExpiredTokenException")
_ANOTHER_PAUSES: Final = (0.5, 1.5)


@dataclass(frozen=True, slots=True)
class GitHubJob:
    """Where a job with `id-token: write` asks GitHub who it is."""

    url: str = field(repr=False)
    bearer: str = field(repr=False)  # whoever has it is this job: in no message, no log

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "GitHubJob | None":
        """None: no such job, or it has signed in by itself; that comes first, as in every SDK of AWS."""
        url = environ.get("ACTIONS_ID_TOKEN_REQUEST_URL")
        bearer = environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
        if not url or not bearer or environ.get("AWS_ACCESS_KEY_ID") or environ.get("AWS_PROFILE"):
            return None
        return cls(url, bearer)

    def token(self, sleep: Callable[[float], None]) -> str:
        """A new token. Raises Misconfigured, and Unavailable when GitHub does not answer for some seconds."""
        import httpx  # outside GitHub Actions nobody pays for importing it

        why = ""
        for pause in (*_PAUSES, None):
            try:
                answer = httpx.get(
                    httpx.URL(self.url).copy_merge_params({"audience": AUDIENCE}),
                    headers={"Authorization": f"Bearer {self.bearer}", "Accept": "application/json"},
                    timeout=_WAIT,
                    follow_redirects=False,
                )
            except httpx.InvalidURL as error:
                raise Misconfigured(
                    "ACTIONS_ID_TOKEN_REQUEST_URL is no URL",
                    fix="leave it as the runner of GitHub Actions sets it",
                ) from error
            except httpx.HTTPError as error:
                why = type(error).__name__
            else:
                if answer.status_code == 200:
                    return _value(answer.content)
                why = f"HTTP {answer.status_code}"
                if answer.status_code not in (408, 429) and answer.status_code < 500:
                    raise Misconfigured(f"GitHub gives this job no OIDC token ({why})", fix=_GRANT)
            if pause is not None:
                sleep(pause)
        raise Unavailable(
            f"GitHub does not answer with an OIDC token ({why}, {len(_PAUSES) + 1} tries)",
            fix="run the job again; https://www.githubstatus.com says what is out",
        )


class RenewedCredentials(DeferredRefreshableCredentials):
    """Renewed from a quarter of an hour before they end; that it fails counts in their last two minutes.

    botocore's own bound is ten minutes: an outage of GitHub would end a rollout whose keys are still good.
    """

    _mandatory_refresh_timeout = 120


class WebIdentity:
    """Exchanges tokens of one job for sessions of one role.

    `client` makes clients as botocore asks for them.
    """

    def __init__(
        self,
        job: GitHubJob,
        role: str,
        region: str,
        *,
        session_name: str,
        client: Callable[..., Any],
        sleep: Callable[[float], None],
    ) -> None:
        self._job = job
        self._place = Place(role.split(":")[4], region, role)
        self._role = role
        self._sleep = sleep
        self._claims: Mapping[str, Any] = {}  # of the last token: what a refusal has to name
        self._fetcher: Any = AssumeRoleWithWebIdentityCredentialFetcher(
            client_creator=client,
            web_identity_token_loader=self._load,
            role_arn=role,
            extra_args={"RoleSessionName": session_name},
        )

    def credentials(self) -> RenewedCredentials:
        return RenewedCredentials(self._fetch, method="assume-role-with-web-identity")

    @property
    def _workflow(self) -> str:
        return str(self._claims.get("job_workflow_ref") or "none that is called")

    def _load(self) -> str:
        token = self._job.token(self._sleep)
        self._claims = claims(token)
        return token

    def _fetch(self) -> Any:
        """What botocore wants to know of a session. Raises Misconfigured and Unavailable."""
        for pause in (*_ANOTHER_PAUSES, None):
            try:
                return self._fetcher.fetch_credentials()
            except (boto.BotoCoreError, boto.ClientError) as error:
                if error_code(error) not in _ANOTHER_TOKEN or pause is None:
                    raise self._explained(error) from error
                self._sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _explained(self, error: Exception) -> Exception:
        code, said = error_code(error), error_message(error)
        issuer = self._claims.get("iss", _ISSUER)
        if code == "AccessDenied":
            return Misconfigured(
                f"{self._role} does not trust this job (subject {self._claims.get('sub', 'unknown')})",
                fix=trust(self._claims),
                see="docs/github.md#roles",
                details=[
                    f"AWS says: {said}",
                    f"its workflow, should the role ask for that (job_workflow_ref): {self._workflow}",
                ],
            )
        if code == "InvalidIdentityToken":
            return Misconfigured(
                f"the account {self._place.account} does not take GitHub's OIDC token: {said}",
                fix=f"aws iam create-open-id-connect-provider --url {issuer} --client-id-list {AUDIENCE}",
                see="docs/github.md#roles",
            )
        if code in _ANOTHER_TOKEN:
            return Unavailable(
                f"AWS cannot check GitHub's OIDC token for {self._role}: {said}",
                fix="check the clock of the runner, then run the job again",
            )
        return translate(error, self._place, f"exchanging GitHub's OIDC token for {self._role}")


def claims(token: str) -> Mapping[str, Any]:
    """What a token says of its job, unchecked: for messages alone. Empty where it cannot be read."""
    try:
        middle = token.split(".")[1]
        read = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def trust(said: Mapping[str, Any]) -> str:
    """The condition that a role needs in order to trust this job, in both forms that subjects have.

    Repositories made after 2026-07-15 carry the ids of owner and repository in it.
    """
    subjects = [str(said.get("sub", ""))]
    owner, _, name = str(said.get("repository", "")).partition("/")
    environment = said.get("environment")
    if owner and name and environment:
        ids = (said.get("repository_owner_id", "*"), said.get("repository_id", "*"))
        subjects += [
            f"repo:{owner}/{name}:environment:{environment}",
            f"repo:{owner}@{ids[0]}/{name}@{ids[1]}:environment:{environment}",
        ]
    host = str(said.get("iss", _ISSUER)).removeprefix("https://")
    condition = {
        "StringEquals": {f"{host}:aud": AUDIENCE},
        "StringLike": {f"{host}:sub": [one for one in dict.fromkeys(subjects) if one]},
    }
    return f"where this job is meant to be it, give its trust policy the condition {json.dumps(condition)}"


def _value(body: bytes) -> str:
    try:
        token = json.loads(body)["value"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable("GitHub answered without an OIDC token", fix="run the job again") from error
    if not isinstance(token, str) or token.count(".") != 2:
        raise Unavailable("GitHub answered with no OIDC token", fix="run the job again")
    return token
