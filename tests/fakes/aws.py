"""Strict in-memory AWS behind the ports `Functions` and `Stacks`, held to the adapters' contract tests.

Every call is a `Call` that goes through `before_call` (before the effect) and `after_call` (after it, when
the answer is not given yet). A hook that raises is a failure or a lost response; one that changes something
is a second writer. Hooks run outside the lock.
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from release.core import canonical
from release.core.models import Place
from release.core.snapshot import AliasFacts, FunctionFacts, Invocation, StackFacts
from release.errors import ForeignChange, Misconfigured, RolloutFailed, Unavailable
from release.ports import Code, ZipFile

T = TypeVar("T")
LATEST = "$LATEST"
FIX = "look who changed it, then run the same command again"


@dataclass(frozen=True, slots=True)
class Call:
    operation: str  # the method of the port
    place: Place
    name: str
    undo: bool = False  # made inside `undoing()`

    @property
    def writes(self) -> bool:
        return self.operation in {
            "update_code",
            "publish",
            "create_alias",
            "update_alias",
            "delete_alias",
            "create",
            "update",
        }


Hook = Callable[[Call], None]
Handler = Callable[[Place, str, str, bytes], Invocation]


class _Hooked:
    """Notes every call and gives it to the hooks."""

    def __init__(self) -> None:
        self.before_call: Hook = _nothing
        self.after_call: Hook = _nothing
        self.calls: list[Call] = []
        self._lock = threading.RLock()
        self._undoing = ContextVar("undoing", default=False)

    def _do(self, operation: str, place: Place, name: str, effect: Callable[[], T]) -> T:
        call = Call(operation, place, name, self._undoing.get())
        self.calls.append(call)
        self.before_call(call)
        with self._lock:
            result = effect()
        self.after_call(call)
        return result


@dataclass
class _Function:
    latest: FunctionFacts
    reads_to_settle: int = 0
    failure: str | None = None  # how the update under way will end
    unpublished: bool = True  # since an update, publishing makes a new version
    versions: dict[str, FunctionFacts] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, AliasFacts] = field(default_factory=dict)
    next_version: int = 1


class FakeFunctions(_Hooked):
    """`settle_reads`: how many reads see an update InProgress. A new version is Pending for one read."""

    def __init__(self, *, settle_reads: int = 1, handler: Handler | None = None) -> None:
        super().__init__()
        self.handler: Handler = handler or _healthy
        self._settle_reads = settle_reads
        self._functions: dict[tuple[Place, str], _Function] = {}
        self._revisions = itertools.count(1)
        self._next_failure: dict[tuple[Place, str], str] = {}

    # What tests set up, and what others do meanwhile

    def add_function(
        self, place: Place, name: str, *, code: str = "0" * 64, configuration: str = "first", timeout: int = 3
    ) -> None:
        """As a stack makes it: `$LATEST` only, Active."""
        revision = self._revision()
        self._functions[place, name] = _Function(
            FunctionFacts(
                name=name,
                lambda_version=LATEST,
                code=code,
                configuration=configuration,
                revision=revision,
                state="Active",
                state_reason="",
                last_update="Successful",
                last_update_reason="",
                timeout=timeout,
                reserved_concurrency=None,
            )
        )

    def remove_function(self, place: Place, name: str) -> None:
        del self._functions[place, name]

    def change_function(self, place: Place, name: str, **facts: Any) -> None:
        """Somebody changes `$LATEST` (fields of FunctionFacts), at once and with a new revision."""
        with self._lock:
            function = self._functions[place, name]
            function.latest = replace(function.latest, **{"revision": self._revision(), **facts})
            function.unpublished = True

    def change_alias(self, place: Place, name: str, alias: str, **facts: Any) -> None:
        """Somebody changes an alias (fields of AliasFacts), with a new revision."""
        with self._lock:
            function = self._functions[place, name]
            function.aliases[alias] = replace(
                function.aliases[alias], **{"revision": self._revision(), **facts}
            )

    def fail_next_update(self, place: Place, name: str, reason: str) -> None:
        """The next accepted update of the code ends as Failed; the old code stays."""
        self._next_failure[place, name] = reason

    def version_description(self, place: Place, name: str, lambda_version: str) -> str:
        return self._functions[place, name].descriptions[lambda_version]

    # The port

    @contextmanager
    def undoing(self) -> Iterator[None]:
        token = self._undoing.set(True)
        try:
            yield
        finally:
            self._undoing.reset(token)

    def account(self, place: Place) -> str:
        return self._do("account", place, "", lambda: place.account)

    def function(self, place: Place, name: str, qualifier: str | None = None) -> FunctionFacts | None:
        return self._do("function", place, name, lambda: self._read(place, name, qualifier))

    def settled(self, place: Place, name: str, qualifier: str | None = None) -> FunctionFacts:
        def wait() -> FunctionFacts:
            facts = self._at_rest(place, name, qualifier)
            if facts.last_update == "Failed":
                raise RolloutFailed(
                    f"AWS could not update {name} in {place}: {facts.last_update_reason}", fix="mend it"
                )
            if facts.state == "Failed":
                raise RolloutFailed(
                    f"AWS could not start {name} in {place}: {facts.state_reason}", fix="mend it"
                )
            return facts

        return self._do("settled", place, name, wait)

    def versions(self, place: Place, name: str) -> Sequence[FunctionFacts]:
        def listed() -> Sequence[FunctionFacts]:
            return tuple(replace(facts, state="") for facts in self._get(place, name).versions.values())

        return self._do("versions", place, name, listed)

    def alias(self, place: Place, name: str, alias: str) -> AliasFacts | None:
        def read() -> AliasFacts | None:
            function = self._functions.get((place, name))
            return function.aliases.get(alias) if function else None

        return self._do("alias", place, name, read)

    def update_code(self, place: Place, name: str, code: Code, *, digest: str, revision: str) -> None:
        def update() -> None:
            function = self._guarded(place, name, revision)
            taken = canonical.sha256(code.path.read_bytes()) if isinstance(code, ZipFile) else digest
            failure = self._next_failure.pop((place, name), None)
            function.latest = replace(
                function.latest,
                code=function.latest.code if failure is not None else taken,
                revision=self._revision(),
                last_update="InProgress",
            )
            function.failure = failure
            function.reads_to_settle = self._settle_reads
            function.unpublished = True
            if taken != digest:
                raise Misconfigured(f"AWS took code {taken[:12]} for {name}, expected {digest[:12]}", fix=FIX)

        self._do("update_code", place, name, update)

    def publish(self, place: Place, name: str, *, code: str, revision: str, description: str) -> str:
        def freeze() -> str:
            function = self._guarded(place, name, revision)
            if function.latest.code != code:
                raise ForeignChange(f"{name} in {place} holds code {function.latest.code[:12]}", fix=FIX)
            if not function.unpublished:
                return next(reversed(function.versions))
            version = str(function.next_version)
            function.next_version += 1
            function.unpublished = False
            function.versions[version] = replace(
                function.latest,
                lambda_version=version,
                revision=self._revision(),
                state="Pending",
                last_update="",
                last_update_reason="",
            )
            function.descriptions[version] = description
            return version

        return self._do("publish", place, name, freeze)

    def create_alias(
        self, place: Place, name: str, alias: str, *, lambda_version: str, description: str
    ) -> AliasFacts:
        def create() -> AliasFacts:
            function = self._with_version(place, name, lambda_version)
            there = function.aliases.get(alias)
            if there is None:
                there = AliasFacts(alias, lambda_version, {}, self._revision(), description)
                function.aliases[alias] = there
            elif (there.lambda_version, there.weights, there.description) != (
                lambda_version,
                {},
                description,
            ):
                raise self._foreign_alias(place, name, there)
            return there

        return self._do("create_alias", place, name, create)

    def update_alias(
        self, place: Place, name: str, alias: str, *, lambda_version: str, revision: str, description: str
    ) -> AliasFacts:
        def update() -> AliasFacts:
            function = self._with_version(place, name, lambda_version)
            there = function.aliases.get(alias)
            if there is None or there.revision != revision:
                raise self._foreign_alias(place, name, there)
            function.aliases[alias] = AliasFacts(alias, lambda_version, {}, self._revision(), description)
            return function.aliases[alias]

        return self._do("update_alias", place, name, update)

    def delete_alias(self, place: Place, name: str, alias: str) -> None:
        def delete() -> None:
            if function := self._functions.get((place, name)):
                function.aliases.pop(alias, None)

        self._do("delete_alias", place, name, delete)

    def invoke(self, place: Place, name: str, qualifier: str, payload: bytes, *, timeout: int) -> Invocation:
        def target() -> str:
            function = self._get(place, name)
            version = (
                function.aliases[qualifier].lambda_version if qualifier in function.aliases else qualifier
            )
            facts = function.latest if version == LATEST else function.versions.get(version)
            if facts is None:
                raise ForeignChange(f"{name}:{qualifier} in {place} does not exist any more", fix=FIX)
            if facts.state == "Pending":
                raise Unavailable(f"{name}:{qualifier} in {place} is not ready", fix="wait a moment")
            return version

        version = self._do("invoke", place, name, target)
        return self.handler(place, name, version, payload)

    # The rules

    def _revision(self) -> str:
        return f"revision-{next(self._revisions)}"

    def _get(self, place: Place, name: str) -> _Function:
        if (place, name) not in self._functions:
            raise ForeignChange(f"{name} in {place} does not exist any more", fix=FIX)
        return self._functions[place, name]

    def _read(self, place: Place, name: str, qualifier: str | None) -> FunctionFacts | None:
        function = self._functions.get((place, name))
        if function is None:
            return None
        if qualifier is None or qualifier == LATEST:
            facts = function.latest
            if facts.last_update == "InProgress":
                function.reads_to_settle -= 1
                if function.reads_to_settle < 0:
                    self._settle(function)
            return function.latest
        facts_or_none = function.versions.get(qualifier)
        if facts_or_none and facts_or_none.state == "Pending":
            # this read still sees it Pending
            function.versions[qualifier] = replace(facts_or_none, state="Active", revision=self._revision())
        return facts_or_none

    def _settle(self, function: _Function) -> None:
        """The revision that the update gave goes stale here, as on AWS."""
        function.latest = replace(
            function.latest,
            revision=self._revision(),
            last_update="Successful" if function.failure is None else "Failed",
            last_update_reason=function.failure or "",
        )
        function.failure = None

    def _at_rest(self, place: Place, name: str, qualifier: str | None) -> FunctionFacts:
        while True:
            facts = self._read(place, name, qualifier)
            if facts is None:
                raise ForeignChange(f"{name}:{qualifier} in {place} does not exist any more", fix=FIX)
            if facts.last_update != "InProgress" and facts.state != "Pending":
                return facts

    def _guarded(self, place: Place, name: str, revision: str) -> _Function:
        """The function, at rest, if this is still its revision: an update under way makes it stale."""
        function = self._get(place, name)
        self._at_rest(place, name, None)
        if function.latest.revision != revision:
            raise ForeignChange(
                f"somebody else changed function {name} in {place}: "
                f"now it holds code {function.latest.code[:12]}",
                fix=FIX,
            )
        return function

    def _with_version(self, place: Place, name: str, lambda_version: str) -> _Function:
        function = self._get(place, name)
        if lambda_version != LATEST and lambda_version not in function.versions:
            raise ForeignChange(f"{name}:{lambda_version} in {place} does not exist any more", fix=FIX)
        return function

    def _foreign_alias(self, place: Place, name: str, there: AliasFacts | None) -> ForeignChange:
        now = f"now it serves version {there.lambda_version}" if there else "it is gone"
        return ForeignChange(f"somebody else changed the alias of {name} in {place}: {now}", fix=FIX)


@dataclass
class _Stack:
    facts: StackFacts
    body: str
    tags: dict[str, str]
    before: "_Stack | None" = None  # what a failed update goes back to


class FakeStacks(_Hooked):
    """`complete` is told of every stack that ended well: there a test makes the stack's functions."""

    def __init__(self, complete: Callable[[Place, StackFacts], None] | None = None) -> None:
        super().__init__()
        self.complete = complete or (lambda place, stack: None)
        self._stacks: dict[tuple[Place, str], _Stack] = {}
        self._next_failure: dict[tuple[Place, str], str] = {}

    def fail_next(self, place: Place, name: str, reason: str) -> None:
        """The next operation on this stack fails and is rolled back. `reason` is "LogicalId: words"."""
        self._next_failure[place, name] = reason

    def change_stack(self, place: Place, name: str, **facts: Any) -> None:
        """Somebody changes a stack (fields of StackFacts)."""
        with self._lock:
            stack = self._stacks[place, name]
            stack.facts = replace(stack.facts, **facts)

    def tags(self, place: Place, name: str) -> Mapping[str, str]:
        return self._stacks[place, name].tags

    def stack(self, place: Place, name: str) -> StackFacts | None:
        def read() -> StackFacts | None:
            found = self._stacks.get((place, name))
            return found.facts if found else None

        return self._do("stack", place, name, read)

    def create(
        self,
        place: Place,
        name: str,
        template: str,
        *,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        def start() -> None:
            there = self._stacks.get((place, name))
            if there and there.facts.status == "ROLLBACK_IN_PROGRESS":
                self._end(place, there)
            if there and there.facts.status in (
                "CREATE_FAILED",
                "ROLLBACK_COMPLETE",
                "ROLLBACK_FAILED",
                "REVIEW_IN_PROGRESS",
            ):
                there = None
            wanted = _stack(name, "CREATE_IN_PROGRESS", template, parameters, tags)
            if there is None:
                self._stacks[place, name] = wanted
            elif (there.body, there.facts.parameters) != (template, dict(parameters)):
                raise ForeignChange(f"somebody else created stack {name} in {place}", fix=FIX)

        self._do("create", place, name, start)

    def update(
        self,
        place: Place,
        name: str,
        template: str,
        *,
        parameters: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> bool:
        def start() -> bool:
            there = self._get(place, name)
            if there.facts.status.endswith("_IN_PROGRESS"):
                self._end(place, there)
            if there.facts.status == "UPDATE_ROLLBACK_FAILED":
                raise Misconfigured(f"stack {name} in {place} is stuck", fix="continue-update-rollback")
            if there.facts.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
                raise ForeignChange(f"stack {name} in {place} was never created completely", fix=FIX)
            if (there.body, there.facts.parameters, there.tags) == (template, dict(parameters), dict(tags)):
                return False
            wanted = _stack(name, "UPDATE_IN_PROGRESS", template, parameters, tags)
            wanted.before = there
            self._stacks[place, name] = wanted
            return True

        return self._do("update", place, name, start)

    def settled(self, place: Place, name: str) -> StackFacts:
        def wait() -> StackFacts:
            stack = self._get(place, name)
            reason = self._end(place, stack) if stack.facts.status.endswith("_IN_PROGRESS") else ""
            facts = self._stacks[place, name].facts
            if facts.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
                raise RolloutFailed(
                    f"stack {name} in {place} ended in {facts.status}: {reason}", fix="mend it"
                )
            return facts

        return self._do("settled", place, name, wait)

    def _get(self, place: Place, name: str) -> _Stack:
        if (place, name) not in self._stacks:
            raise ForeignChange(f"stack {name} in {place} does not exist any more", fix=FIX)
        return self._stacks[place, name]

    def _end(self, place: Place, stack: _Stack) -> str:
        """Ends what is under way. Returns why it failed, or nothing."""
        name, creating = stack.facts.name, stack.facts.status == "CREATE_IN_PROGRESS"
        reason = self._next_failure.pop((place, name), None)
        if reason is None:
            stack.facts = replace(stack.facts, status="CREATE_COMPLETE" if creating else "UPDATE_COMPLETE")
            stack.before = None
            self.complete(place, stack.facts)
            return ""
        if stack.before is not None:
            stack.facts, stack.body, stack.tags = stack.before.facts, stack.before.body, stack.before.tags
        stack.facts = replace(
            stack.facts, status="ROLLBACK_COMPLETE" if creating else "UPDATE_ROLLBACK_COMPLETE"
        )
        stack.before = None
        return reason


def _stack(
    name: str, status: str, template: str, parameters: Mapping[str, str], tags: Mapping[str, str]
) -> _Stack:
    facts = StackFacts(
        name=name,
        status=status,
        status_reason="",
        template=canonical.sha256(template.encode()),
        parameters=dict(parameters),
        outputs={},
    )
    return _Stack(facts, template, dict(tags))


def _healthy(place: Place, name: str, lambda_version: str, payload: bytes) -> Invocation:
    return Invocation(200, None, lambda_version, b'{"statusCode": 200}')


def _nothing(call: Call) -> None:
    """No hook."""
