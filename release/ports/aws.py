"""What AWS runs and counts: functions, stacks, metrics and alarms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from release.core.alarms import AlarmFacts
    from release.core.analysis import Counts
    from release.core.infra_apply import ResourceChange
    from release.core.models import Place
    from release.core.snapshot import AliasFacts, FunctionFacts, Invocation, StackFacts


@dataclass(frozen=True, slots=True)
class S3Code:
    """Lambda takes a zip from S3 only in its own region."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class ZipFile:
    """A zip on this machine, sent with the call: 50 MB at most."""

    path: Path


Code = S3Code | ZipFile


class Functions(Protocol):
    """The control plane of AWS Lambda.

    Every method raises Misconfigured (credentials, access denied), Unavailable (out of reach, throttled to
    the end) and, where it says so, ForeignChange. What is safe to repeat is tried again inside; nothing is
    retried blindly.
    """

    def undoing(self) -> AbstractContextManager[None]:
        """Inside, calls of this thread may use the part of the rate budget that is kept for the undo.

        Meanwhile no call of another thread is sent: those that wait their turn raise GivenUp.
        A context variable: enter it in the worker, or start the worker in a copy of the context.
        """

    def credentials_end(self, place: Place) -> datetime | None:
        """When the credentials for this place end for good. None: never, or they renew themselves."""

    def account(self, place: Place) -> str:
        """Account id that the credentials for this place belong to."""

    def function(self, place: Place, name: str, qualifier: str | None = None) -> FunctionFacts | None:
        """GetFunction (100/s, not out of the budget of 15/s). None: no such function or version."""

    def settled(self, place: Place, name: str, qualifier: str | None = None) -> FunctionFacts:
        """Wait until the update has ended and the version is Active. Raises RolloutFailed on Failed,
        Unavailable on time-out.
        """

    def versions(self, place: Place, name: str) -> Sequence[FunctionFacts]:
        """All published versions, oldest first, every page. Lists have no `state`: it is "" here."""

    def alias(self, place: Place, name: str, alias: str) -> AliasFacts | None: ...

    def update_code(self, place: Place, name: str, code: Code, *, digest: str, revision: str) -> None:
        """Give `$LATEST` this code. Returns when AWS has accepted it. Raises ForeignChange when the revision
        is stale.

        `digest` is the zip's sha256 (hex): it tells our update from a foreign one after a lost response.
        Raises Misconfigured when AWS took other bytes.
        """

    def publish(self, place: Place, name: str, *, code: str, revision: str, description: str) -> str:
        """Freeze `$LATEST` as a version, guarded by sha256 (hex) and revision. Returns the lambda version.

        A lost response is looked up by digest before anything is repeated. Raises ForeignChange.
        """

    def create_alias(
        self,
        place: Place,
        name: str,
        alias: str,
        *,
        lambda_version: str,
        description: str,
    ) -> AliasFacts:
        """Raises ForeignChange when the alias exists already and is not exactly this."""

    def update_alias(
        self,
        place: Place,
        name: str,
        alias: str,
        *,
        lambda_version: str,
        revision: str,
        description: str,
        weights: Mapping[str, float] | None = None,
    ) -> AliasFacts:
        """Traffic to one version, but for `weights`: additional lambda version -> share (0 to 1).

        Weights that are not named are cleared. Raises ForeignChange on a stale revision.
        """

    def delete_alias(self, place: Place, name: str, alias: str) -> None:
        """Nothing happens when it is not there."""

    def invoke(self, place: Place, name: str, qualifier: str, payload: bytes, *, timeout: int) -> Invocation:
        """Synchronous invoke. `timeout` in seconds bounds our waiting. Raises Unavailable
        when throttled or timed out.
        """


@dataclass(frozen=True, slots=True)
class StackRequest:
    """What a stack is to be: all that CloudFormation is sent of it."""

    name: str
    template: str  # the text
    parameters: Mapping[str, str]
    tags: Mapping[str, str]


class Stacks(Protocol):
    """CloudFormation. Raises as Functions does."""

    def stack(self, place: Place, name: str) -> StackFacts | None: ...

    def create(self, place: Place, request: StackRequest) -> None:
        """Start creating. A stack of this name that failed to be created before is removed first."""

    def update(self, place: Place, request: StackRequest) -> bool:
        """Start updating. False: there was nothing to change, so there is no end to wait for.

        A stack that keeps more than the template says, by a rollout, goes on doing so: only `change` takes
        anything of that away.
        """

    def change(
        self, place: Place, request: StackRequest, agreed: Callable[[Sequence[ResourceChange]], None]
    ) -> bool:
        """Start updating by a change set. False: there was nothing to change, and nothing is left of it.

        `agreed` gets what CloudFormation would do, before anything is done. Where it raises, nothing is done:
        the change set goes, and the failure is passed on.
        """

    def settled(self, place: Place, name: str) -> StackFacts:
        """Wait for the end. Raises RolloutFailed with the event that caused it when it did not end well."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two lambda versions that serve behind one alias at the same time."""

    function: str
    alias: str
    stable: str
    canary: str


class Metrics(Protocol):
    """What CloudWatch counted of calls, and its alarms. Only reads; raises Misconfigured and Unavailable."""

    def lag(self) -> timedelta:
        """How long after its end a call may be missing from the counts."""

    def counts(
        self,
        place: Place,
        compared: Sequence[Compared],
        *,
        since: datetime,
        until: datetime,
        slower_than_ms: int | None = None,
    ) -> Mapping[str, tuple[Counts, Counts]]:
        """Counts of the stable version and of the canary, by function, of calls begun in a window.

        Every function that was asked for is in the answer; what was not called has counts of 0. CloudWatch
        keeps these by the minute and widens a window to whole ones, so windows of one rollout share their
        first and last minutes: ask again from the same `since` instead of adding windows up. Without
        `slower_than_ms` nothing counts as slow.
        """

    def alarms(self, place: Place, names: Collection[str]) -> Mapping[str, AlarmFacts]:
        """Those of these alarms that exist, by name."""

    def alarms_of(self, place: Place, functions: Collection[str]) -> Sequence[AlarmFacts]:
        """Every alarm on a metric of one of these functions, by name in order."""
