"""What the decisions need of the outside world, as Protocols. One adapter (and one strict
fake) stands behind each.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from release.core.alarms import AlarmFacts
from release.core.analysis import Counts
from release.core.chain import LedgerCommit
from release.core.git_objects import Difference as Difference
from release.core.git_objects import TreeEntry as TreeEntry
from release.core.models import Place
from release.core.records import Event, Holder, StageHead
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


class Stacks(Protocol):
    """CloudFormation. Raises as Functions does."""

    def stack(self, place: Place, name: str) -> StackFacts | None: ...

    def create(
        self,
        place: Place,
        name: str,
        template: str,
        *,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        """Start creating. A stack of this name that failed to be created before is removed first."""

    def update(
        self,
        place: Place,
        name: str,
        template: str,
        *,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> bool:
        """Start updating. False: there was nothing to change, so there is no end to wait for."""

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


@dataclass(frozen=True, slots=True)
class Indexed:
    """An entry of an index, without its value."""

    key: str
    written: datetime


class Artifacts(Protocol):
    """Bytes by digest, in every region that needs them. Nothing is ever overwritten."""

    def put(self, data: bytes, *, kind: str) -> str:
        """Store in every region; kind is one of `store_layout.KINDS`. Returns the sha256 (hex)."""

    def get(self, digest: str, *, kind: str) -> bytes:
        """Raises Misconfigured when it is lost or its bytes no longer have this digest."""

    def holds(self, digest: str, *, kind: str, region: str) -> bool:
        """Whether a region has it. Raises Misconfigured when something else is in its place."""

    def proves(self, digest: str, *, kind: str, region: str) -> bool:
        """As `holds`, by all of its bytes as this region has them, whatever the store says of them."""

    def digests(self, prefix: str, *, kind: str) -> Sequence[str]:
        """Digests that begin like this, sorted, of what any region has."""

    def index(self, name: str, key: str) -> str | None:
        """Value of a write-once index entry. None: not written.

        `fingerprints`: what a fingerprint was built to; `manifests`: of a commit, by pipeline, commit and
        target; `everywhere`: that all of a manifest is in a set of regions.
        """

    def indexed(self, name: str, under: str = "") -> Sequence[Indexed]:
        """All entries of an index, or those below a folder of it (`fleet`), sorted by key."""

    def index_once(self, name: str, key: str, value: str) -> str:
        """Write unless written; returns the winner's value."""

    def code(self, digest: str, region: str) -> Code:
        """Where Lambda takes this zip from in this region."""


@dataclass(frozen=True, slots=True)
class RemoteTag:
    name: str  # without refs/tags/
    object: str  # the tag object, or the commit for a lightweight tag
    commit: str
    annotated: bool


@dataclass(frozen=True, slots=True)
class RemoteRefs:
    """One ls-remote. The remote is the truth."""

    head: str | None  # name of the default branch, without refs/heads/
    branches: Mapping[str, str]  # name -> commit
    tags: Mapping[str, RemoteTag]


@dataclass(frozen=True, slots=True)
class CommitInfo:
    id: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One ref of an atomic push: new on the remote, or a fast-forward there."""

    ref: str  # full name
    new: str  # object id


class Branch(Protocol):
    """A branch that shares no history with others, kept no deeper than it was asked for."""

    def ensure(self, commit: str, *, commits: int | None = 1) -> None:
        """Have a commit, and so many of its history in all (None: all of it). Writes no ref of the
        clone. Raises Unavailable.
        """

    def seen(self) -> Sequence[str]:
        """Commits that this clone has had for the newest one, without asking the remote."""

    def paths(self, commit: str) -> Sequence[str]:
        """All files of a commit's tree."""

    def files(self, commit: str, *under: str) -> Mapping[str, bytes]:
        """Files below these folders, or of these names, with what they hold."""

    def added(
        self, commit: str, *, limit: int | None = None, saying: Sequence[str] = ()
    ) -> Sequence[tuple[str, bytes]]:
        """Path and content of the files that a commit and its ancestors have added, the newest first.

        Has as much of the history as it needs. `limit`: of so many commits. `saying`: of those with a message
        that any of these basic regular expressions matches in a line.
        """

    def history(
        self, commit: str, *, saying: Sequence[str] = (), wanted: Callable[[str], bool] = ...
    ) -> Iterator[LedgerCommit]:
        """A commit and its ancestors, the oldest first, a part of them in memory at a time.

        `saying`: as `added` has it. Changes of paths that are not `wanted` are left out.
        """

    def write_commit(
        self,
        *,
        base: str | None,
        files: Mapping[str, bytes | None],
        parents: Sequence[str],
        message: str,
    ) -> str:
        """As Repo.write_commit."""


class Repo(Protocol):
    """The git repository and its remote, over plumbing. Raises Misconfigured and Unavailable."""

    @property
    def top(self) -> Path: ...

    def remote(self) -> RemoteRefs:
        """Read the remote's refs now. Raises Unavailable when it is out of reach,
        Misconfigured when there is none.
        """

    def local_tags(self) -> Mapping[str, RemoteTag]:
        """Tags of this clone, one for-each-ref: for --offline and for finding tags that exist only here."""

    def resolve(self, ref: str) -> str:
        """Commit id of a ref or abbreviated id. Raises Misconfigured when there is none."""

    def resolve_each(self, *refs: str) -> Sequence[str | None]:
        """Commit ids of these refs. None: there is none, and `resolve` says why."""

    def uncommitted(self, *under: str) -> Sequence[str]:
        """Paths below these folders of the work tree that differ from HEAD or are new there, sorted."""

    def has(self, object_id: str) -> bool: ...

    def ensure(self, object_ids: Iterable[str], *, refs: Sequence[str] = ()) -> None:
        """Have these objects here, fetching without writing any ref. Raises Unavailable."""

    def merged_tags(self, commit: str, tags: Mapping[str, RemoteTag]) -> frozenset[str]:
        """Names among `tags` whose commit is the commit or an ancestor of it. Deepens a
        shallow clone or raises.
        """

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Deepens a shallow clone or raises: it never answers `no` for `do not know`."""

    def commits(self, *, since: str | None, until: str) -> Sequence[CommitInfo]: ...

    def tree(self, commit: str, *under: str, matching: str | None = None) -> Sequence[TreeEntry]:
        """All blobs and submodules below these folders (or the whole tree), sorted by path in UTF-8 bytes.

        `matching`: only paths in which this regular expression is found.
        """

    def differences(self, base: str, head: str) -> Sequence[Difference]:
        """What two commits do not have alike: their trees, whatever lies between them."""

    def folders(self, commit: str, *under: str) -> Sequence[Mapping[str, str]]:
        """Right below each of these folders of the top ("": the top): name of a folder -> object id of
        its tree. Empty where there is none.
        """

    def blobs(self, ids: Iterable[str]) -> Mapping[str, bytes]: ...

    def sizes(self, ids: Iterable[str]) -> Mapping[str, int]:
        """Bytes of each blob, without reading it."""

    def recall(self, kind: str, key: str | None = None) -> bytes | None:
        """What was remembered by this key, or the newest of its kind; None whenever there is no telling."""

    def remember(self, kind: str, key: str, data: bytes) -> None:
        """Keep what can be had again from the repository, beside it, for a while. Never fails."""

    def write_blob(self, data: bytes) -> str: ...

    def branch(self, name: str) -> Branch:
        """A branch of the remote that shares no history with others."""

    def write_commit(
        self,
        *,
        base: str | None,
        files: Mapping[str, bytes | None],
        parents: Sequence[str],
        message: str,
    ) -> str:
        """A commit whose tree is `base`'s with these files put in, or taken out (None). Touches no ref,
        index or work tree.
        """

    def write_tag(self, *, name: str, commit: str, message: str) -> str:
        """An annotated tag object (mktag; signed when git is configured for it). Touches no ref."""

    def tag_message(self, object_id: str) -> str: ...

    def push(self, updates: Sequence[RefUpdate]) -> None:
        """One atomic push; every ref is new or a fast-forward. Raises Conflict when the
        remote refused any of them.
        """

    def person(self) -> str:
        """Who runs this: the configured user name, never an e-mail address."""


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The heads of all stages at one commit of the ledger. `commit` None: there is no ledger yet."""

    commit: str | None
    heads: Mapping[tuple[str, str], StageHead]  # (pipeline, stage)

    def head(self, pipeline: str, stage: str) -> StageHead:
        return self.heads.get((pipeline, stage)) or StageHead(pipeline, stage)


class Ledger(Protocol):
    """All records, append-only. Raises Unavailable when the remote is out of reach."""

    def read(self, refs: RemoteRefs | None = None) -> LedgerState:
        """The ledger as the remote has it now (or as `refs`, just read, name it)."""

    def last_known(self) -> LedgerState:
        """The ledger as this clone saw it last, without the remote. Raises Unavailable when it never did."""

    def append(
        self,
        state: LedgerState,
        event: Event,
        *,
        tag: RefUpdate | None = None,
        unchanged: Sequence[str] = (),
    ) -> LedgerState:
        """Write one event, and a new tag with it, in one atomic push.

        Where only other stages have moved since `state`, the event is put on top of theirs. Raises Conflict
        when our stage has moved, the tag exists, the hold was lost, or when one of the stages `unchanged`
        serves or quarantines something else by now; GateClosed when a start finds its stage closed by
        somebody since `state`.
        """

    def event(self, state: LedgerState, path: str) -> Event:
        """An event that a head of this state names. Raises Misconfigured when the ledger does not hold it."""

    def events(
        self,
        state: LedgerState,
        *,
        limit: int | None = None,
        pipeline: str | None = None,
        stage: str | None = None,
        release: str | None = None,
    ) -> Sequence[Event]:
        """The newest `limit`, in the order in which they were written, newest first.

        Only those of a pipeline, a stage, or a release (tag or commit id), where named.
        """


class LedgerChain(Ledger, Protocol):
    """A ledger as auditors read it: commit by commit."""

    def saw(self, state: LedgerState) -> None:
        """Remember in this clone that the ledger was whole up to here: an anchor for the next audit."""

    def commits(
        self, state: LedgerState, *, release: str | None = None, begun: Callable[[str], bool] | None = None
    ) -> Iterator[LedgerCommit]:
        """The ledger's commits as they are, the oldest first, none of them trusted.

        `release`: those whose message names this tag or commit id. `begun`: files of those events alone whose
        promotion began at such a time, as `20261121T095000Z`.
        """


class Holders(Protocol):
    """Who carries out promotions."""

    def current(self) -> Holder:
        """This process, or the workflow run it belongs to."""

    def is_dead(self, holder: Holder) -> bool | None:
        """Whether the holder is gone. None: it cannot be known from here."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program of a commit, which runs in a clean checkout of it that is gone afterwards."""

    command: tuple[str, ...]  # program and arguments: no shell reads it
    commit: str
    under: tuple[str, ...]  # folders of the commit that are checked out; empty: all of it
    folder: str  # of the checkout, where it starts; empty: its top
    environment: Mapping[str, str]  # beside what every program gets
    files: Mapping[str, bytes]  # name of a variable -> content of the file that it names
    place: Place  # whose credentials it gets
    seconds: int  # then it is stopped


@dataclass(frozen=True, slots=True)
class Ended:
    code: int | None  # exit code, or -signal; None: it did not end in time and was stopped
    tail: tuple[str, ...]  # the last lines that it said, as they were heard


class Alerts(Protocol):
    """Whoever wants to be told at once that a rollout needs a person."""

    def send(self, subject: str, text: str) -> None:
        """`subject` is one line of ASCII, 100 characters at most. Raises Unavailable, Misconfigured."""


class Programs(Protocol):
    """Programs that act on a stage: migrations and verifications."""

    def run(self, program: Program, *, hear: Callable[[str], None], look: Callable[[], None]) -> Ended:
        """Run a program to its end, and stop all that it has started, whatever happens to us.

        `hear` gets every line of its output, without what looks like a secret, in a thread of its own.
        `look` is called every 15 s: what it raises ends the program, and is raised. Raises Misconfigured when
        it cannot be started, and Unavailable when the commit or credentials are out of reach.
        """


class Clock(Protocol):
    def now(self) -> datetime:
        """Now, in UTC."""

    def sleep(self, seconds: float) -> None: ...


Progress = Callable[[str, Mapping[str, Any]], None]
