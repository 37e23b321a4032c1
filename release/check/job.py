"""One check of one service: the program that is asked, and how its answer is read."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias

from release.build.process import Ended, run
from release.core.checks import CheckName, CheckResult
from release.errors import ReleaseError, Unavailable

_SECONDS: Final = 1200.0  # that one check may take
_SHOWN: Final = 60  # lines of what a program said

Judge: TypeAlias = Callable[[Ended, CheckResult], CheckResult]
Prepare: TypeAlias = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Job:
    """`command` empty: there is nothing to ask, for the reason `absent`."""

    service: str
    check: CheckName
    top: Path
    folder: Path  # where the program starts
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    judge: Judge | None = None
    absent: str = ""
    prepare: Prepare | None = None  # raises ReleaseError where the check cannot be made

    def __call__(self) -> CheckResult:
        """Never raises ReleaseError: what cannot be found out is a result."""
        begun = time.monotonic()
        blank = CheckResult(self.service, self.check, "absent", self.absent)
        judge = self.judge
        if not self.command or judge is None:
            return blank
        try:
            if self.prepare is not None:
                self.prepare()
            ended = run(self.command, folder=self.folder, environment=self.environment, seconds=_SECONDS)
        except ReleaseError as error:
            found = replace(
                blank,
                outcome="unknown" if isinstance(error, Unavailable) else "failed",
                why=error.cause,
                lines=error.details,
                see=error.see,
                fix=error.fix,
            )
        except OSError as error:
            why = f"{self.command[0]} cannot be started: {error.strerror}"
            found = replace(blank, outcome="failed", why=why, fix="install it again")
        else:
            found = self._judged(ended, blank, judge)
        return replace(found, seconds=time.monotonic() - begun)

    def _judged(self, ended: Ended, blank: CheckResult, judge: Judge) -> CheckResult:
        lines = tuple(ended.lines(self.top))[-_SHOWN:]
        if ended.code is None:
            why = f"it did not end in {_SECONDS / 60:.0f} minutes and was stopped"
            fix = "find out what it waits for; what it said last is above"
            return replace(blank, outcome="failed", why=why, lines=lines, fix=fix)
        return judge(ended, replace(blank, lines=lines))
