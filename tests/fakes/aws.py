"""Strict in-memory AWS behind the ports `Functions` and `Stacks`, held to the same cases as the sandbox.

Every call is a `Call` that goes through `before_call` (before the effect) and `after_call` (after it, when
the answer is not given yet). A hook that raises is a failure or a lost response; one that changes something
is a second writer. Hooks run outside the lock.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from release.adapters.aws.rate_budget import RateBudget
from release.adapters.lambda_functions import LambdaFunctions
from release.core import canonical
from release.core.infra_apply import ResourceChange
from release.core.infra_expand import MARK
from release.core.models import Place
from release.core.snapshot import AliasFacts, FunctionFacts, Invocation, StackFacts
from release.errors import ForeignChange, GivenUp, Misconfigured, RolloutFailed
from release.ports import Code, StackRequest
from tests.fakes.lambda_model import LATEST, Bucket, Handler, LambdaClient, LambdaModel, Version
from tests.fakes.turns import Turns

T = TypeVar("T")
PLACEHOLDER = b"code that raises, until the first release"
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
            "change",
        }


Hook = Callable[[Call], None]


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A call of the API, as the adapter makes it: below every retry."""

    method: str  # of botocore's client
    place: Place
    wanted: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.wanted["FunctionName"])


# Makes the call, or not; says what it answered, or raises what botocore raises.
Way = Callable[[ApiCall, Callable[..., Any]], Any]


class _Hooked:
    """Notes every call and gives it to the hooks."""

    def __init__(self) -> None:
        self.before_call: Hook = _nothing
        self.after_call: Hook = _nothing
        self.calls: list[Call] = []
        self._lock: AbstractContextManager[Any] = threading.RLock()
        self._undoing = ContextVar("undoing", default=False)

    def _do(self, operation: str, place: Place, name: str, effect: Callable[[], T]) -> T:
        call = Call(operation, place, name, self._undoing.get())
        self.calls.append(call)
        self.before_call(call)
        with self._lock:
            result = effect()
        self.after_call(call)
        return result


class FakeFunctions(_Hooked):
    """The real adapter over `LambdaModel`: what AWS refuses is refused here too, and no time passes.

    `settle_reads`: how many reads see an update InProgress. `bucket` gives what is in S3. What the tool asks
    of the API goes through `way`; what others do (`change_alias`, …) does not.
    """

    def __init__(
        self, *, settle_reads: int = 1, handler: Handler | None = None, bucket: Bucket | None = None
    ) -> None:
        super().__init__()
        self._lock = nullcontext()  # the model has one of its own, for each call of the API
        self.model = LambdaModel(
            settle_reads=settle_reads,
            handler=lambda *invocation: self.handler(*invocation),
            bucket=bucket or (lambda _bucket, _key: None),
        )
        self.handler: Handler = handler or _healthy
        self.expires: datetime | None = None  # when the credentials end for good
        self.way: Way = lambda call, answer: answer(**call.wanted)
        self.aws = _ModelAws(self.model, lambda call, answer: self.way(call, answer))
        self._adapter = LambdaFunctions(self.aws)  # type: ignore[arg-type]
        self._others = LambdaFunctions(_ModelAws(self.model))  # type: ignore[arg-type]

    # What tests set up, and what others do meanwhile

    def add_function(
        self, place: Place, name: str, *, configuration: str = "first", timeout: int = 3
    ) -> None:
        """As a stack makes it: `$LATEST` only, Active. `configuration` stands for all of its settings."""
        with self._lock:
            client = self.model.client(place)
            client.create_function(
                FunctionName=name,
                Role=f"arn:aws:iam::{place.account}:role/{name}",
                Runtime="python3.13",
                Handler="app.handler",
                Timeout=timeout,
                Code={"ZipFile": PLACEHOLDER},
                Environment={"Variables": {"CONFIGURATION": configuration}},
            )
            self._others.settled(place, name)

    def remove_function(self, place: Place, name: str) -> None:
        self.model.client(place).delete_function(FunctionName=name)

    def exists(self, place: Place, name: str) -> bool:
        return (place, name) in self.model.functions

    def configuration(self, place: Place, name: str, lambda_version: str = LATEST) -> str:
        """What `add_function` or `change_function` said, as this version has it."""
        with self._lock:
            shown = self._shown(place, name, lambda_version).config
        return str(shown["Environment"]["Variables"]["CONFIGURATION"])

    def code(self, place: Place, name: str, lambda_version: str = LATEST) -> str:
        """sha256 (hex) of the zip."""
        with self._lock:
            return canonical.sha256(self._shown(place, name, lambda_version).zip)

    def versions_of(self, place: Place, name: str) -> list[str]:
        return list(self.model.functions[place, name].versions)

    def alias_of(self, place: Place, name: str, alias: str) -> AliasFacts | None:
        """As `alias`, unseen by the hooks."""
        with self._lock:
            return self._others.alias(place, name, alias)

    def version_description(self, place: Place, name: str, lambda_version: str) -> str:
        return str(self._shown(place, name, lambda_version).config["Description"])

    def change_function(self, place: Place, name: str, *, configuration: str = "", zip: bytes = b"") -> None:
        """Somebody changes `$LATEST`, and it settles."""
        with self._lock:
            client = self.model.client(place)
            self._others.settled(place, name)
            if configuration:
                variables = {"Variables": {"CONFIGURATION": configuration}}
                client.update_function_configuration(FunctionName=name, Environment=variables)
                self._others.settled(place, name)
            if zip:
                client.update_function_code(FunctionName=name, ZipFile=zip)
                self._others.settled(place, name)

    def change_alias(
        self,
        place: Place,
        name: str,
        alias: str,
        *,
        lambda_version: str | None = None,
        weights: Mapping[str, float] | None = None,
        description: str = "by hand",
    ) -> None:
        """Somebody changes an alias."""
        with self._lock:
            changes: dict[str, Any] = {"Description": description}
            if lambda_version is not None:
                changes["FunctionVersion"] = lambda_version
            if weights is not None:
                changes["RoutingConfig"] = {"AdditionalVersionWeights": dict(weights)}
            self.model.client(place).update_alias(FunctionName=name, Name=alias, **changes)

    def remove_alias(self, place: Place, name: str, alias: str) -> None:
        """Somebody deletes an alias."""
        with self._lock:
            self.model.client(place).delete_alias(FunctionName=name, Name=alias)

    def forge_version(self, place: Place, name: str, lambda_version: str, *, of: str) -> None:
        """A version that holds the code of another: no call of AWS does that."""
        with self._lock:
            function = self.model.functions[place, name]
            there = function.versions[of]
            function.versions[lambda_version] = Version(
                {**there.config, "Version": lambda_version}, there.zip
            )

    def settle(self, place: Place, name: str) -> None:
        """Until nothing is going on with `$LATEST`."""
        self._others.settled(place, name)

    def fail_next_update(self, place: Place, name: str, reason: str) -> None:
        """The next accepted update of the code ends as Failed; the old code stays."""
        self.model.next_failure[place, name] = reason

    # The port

    @contextmanager
    def undoing(self) -> Iterator[None]:
        token = self._undoing.set(True)
        try:
            with self._adapter.undoing():
                yield
        finally:
            self._undoing.reset(token)

    def account(self, place: Place) -> str:
        return self._do("account", place, "", lambda: place.account)

    def function(self, place: Place, name: str, qualifier: str | None = None) -> FunctionFacts | None:
        return self._do("function", place, name, lambda: self._adapter.function(place, name, qualifier))

    def settled(self, place: Place, name: str, qualifier: str | None = None) -> FunctionFacts:
        return self._do("settled", place, name, lambda: self._adapter.settled(place, name, qualifier))

    def versions(self, place: Place, name: str) -> Sequence[FunctionFacts]:
        return self._do("versions", place, name, lambda: self._adapter.versions(place, name))

    def alias(self, place: Place, name: str, alias: str) -> AliasFacts | None:
        return self._do("alias", place, name, lambda: self._adapter.alias(place, name, alias))

    def update_code(self, place: Place, name: str, code: Code, *, digest: str, revision: str) -> None:
        def update() -> None:
            self._adapter.update_code(place, name, code, digest=digest, revision=revision)

        self._do("update_code", place, name, update)

    def publish(self, place: Place, name: str, *, code: str, revision: str, description: str) -> str:
        def freeze() -> str:
            return self._adapter.publish(place, name, code=code, revision=revision, description=description)

        return self._do("publish", place, name, freeze)

    def create_alias(
        self, place: Place, name: str, alias: str, *, lambda_version: str, description: str
    ) -> AliasFacts:
        def create() -> AliasFacts:
            return self._adapter.create_alias(
                place, name, alias, lambda_version=lambda_version, description=description
            )

        return self._do("create_alias", place, name, create)

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
        def update() -> AliasFacts:
            return self._adapter.update_alias(
                place,
                name,
                alias,
                lambda_version=lambda_version,
                revision=revision,
                description=description,
                weights=weights,
            )

        return self._do("update_alias", place, name, update)

    def credentials_end(self, place: Place) -> datetime | None:
        return self.expires

    def delete_alias(self, place: Place, name: str, alias: str) -> None:
        self._do("delete_alias", place, name, lambda: self._adapter.delete_alias(place, name, alias))

    def invoke(self, place: Place, name: str, qualifier: str, payload: bytes, *, timeout: int) -> Invocation:
        # Without the lock: a handler may look at the world.
        call = Call("invoke", place, name, self._undoing.get())
        self.calls.append(call)
        self.before_call(call)
        answer = self._adapter.invoke(place, name, qualifier, payload, timeout=timeout)
        self.after_call(call)
        return answer

    def _shown(self, place: Place, name: str, lambda_version: str) -> Version:
        function = self.model.functions[place, name]
        return function.latest if lambda_version == LATEST else function.versions[lambda_version]


class _ModelAws:
    """What the adapter needs of `Aws`, over the model. Time passes only by sleeping."""

    def __init__(self, model: LambdaModel, way: Way | None = None) -> None:
        self._model = model
        self._way = way
        self._now = 0.0
        self.turns: Turns | None = None  # whose time passes, instead of one of its own
        self._budget = RateBudget(1e9, 10**9, clock=self.clock, sleep=self.sleep)
        self._paces: dict[Place, _Pace] = {}

    def clock(self) -> float:
        return self.turns.now if self.turns else self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds
        if self.turns:
            self.turns.sleep(seconds)

    def client(self, place: Place, service: str, **_options: Any) -> "LambdaClient | _Watched":
        assert service == "lambda", service
        client = self._model.client(place)
        return client if self._way is None else _Watched(client, place, self._way)

    def control_calls(self, place: Place) -> "RateBudget | _Pace":
        # No budget is ever short here: the pace of calls is tested where there is one.
        return self._paces.setdefault(place, _Pace(self)) if self.turns else self._budget

    get_function_calls = control_calls


class _Pace:
    """A budget that is never short, and waits only where AWS has throttled. Its waiting takes turns."""

    def __init__(self, aws: _ModelAws) -> None:
        self._aws = aws
        self._closed_until = 0.0

    def take(self, undo: bool = False, given_up: Callable[[], bool] = lambda: False) -> float:
        """Raises GivenUp, as the budget does, when waiting for a turn has become pointless."""
        if given_up():
            raise GivenUp("not sent: something else has failed", fix="see what has failed")
        if (seconds := self._closed_until - self._aws.clock()) > 0:
            self._aws.sleep(seconds)
        return max(0.0, seconds)

    def pause(self, seconds: float) -> None:
        self._closed_until = max(self._closed_until, self._aws.clock() + seconds)


class _Watched:
    """A client whose calls go a way that a test has laid."""

    def __init__(self, client: LambdaClient, place: Place, way: Way) -> None:
        self._client, self._place, self._way = client, place, way

    def __getattr__(self, method: str) -> Callable[..., Any]:
        answer = getattr(self._client, method)
        return lambda **wanted: self._way(ApiCall(method, self._place, wanted), answer)


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
        self.says: Sequence[ResourceChange] = ()  # what change sets are said to do

    def fail_next(self, place: Place, name: str, reason: str) -> None:
        """The next operation on this stack fails and is rolled back. `reason` is "LogicalId: words"."""
        self._next_failure[place, name] = reason

    def change_stack(self, place: Place, name: str, **facts: Any) -> None:
        """Somebody changes a stack (fields of StackFacts)."""
        with self._lock:
            stack = self._stacks[place, name]
            stack.facts = replace(stack.facts, **facts)
            stack.body = stack.facts.body

    def tags(self, place: Place, name: str) -> Mapping[str, str]:
        return self._stacks[place, name].tags

    def stack(self, place: Place, name: str) -> StackFacts | None:
        def read() -> StackFacts | None:
            found = self._stacks.get((place, name))
            return found.facts if found else None

        return self._do("stack", place, name, read)

    def create(self, place: Place, request: StackRequest) -> None:
        name = request.name

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
            wanted = _stack(request, "CREATE_IN_PROGRESS", request.template)
            if there is None:
                self._stacks[place, name] = wanted
            elif (there.body, there.facts.parameters) != (request.template, dict(request.parameters)):
                raise ForeignChange(f"somebody else created stack {name} in {place}", fix=FIX)

        self._do("create", place, name, start)

    def update(self, place: Place, request: StackRequest) -> bool:
        return self._do("update", place, request.name, lambda: self._update(place, request, _agree))

    def change(
        self, place: Place, request: StackRequest, agreed: Callable[[Sequence[ResourceChange]], None]
    ) -> bool:
        return self._do("change", place, request.name, lambda: self._update(place, request, agreed))

    def _update(
        self, place: Place, request: StackRequest, agreed: Callable[[Sequence[ResourceChange]], None]
    ) -> bool:
        name = request.name
        there = self._get(place, name)
        more = agreed is _agree and there.facts.template == canonical.sha256(request.template.encode())
        body = there.body if more else request.template
        if there.facts.status.endswith("_IN_PROGRESS"):
            self._end(place, there)
        if there.facts.status == "UPDATE_ROLLBACK_FAILED":
            raise Misconfigured(f"stack {name} in {place} is stuck", fix="continue-update-rollback")
        if there.facts.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
            raise ForeignChange(f"stack {name} in {place} was never created completely", fix=FIX)
        wanted = _stack(request, "UPDATE_IN_PROGRESS", body)
        if (there.body, there.facts.parameters, there.tags) == (body, wanted.facts.parameters, wanted.tags):
            return False
        if there.body != body:
            agreed(self.says)
        wanted.before = there
        self._stacks[place, name] = wanted
        return True

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


def _stack(request: StackRequest, status: str, template: str) -> _Stack:
    said = re.search(rf'"{MARK}":.*"Value": ?"([0-9a-f]{{64}})"', template)
    facts = StackFacts(
        name=request.name,
        status=status,
        status_reason="",
        template=said[1] if said else canonical.sha256(template.encode()),
        parameters=dict(request.parameters),
        outputs={},
        body=template,
    )
    return _Stack(facts, template, dict(request.tags))


def _healthy(place: Place, name: str, lambda_version: str, payload: bytes) -> Invocation:
    return Invocation(200, None, lambda_version, b'{"statusCode": 200}')


def _nothing(call: Call) -> None:
    """No hook."""


def _agree(changes: Sequence[ResourceChange]) -> None:
    """UpdateStack asks nobody."""
