"""Who asks for a promotion, as far as it can be proven, and whether two people have looked at it.

People are logins of the forge, and nothing else: a git user name is whatever its owner typed. A login is
known where GitHub Actions says it, or where a token proves it on a laptop. That is no proof against somebody
who holds the deploy role on a laptop: they could move aliases by hand as well. The role must trust the
workflow alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

APPROVER: Final = "RELEASE_APPROVER"  # logins, separated by commas; the workflow sets it from its approvals
MAY_TAG: Final = "RELEASE_TOKEN_MAY_TAG_WORKFLOWS"
_OF_AN_APP: Final = "ghs_"
_BOT: Final = "[bot]"  # how the logins of apps end: they have no eyes


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. Empty: not known."""

    logins: frozenset[str] = frozenset()  # who started the run, and who started it again
    approvers: frozenset[str] = frozenset()  # who approved it, as the workflow names them


NOBODY: Final = Asker()


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for a release to enter a stage, and when: what its gates want to know."""

    asked_by: Callable[[], Asker]  # asked where a gate wants to know: on a laptop the forge is asked
    now: datetime  # UTC
    by_job_token: bool = False  # what is pushed, the token of a job pushes, and it may not touch workflows

    @property
    def asker(self) -> Asker:
        return self.asked_by()


def asker_in(environment: Mapping[str, str]) -> Asker:
    """Who asks, by the variables of a GitHub Actions job; elsewhere they would prove nothing.

    A re-run has the actor of the first run; who started it again is the triggering actor
    (https://docs.github.com/en/actions/reference/workflows-and-actions/variables).
    """
    if environment.get("GITHUB_ACTIONS") != "true" or not environment.get("GITHUB_RUN_ID"):
        return NOBODY
    started = [environment.get(name, "") for name in ("GITHUB_ACTOR", "GITHUB_TRIGGERING_ACTOR")]
    return Asker(_logins(started), _logins(environment.get(APPROVER, "").split(",")))


def pushes_by_job_token(environment: Mapping[str, str]) -> bool:
    """Whether a job of GitHub Actions pushes, with GITHUB_TOKEN or with the token of an app of which nobody
    has said that it has the permission `workflows`.
    """
    token = environment.get("GH_TOKEN") or environment.get("GITHUB_TOKEN") or ""
    return (
        environment.get("GITHUB_ACTIONS") == "true"
        and token.startswith(_OF_AN_APP)
        and environment.get(MAY_TAG) != "true"
    )


def asker_by_token(login: str | None) -> Asker:
    """Who asks, by the token that is used. None: it is no person's."""
    return Asker(_logins([login or ""]))


@dataclass(frozen=True, slots=True)
class Starters:
    """Who brought a release into the stage before. `unknown`: a name that is no login."""

    logins: frozenset[str] = frozenset()
    unknown: str | None = None

    @classmethod
    def named(cls, people: Iterable[tuple[str, str | None]]) -> "Starters":
        """From (actor, what proves the login) of records: without a proof it is a git user name."""
        found = list(people)
        unknown = next((actor for actor, proof in found if proof is None), None)
        return cls(_logins([actor for actor, proof in found if proof is not None]), unknown)


def objection(asker: Asker, starters: Starters) -> str | None:
    """Why four eyes are not proven. None: they are.

    Two people are needed: whoever asks did not start the release in the stage before; or somebody approved
    who neither asks nor started it.
    """
    if not asker.logins:
        return (
            "who asks is not known: a login is known in GitHub Actions, or by a token of a person (GH_TOKEN)"
        )
    if starters.unknown is not None:
        return f"it was started there by {starters.unknown!r}, who is no login of the forge"
    approving = {login for login in asker.approvers if not is_bot(login)}
    if approving - asker.logins - starters.logins:
        return None
    asking = ", ".join(sorted(asker.logins))
    if any(is_bot(login) for login in asker.logins):
        return f"{asking} asks, which is no person, and nobody else has approved"
    both = asker.logins & starters.logins
    if both:
        return f"{', '.join(sorted(both))} asks and has started it there, and nobody else has approved"
    if not starters.logins or any(is_bot(login) for login in starters.logins):
        return f"{asking} asks, no other person has started it there, and nobody else has approved"
    return None


def is_bot(login: str) -> bool:
    """Whether it is the login of an app, which looks at nothing."""
    return login.endswith(_BOT)


def _logins(names: Iterable[str]) -> frozenset[str]:
    """Logins of GitHub do not differ by case."""
    return frozenset(name.strip().lower() for name in names if name.strip())
