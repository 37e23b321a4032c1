"""Who asks, and how often they may: https://docs.github.com/rest/users/users and
/rest/rate-limit/rate-limit
"""

import time
from collections.abc import Mapping

from release.sandbox.forge import shapes
from release.sandbox.forge.state import ForgeState
from release.sandbox.forge.wire import Answer, Caller, Question

# https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
PERSONS_HOURLY, JOBS_HOURLY = 5000, 1000
_HOUR_SECONDS = 3600
_COUNTS = (
    *("public_repos", "public_gists", "followers", "following", "collaborators", "disk_usage"),
    *("owned_private_repos", "private_gists", "total_private_repos"),
)


class Accounts:
    """Counts the requests of each caller by the hour. `hourly` takes the place of GitHub's own limits."""

    def __init__(self, state: ForgeState) -> None:
        self._state = state
        self.hourly: int | None = None
        self._used: dict[str, int] = {}
        self._reset = int(time.time()) + _HOUR_SECONDS

    def me(self, question: Question) -> Answer:
        document = {
            **shapes.user(self._state, question.place, question.caller.name),
            "name": None,
            "company": None,
            "blog": None,
            "location": None,
            "email": None,
            "hireable": None,
            "bio": None,
            **dict.fromkeys(_COUNTS, 0),
            "two_factor_authentication": True,
            "user_view_type": "private",
            "created_at": "2020-01-01T00:00:00Z",
            "updated_at": "2020-01-01T00:00:00Z",
        }
        return Answer(200, document)

    def rate_limit(self, question: Question) -> Answer:
        core = self._standing(question.caller)
        other = {"limit": 30, "used": 0, "remaining": 30, "reset": self._reset}
        return Answer(200, {"resources": {"core": core, "search": other}, "rate": core})

    def count(self, caller: Caller) -> bool:
        """One request more. False: it is one too many. Asking for the rate limit does not count."""
        if time.time() >= self._reset:
            self._used.clear()
            self._reset = int(time.time()) + _HOUR_SECONDS
        standing = self._standing(caller)
        if not standing["remaining"]:
            return False
        self._used[caller.name] = standing["used"] + 1
        return True

    def headers(self, caller: Caller) -> Mapping[str, str]:
        return {
            **{f"X-RateLimit-{name.title()}": str(value) for name, value in self._standing(caller).items()},
            "X-RateLimit-Resource": "core",
        }

    def _standing(self, caller: Caller) -> dict[str, int]:
        limit = self.hourly or (PERSONS_HOURLY if caller.login else JOBS_HOURLY)
        used = self._used.get(caller.name, 0)
        return {"limit": limit, "used": used, "remaining": max(limit - used, 0), "reset": self._reset}
