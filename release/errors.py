"""Every failure that a user can meet: cause, fix, place, and the exit code that says what
state the world is in.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What a process that ends says about the world. All exit codes are here and nowhere else."""

    DONE = 0  # done, or nothing to do
    BUG = 1  # our bug; state unknown
    MISCONFIGURED = 2  # unchanged: configuration, usage or credentials are wrong
    CLOSED = 3  # unchanged: a gate is closed, or a check said no
    TRY_AGAIN = 4  # unchanged: plan is stale, somebody else is at it, or a system is out of reach
    ROLLED_BACK = 5  # rollout failed; what served before serves now
    STRANDED = 6  # rollout and undo both failed; a person must look
    UNDER_WAY = 7  # under way, or done and not recorded yet: the same command goes on
    INTERRUPTED = 130  # the same command finishes it


class ReleaseError(Exception):
    """Base of all expected failures. `fix` is required: an error without a way out is a bug."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(
        self,
        cause: str,
        *,
        fix: str,
        see: str | None = None,
        details: Sequence[str] = (),
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.fix = fix
        self.see = see
        self.details = tuple(details)  # one line each, shown under the cause

    def __str__(self) -> str:
        return self.cause


class Misconfigured(ReleaseError):
    """Configuration, usage or credentials are wrong; nothing was changed."""

    exit_code = ExitCode.MISCONFIGURED


class GateClosed(ReleaseError):
    """A gate, a rule or a check said no; nothing was changed."""

    exit_code = ExitCode.CLOSED


class Unavailable(ReleaseError):
    """git, GitHub or AWS cannot be reached, or answered that it is busy; nothing was changed."""

    exit_code = ExitCode.TRY_AGAIN


class AnswerLost(Unavailable):
    """A write was sent, and whether it was done is not known: look before anything is sent again."""


class GivenUp(Unavailable):
    """A call was not sent any more: something else has failed, and the way back goes first."""


class Conflict(ReleaseError):
    """Somebody else is at it, or the plan is stale; nothing was changed by us."""

    exit_code = ExitCode.TRY_AGAIN


class ForeignChange(Conflict):
    """A guard (RevisionId, CodeSha256, expected ref) did not match: another writer changed this resource."""


class RolloutFailed(ReleaseError):
    """The rollout failed and was undone: what served before serves now."""

    exit_code = ExitCode.ROLLED_BACK


class Stranded(ReleaseError):
    """Rollout and undo both failed. `details` says exactly what is where."""

    exit_code = ExitCode.STRANDED


class Unrecorded(ReleaseError):
    """The rollout ended, but its outcome could not be written: the same command finishes it."""

    exit_code = ExitCode.UNDER_WAY
