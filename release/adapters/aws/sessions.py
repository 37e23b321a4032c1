"""Credentials, identities and clients of botocore.

Without boto3's layer above it: measured on 2 cores, import takes 110 ms instead of 130, and every client
after the first 2 ms instead of 22. Profiles, AWS_ENDPOINT_URL and AWS_CA_BUNDLE work as in boto3.
"""

import functools
import os
import re
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

import botocore.session
from botocore import exceptions as boto
from botocore import handlers
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.loaders import Loader, create_loader

from release.adapters.aws.errors import translated
from release.adapters.aws.rate_budget import RateBudget
from release.adapters.aws.web_identity import GitHubJob, WebIdentity
from release.core.access import Access
from release.core.limits import CONTROL_CALLS, GET_FUNCTION_CALLS, Pace
from release.core.models import Place
from release.errors import Misconfigured

T = TypeVar("T")


class Aws:
    """Clients, identities and budgets of every place, made when first needed. Safe to share between threads.

    Where a place has a role, a job of GitHub Actions exchanges its OIDC token for it. Elsewhere it is assumed
    with the ambient credentials, unless they are a session of it already. Both are done again before they
    expire. Methods raise Misconfigured (credentials, profile, endpoint) and Unavailable.
    """

    def __init__(
        self,
        *,
        access: Access | None = None,
        job: GitHubJob | None = None,
        session_name: str = "release-cli",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.clock = clock
        self.sleep = sleep
        self._access = access
        self._job = job
        self._session_name = session_name
        self._clients = _Once[Any]()
        self._sessions = _Once[botocore.session.Session]()
        self._identities = _Once[tuple[str, str]]()
        self._budgets = _Once[RateBudget]()
        # A session is not safe to share while it makes a client. That is pure CPU: one lock costs nothing.
        self._making = threading.Lock()

    def client(self, place: Place, service: str, *, attempts: int = 4, read_timeout: float = 60.0) -> Any:
        """A botocore client. `attempts` counts the first try: 1 where repeating is the caller's business."""
        with translated(place, f"making a client for {service}"):
            role = self._role(place)
            return self._clients.get(
                (role, place.region, service, attempts, read_timeout),
                lambda: self._make_client(role, place.region, service, attempts, read_timeout),
            )

    def account(self, place: Place) -> str:
        """The account id that the credentials for this place belong to."""
        with translated(place, "asking AWS who we are"):
            return self._identity(self._role(place), place.region)[0]

    def credentials_end(self, place: Place) -> datetime | None:
        """When the credentials for this place end for good. None: never, or they renew themselves.

        Roles are assumed with the ambient ones, so no place outlives them; but for a job of GitHub Actions,
        which gets a new token whenever it asks. Only a session that was put into the environment cannot be
        renewed: AWS_CREDENTIAL_EXPIRATION says until when it lasts
        (https://docs.aws.amazon.com/sdkref/latest/guide/feature-static-credentials.html).
        """
        with translated(place, "asking for credentials"):
            if self._job is not None and self._role(place) is not None:
                return None
            credentials = self._session(None, place.region).get_credentials()
        if credentials is None or credentials.method != "env":
            return None
        ends = os.environ.get("AWS_CREDENTIAL_EXPIRATION")
        try:
            return datetime.fromisoformat(ends).astimezone(UTC) if ends else None
        except ValueError:
            return None

    def environment(self, place: Place) -> dict[str, str]:
        """Credentials and region of a place, for a program that we start: it cannot renew them.

        Where the place has a role, it is assumed anew: they last an hour from now.
        """
        with translated(place, "asking for credentials"):
            role = self._role(place)
            session = self._session(None, place.region) if role is None else self._as_role(role, place.region)
            credentials = session.get_credentials()
            if credentials is None:
                raise boto.NoCredentialsError()
            keys = credentials.get_frozen_credentials()
        given = {
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.token,
            "AWS_REGION": place.region,
            "AWS_DEFAULT_REGION": place.region,
        }
        return {name: value for name, value in given.items() if value}

    def control_calls(self, place: Place) -> RateBudget:
        """The budget that all calls of Lambda's control plane share, except GetFunction."""
        return self._budgets.get(
            ("control", place.account, place.region),
            lambda: self._budget(CONTROL_CALLS),
        )

    def get_function_calls(self, place: Place) -> RateBudget:
        return self._budgets.get(
            ("GetFunction", place.account, place.region),
            lambda: self._budget(GET_FUNCTION_CALLS),
        )

    def _budget(self, pace: Pace) -> RateBudget:
        return RateBudget(pace.per_second, pace.burst, pace.reserve, clock=self.clock, sleep=self.sleep)

    def _role(self, place: Place) -> str | None:
        """The role to become. None: the ambient credentials are what is wanted."""
        role = place.role_for(self._access)
        if role is None or self._job is not None:
            return role
        return None if _is_session_of(role, self._identity(None, place.region)[1]) else role

    def _identity(self, role: str | None, region: str) -> tuple[str, str]:
        """Account id and ARN."""

        def ask() -> tuple[str, str]:
            answer = self._make_client(role, region, "sts", 3, 10.0).get_caller_identity()
            return answer["Account"], answer["Arn"]

        return self._identities.get(role, ask)

    def _make_client(
        self, role: str | None, region: str, service: str, attempts: int, read_timeout: float, **keys: Any
    ) -> Any:
        session: Any = self._session(role, region)
        signed: Config | None = keys.pop("config", None)  # how botocore asks for a client that signs nothing
        config = Config(
            connect_timeout=5,
            read_timeout=read_timeout,
            max_pool_connections=64,
            retries={"mode": "standard", "total_max_attempts": attempts},
            tcp_keepalive=True,
            user_agent_extra="release",
        )
        config = config if signed is None else config.merge(signed)
        with self._making:
            try:
                client = session.create_client(service, region_name=region, config=config, **keys)
            except boto.BotoCoreError:
                raise
            except ValueError as error:  # how botocore reports an endpoint that is no URL
                raise Misconfigured(
                    f"no client for {service} in {region}: {error}",
                    fix="correct AWS_ENDPOINT_URL (or the profile's endpoint_url), or unset it",
                ) from error
        if service == "cloudformation":
            # botocore parses a template that is JSON; its digest needs the text as it was sent.
            client.meta.events.unregister(
                "after-call.cloudformation.GetTemplate", handlers.json_decode_template_body
            )
        return client

    def _session(self, role: str | None, region: str) -> botocore.session.Session:
        if role is None:
            return self._sessions.get(None, _ambient)
        return self._sessions.get(role, lambda: self._as_role(role, region))

    def _as_role(self, role: str, region: str) -> botocore.session.Session:
        ambient = self._session(None, region)
        session: Any = _ambient()
        # There is no public way to give a session credentials that renew themselves.
        session._credentials = (
            self._assumed(role, region, ambient)
            if self._job is None
            else self._exchanged(role, region, self._job)
        )
        return cast(botocore.session.Session, session)

    def _assumed(
        self, role: str, region: str, ambient: botocore.session.Session
    ) -> DeferredRefreshableCredentials:
        source = ambient.get_credentials()
        if source is None:
            raise boto.NoCredentialsError()
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=functools.partial(self._sts_client, region),
            source_credentials=source,
            role_arn=role,
            extra_args={"RoleSessionName": self._session_name},
        )

        def fetch() -> Any:
            # Whoever makes the first call need not know that a role has to be assumed for it.
            with translated(Place(role.split(":")[4], region, role), "asking for a session"):
                return fetcher.fetch_credentials()

        return DeferredRefreshableCredentials(fetch, method="assume-role")

    def _exchanged(self, role: str, region: str, job: GitHubJob) -> DeferredRefreshableCredentials:
        return WebIdentity(
            job,
            role,
            region,
            session_name=self._session_name,
            client=functools.partial(self._sts_client, region),
            sleep=self.sleep,
        ).credentials()

    def _sts_client(self, region: str, _service: str, **keys: Any) -> Any:
        return self._make_client(None, region, "sts", 3, 10.0, **keys)


def _ambient() -> botocore.session.Session:
    """A session with what the environment says, and the descriptions of services that were already read."""
    session = botocore.session.get_session()
    # Reading them is most of what a client costs.
    session.lazy_register_component(
        "data_loader", lambda: _descriptions(session.get_config_variable("data_path"))
    )
    return session


@functools.cache
def _descriptions(folders: str | None) -> Loader:
    """Of services, for all sessions of this process. `folders`: where there are more than botocore's own."""
    return create_loader(folders)


class _Once(Generic[T]):
    """Makes each value once; threads that want another value do not wait. What failed is tried again."""

    def __init__(self) -> None:
        self._values: dict[Hashable, T] = {}
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        if key in self._values:
            return self._values[key]
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            if key not in self._values:
                self._values[key] = make()
            return self._values[key]


def session_name(environ: Mapping[str, str]) -> str:
    """What CloudTrail calls whoever acts: in GitHub Actions the run, its attempt and who started it.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: 2 to 64 of [\\w+=,.@-].
    """
    run, actor = environ.get("GITHUB_RUN_ID"), environ.get("GITHUB_ACTOR", "")
    if not run:
        return "release-cli"
    said = f"release-{run}.{environ.get('GITHUB_RUN_ATTEMPT') or '1'}-{actor}"
    return re.sub(r"[^A-Za-z0-9_+=,.@-]", "-", said)[:64]


def _is_session_of(role: str, identity: str) -> bool:
    """Whether arn:aws:sts::1:assumed-role/NAME/session is a session of arn:aws:iam::1:role/some/path/NAME."""
    role_parts, identity_parts = role.split(":"), identity.split(":")
    if len(role_parts) != 6 or len(identity_parts) != 6 or role_parts[4] != identity_parts[4]:
        return False
    kind, _, rest = identity_parts[5].partition("/")
    return kind == "assumed-role" and rest.split("/")[0] == role_parts[5].split("/")[-1]
