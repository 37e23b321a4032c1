"""Tells people through Slack, Teams, webhooks of any kind and Amazon SNS. Implements ports.Notifier."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from release.adapters.aws import Aws
from release.adapters.notifications import plain, slack, sns, teams
from release.adapters.notifications.addresses import address_of
from release.adapters.notifications.post import post
from release.core.models import Place
from release.core.notices import Notice, links
from release.core.recipients import Recipient
from release.errors import ReleaseError

PATIENCE: Final = 5.0  # seconds for all of them together: nothing waits for whoever is told

_PAYLOADS: Final = {"slack": slack.payload, "teams": teams.payload, "webhook": plain.payload}


class Notifications:
    """Every recipient is told in a thread of its own, so that a slow one keeps nobody else from knowing."""

    def __init__(
        self,
        aws: Aws,
        recipients: Sequence[Recipient],
        environ: Mapping[str, str],
        *,
        site: Callable[[], str | None] = lambda: None,
        patience: float = PATIENCE,
    ) -> None:
        """`site` knows the repository's address for people, if it has one; asked when somebody is told."""
        self._aws = aws
        self._recipients = recipients
        self._environ = environ
        self._site = site
        self._patience = patience

    def tell(self, notice: Notice, place: Place) -> Sequence[str]:
        wanting = [
            one
            for one in self._recipients
            if one.wants(notice.occasion, pipeline=notice.pipeline, stage=notice.stage, tagged=notice.tagged)
        ]
        if not wanting:
            return ()
        told = self._with_links(notice)
        until = time.monotonic() + self._patience
        errands = [_Errand(one, self._errand(one, told, place, until)) for one in wanting]
        return [line for one in errands if (line := one.untold(until)) is not None]

    def _errand(self, recipient: Recipient, notice: Notice, place: Place, until: float) -> Callable[[], None]:
        def run() -> None:
            if recipient.medium == "sns":
                sns.publish(self._aws, recipient.where, notice, place)
                return
            address = address_of(recipient.where, self._environ, self._aws, place)
            post(address, _PAYLOADS[recipient.medium](notice), until=until)

        return run

    def _with_links(self, notice: Notice) -> Notice:
        site = self._site()
        if site is None:
            return notice
        run, attempt = self._environ.get("GITHUB_RUN_ID"), self._environ.get("GITHUB_RUN_ATTEMPT")
        return replace(notice, links=links(notice, site, run=run or None, attempt=attempt or "1"))


class _Errand:
    """One recipient being told, in a thread that is left behind when it takes too long."""

    def __init__(self, recipient: Recipient, run: Callable[[], None]) -> None:
        self._name = f"{recipient.medium} ({recipient.where})"
        self._run = run
        self._why: str | None = None
        self._thread = threading.Thread(target=self._whatever_comes, name="notification", daemon=True)
        self._thread.start()

    def _whatever_comes(self) -> None:
        try:
            self._run()
        except ReleaseError as error:
            self._why = f"{error.cause}; {error.fix}"
        except Exception as bug:
            # Its message may hold the address. Which kind of error it was is no secret.
            self._why = f"a bug in release ({type(bug).__name__}); report it"

    def untold(self, until: float) -> str | None:
        """Why nobody was told. None: somebody was."""
        self._thread.join(max(0.0, until - time.monotonic()))
        why = "no answer in time" if self._thread.is_alive() else self._why
        return None if why is None else f"{self._name}: {why}"
