"""Who asks, and what they may: tokens, roles of people, permissions of jobs.

A token is the login that it names, as an access key of twelve digits is an AWS account: `ana`, `ghp_ana`,
`github_pat_ana` are all ana, an admin of every repository unless that says otherwise. `ghs_…` are tokens of
jobs: made by a test, for one repository, with the permissions that it gives.
"""

import re
import secrets
from collections.abc import Mapping

from release.errors import Misconfigured
from release.sandbox.forge.permissions import EVERY_JOBS, NEEDS, SCOPES, Need
from release.sandbox.forge.state import AppToken, ForgeState, Level, Repository
from release.sandbox.forge.wire import Caller, Refused, not_found

APP_PREFIX = "ghs_"
_PREFIXES = re.compile(r"(?:gh[pou]_|github_pat_)")
# https://docs.github.com/en/enterprise-cloud@latest/admin/concepts/identity-and-access-management/
# and what sign-up says: letters, digits and single hyphens, 39 at most
LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}")
_LEVELS: tuple[Level, ...] = ("read", "write", "admin")


def caller(state: ForgeState, authorization: str | None) -> Caller:
    """Who it is. Raises Refused with 401."""
    if not authorization:
        raise Refused(401, "Requires authentication")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() not in ("bearer", "token"):
        raise Refused(401, "Bad credentials")
    if token.startswith(APP_PREFIX):
        app = state.app_tokens.get(token)
        if app is None:
            raise Refused(401, "Bad credentials")
        return Caller(None, app.permissions, app.repository)
    login = _PREFIXES.sub("", token, count=1)
    if not LOGIN.fullmatch(login):
        raise Refused(401, "Bad credentials")
    return Caller(login, {})


def new_app_token(state: ForgeState, repository: str, permissions: Mapping[str, Level]) -> str:
    """A token of a job. Raises Misconfigured for a permission or level that does not exist."""
    for name, level in permissions.items():
        if name not in SCOPES or level not in _LEVELS[:2]:
            raise Misconfigured(
                f"a job cannot have the permission {name}: {level}",
                fix=f"a permission is one of {', '.join(sorted(SCOPES))}, with read or write",
            )
    token = APP_PREFIX + secrets.token_hex(18)
    state.app_tokens[token] = AppToken(repository, dict(permissions))
    return token


def level_in(repository: Repository, asking: Caller) -> Level:
    """The role of a person; jobs have permissions instead."""
    return repository.roles.get(asking.login or "", "admin")


def require(operation: str, asking: Caller, repository: Repository | None) -> None:
    """Raises Refused unless the caller may do it: 403, or 404 where a repository is not theirs to see."""
    need = NEEDS[operation]
    if asking.login is None:
        _require_of_job(need, asking, repository)
    elif repository is not None and need.permission is not None:
        wanted: Level = need.role or need.level
        if _LEVELS.index(level_in(repository, asking)) < _LEVELS.index(wanted):
            raise Refused(403, "Must have admin rights to Repository.") if wanted == "admin" else not_found()


def _require_of_job(need: Need, asking: Caller, repository: Repository | None) -> None:
    if need.people_only:
        raise Refused(403, "Resource not accessible by integration")
    if repository is None or need.permission is None:
        return
    if asking.repository != repository.name:
        raise not_found()
    have = {EVERY_JOBS: "read", **asking.permissions}
    levels = [have[name] for name in (need.permission, need.other) if name in have]
    if not any(_LEVELS.index(level) >= _LEVELS.index(need.level) for level in levels):
        raise Refused(403, "Resource not accessible by integration")
