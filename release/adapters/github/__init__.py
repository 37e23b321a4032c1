"""GitHub behind the port `Forge`: its REST API, version 2022-11-28, on github.com or a server of one's own.

https://docs.github.com/en/rest?apiVersion=2022-11-28
"""

from collections.abc import Mapping
from typing import Any, Self

import httpx

from release.adapters.github.client import Client, Need
from release.adapters.github.credentials import Home, Token, find_token, home_of
from release.adapters.github.deployments import GitHubDeployments
from release.adapters.github.pulls import GitHubPulls
from release.adapters.github.releases import GitHubReleases
from release.adapters.github.runs import GitHubRuns
from release.adapters.github.settings import GitHubSettings
from release.ports import Clock

_APP_TOKEN = "ghs_"  # noqa: S105 - of an installation; https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github


class GitHubForge:
    """One repository."""

    def __init__(
        self, home: Home, token: Token | None, clock: Clock, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._home = home
        self._may_be_a_person = token is not None and not token.value.startswith(_APP_TOKEN)
        self._user: Any = None  # whose token it is, once it was asked
        self._client = Client(home, token, clock, transport=transport)
        self.deployments = GitHubDeployments(self._client)
        self.releases = GitHubReleases(self._client)
        self.pulls = GitHubPulls(self._client)
        self.runs = GitHubRuns(self._client)
        self.settings = GitHubSettings(self._client)

    @classmethod
    def found(cls, environ: Mapping[str, str], remote: str | None, clock: Clock) -> Self:
        """The one that the environment names, or the remote's address. Raises Misconfigured."""
        home = home_of(environ, remote)
        return cls(home, find_token(environ, home.api), clock)

    @property
    def url(self) -> str:
        return self._home.url

    @property
    def name(self) -> str:
        return self._home.repository

    def login(self, *, at_once: bool = False) -> str | None:
        """https://docs.github.com/en/rest/users/users#get-the-authenticated-user: no app may ask."""
        if not self._may_be_a_person:
            return None
        if self._user is None:
            ask = self._client.get_at_once if at_once else self._client.get
            self._user = ask("/user", Need("asking whose token it is", "read:user"))
        user = self._user
        return str(user["login"]) if isinstance(user, dict) and user.get("type", "User") == "User" else None
