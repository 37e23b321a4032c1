"""One stage of two services in two regions, on strict fakes: `fleet().live("v1.0.0")`, then promote and see.

Promotions are drafted by the real `release.promotion` and carried out by the real `release.apply`.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from release.adapters.template_reader import read_document
from release.apply import WAIT, Applied, Paused, apply
from release.apply.work import Tools, Who
from release.build.target import LAMBDA
from release.cli.carry_out import refuse_blocked
from release.core import canonical
from release.core.decisions import Deciding
from release.core.infra_diff import CreateOnly
from release.core.manifest import FunctionSettings, Manifest, ServiceEntry, StageDocuments, StageSettings
from release.core.models import (
    AllAtOnce,
    Environment,
    FolderStore,
    Pipeline,
    Pipelines,
    Place,
    Rollout,
    Source,
    Stage,
)
from release.core.notices import Notice
from release.core.records import Event, ReleaseRef, StageHead, stamp
from release.core.selection import Selection
from release.core.snapshot import ALIAS_EXISTS, Invocation, StackFacts
from release.decide import decide
from release.errors import Unavailable
from release.ports import LedgerState, RemoteRefs
from release.promotion import Draft, Request, Setup, draft_rollback, draft_rollout
from release.resume import resume
from tests.fakes.aws import Call, FakeFunctions, FakeStacks, Hook
from tests.fakes.metrics import FakeMetrics
from tests.fakes.ports import FakeArtifacts, FakeClock, FakeHolders, FakeLedger, FakeRepo
from tests.fakes.programs import FakePrograms

EAST, WEST = "us-east-1", "us-west-2"
ACCOUNT = "444444444444"
ALIAS = "live"
SOURCE = Source("pipelines/fleet.yaml", 1, "stages/3")
# One that is really another one where its word differs.
TEMPLATE = "Resources: {{Word: {{Type: Fake::Word, Properties: {{Text: {} template of {}}}}}{}}}"
ADA = Who("ada", None, "lambda-release 0.1.0")


class Crash(BaseException):
    """The process is gone: nothing catches it, nothing is undone."""


class TriggersWithoutAlias(AssertionError):
    """A stack names an alias that is not there: AWS would refuse it, or its triggers would reach nothing."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong at the write with this number (from 0), before or after its effect."""

    number: int
    when: str  # "before", "after"
    error: Callable[[], BaseException]

    def __str__(self) -> str:
        return f"{self.when} write {self.number}"


class World:
    """A stage `prod`, the store of releases, and everything that happened."""

    def __init__(
        self,
        regions: tuple[str, ...],
        functions: dict[str, tuple[str, ...]],
        rollouts: Mapping[str, Rollout] | None = None,
        on_failure: Literal["go-on", "hold"] = "go-on",
    ) -> None:
        environment = Environment("prod", ACCOUNT, regions, None)
        self.stage = Stage(
            "prod",
            environment,
            "button",
            "gold",
            "uat",
            (),
            {region: AllAtOnce() for region in regions} | dict(rollouts or {}),
            (),
            SOURCE,
            on_failure,
        )
        pipeline = Pipeline("fleet", ("*",), "v", ("main",), (self.stage,), SOURCE)
        self.pipelines = Pipelines({"prod": environment}, FolderStore("."), ALIAS, {"fleet": pipeline})
        self.places = environment.places
        self.services = functions
        self.functions = _Functions(self)
        self.stacks = FakeStacks(self._stack_ended)
        self.artifacts = FakeArtifacts()
        self.repo = FakeRepo()
        self.ledger = FakeLedger()
        self.holders = FakeHolders()
        self.clock = FakeClock()
        self.programs = FakePrograms()
        self.tools = Tools(
            functions=self.functions,
            stacks=self.stacks,
            metrics=FakeMetrics(self.clock.now),
            artifacts=self.artifacts,
            repo=self.repo,  # type: ignore[arg-type]
            ledger=self.ledger,
            holders=self.holders,
            clock=self.clock,
            notifier=self,
            programs=self.programs,
            read_document=read_document,
            create_only=dict,
        )
        self.resources = ""  # what else every template has from now on: ", Jobs: {Type: …}"
        self.releases: dict[str, ReleaseRef] = {}
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.notices: list[Notice] = []
        self.untold: tuple[str, ...] = ()
        self.writes: list[Call] = []
        self.sick: Callable[[Call, str], bytes | None] = lambda call, code: None
        self._lock = threading.Lock()
        self._tags: dict[str, str] = {}  # digest of a zip -> the release it was built for

    # -- what is there --------------------------------------------------------------------------------------

    def tell(self, notice: Notice, place: Place) -> tuple[str, ...]:
        """Whoever wants to know."""
        assert place.account == ACCOUNT
        self.notices.append(notice)
        return self.untold

    @property
    def head(self) -> StageHead:
        return self.ledger.read().head("fleet", "prod")

    @property
    def aliases(self) -> dict[tuple[str, str], str | None]:
        """(region, function) -> tag whose code the alias serves, None without alias."""
        return {
            (place.region, name): self._serves(place, name) for place in self.places for name in self.names
        }

    def with_metrics(self, metrics: FakeMetrics) -> Tools:
        """The same tools, with these measurements."""
        return replace(self.tools, metrics=metrics)

    def with_schemas(self, always: Mapping[str, tuple[str, ...]]) -> Tools:
        """The same tools, that know which properties only a new resource can have."""
        known = {kind: CreateOnly(tuple((name,) for name in names)) for kind, names in always.items()}
        return replace(self.tools, create_only=lambda: known)

    def tag_of(self, place: Place, name: str, lambda_version: str) -> str:
        """Whose code a version has."""
        return self._tag_of(self.functions.code(place, name, lambda_version))

    @property
    def names(self) -> list[str]:
        return [f"{service}-{key}" for service, keys in self.services.items() for key in keys]

    def all_serve(self, tag: str | None) -> bool:
        return set(self.aliases.values()) == {tag}

    def attached(self) -> set[bool]:
        """Whether the stacks have their triggers, over all stacks that there are."""
        return {stack.facts.parameters.get(ALIAS_EXISTS) == "true" for stack in self.stacks._stacks.values()}

    @staticmethod
    def stack_name(service: str) -> str:
        return f"{service}-prod"

    def outcomes(self, tag: str) -> list[str | None]:
        return [
            event.outcome
            for event in self.ledger.log
            if event.kind == "outcome" and event.release and event.release.tag == tag
        ]

    def zip(self, _bucket: str, key: str) -> bytes:
        return self.artifacts.get(key, kind="zip")

    # -- what is built --------------------------------------------------------------------------------------

    def build(self, tag: str, *, template: str = "first", only: str | None = None) -> ReleaseRef:
        """A release whose code is new in every service, or in one only."""
        commit = canonical.sha256(tag.encode())[:40]
        entries = {
            service: self._entry(service, tag if only in (None, service) else "v1.0.0", template)
            for service in self.services
        }
        manifest = self.artifacts.put(
            Manifest("fleet", commit, "lambda-release 0.1.0", entries).to_bytes(), kind="manifest"
        )
        self.releases[tag] = ReleaseRef(commit, manifest, tag)
        return self.releases[tag]

    def settings(self, service: str) -> StageSettings:
        return StageSettings(
            service=service,
            stage="prod",
            stack=self.stack_name(service),
            functions=tuple(
                FunctionSettings(key, f"{service}-{key}", "app.handler") for key in self.services[service]
            ),
            values={},
            smoke_payload={"health_check": True},
            smoke_timeout=10,
            smoke_critical=(),
            smoke_expect={},
        )

    def _entry(self, service: str, code: str, template: str) -> ServiceEntry:
        return ServiceEntry(
            artifact=self._zip(service, code),
            content="c" * 64,
            fingerprint="f" * 64,
            size=1,
            runtime="python3.13",
            architecture="arm64",
            target=LAMBDA.name,
            stages={
                "prod": StageDocuments(
                    template=self.artifacts.put(
                        TEMPLATE.format(template, service, self.resources).encode(), kind="template"
                    ),
                    settings=self.artifacts.put(self.settings(service).to_bytes(), kind="settings"),
                )
            },
        )

    def _zip(self, service: str, tag: str) -> str:
        digest = self.artifacts.put(f"{service} of {tag}".encode(), kind="zip")
        self._tags[digest] = tag
        return digest

    # -- what is done ---------------------------------------------------------------------------------------

    def live(self, tag: str, **built: Any) -> "World":
        """The stage serves this release, and nobody has anything to remember of how it came to be."""
        applied = self.promote(tag, **built)
        assert applied.failure is None, applied.failure
        self.writes.clear()
        self.said.clear()
        for calls in (self.functions.calls, self.stacks.calls):
            calls.clear()
        return self

    def setup(self) -> Setup:
        return self.setup_of(self.ledger.read())

    def setup_of(self, known: LedgerState) -> Setup:
        """By what somebody knows of the ledger."""
        refs = RemoteRefs("main", {}, {})
        return Setup(refs, self.pipelines, self.pipelines.pipelines["fleet"], known, ())

    def draft(self, tag: str, **asked: Any) -> Draft:
        """The plan that takes the stage to a release. `asked`: more fields of the `Selection`."""
        release, made = self.releases[tag], self.ledger.tags.get(tag)
        selection = Selection(
            verb="promote",
            commit=release.commit,
            manifest=release.manifest,
            tag=tag,
            tag_object=made,
            mint=made is None,
            source="uat",
            **asked,
        )
        return draft_rollout(self.tools, self.setup(), self.stage, selection, target=LAMBDA)

    def carry_out(
        self, draft: Draft, wait: timedelta = WAIT, tools: Tools | None = None, who: Who = ADA
    ) -> Applied:
        return apply(
            draft.plan,
            draft.wanted,
            draft.hold,
            draft.dead,
            draft.state,
            tools=tools or self.tools,
            who=who,
            progress=lambda what, fields: self.said.append((what, dict(fields))),
            wait=wait,
            failed=draft.failed,
        )

    def promote(self, tag: str, **built: Any) -> Applied:
        """In a process of its own."""
        if tag not in self.releases or built:
            self.build(tag, **built)
        self.holders.next_process()
        return self.carry_out(self.draft(tag))

    def advance(self, wait: timedelta = WAIT) -> Applied | Paused | None:
        """`release advance` in a process of its own. None: nothing is under way. Raises GateClosed."""
        self.holders.next_process()
        found = resume(self.tools, self.setup(), self.stage, who=ADA, wait=wait, target=LAMBDA)
        if not isinstance(found, Draft):
            return found
        refuse_blocked(found)
        return self.carry_out(found, wait)

    def finish(self, tag: str) -> Applied | None:
        """The same command again. None: it found nothing to do."""
        self.holders.next_process()
        draft = self.draft(tag)
        return None if draft.nothing else self.carry_out(draft)

    def roll_back(self, to: str | None = None, *, regions: tuple[str, ...] = ()) -> Applied:
        """In a process of its own. Raises GateClosed."""
        self.holders.next_process()
        draft = self.rollback_draft(to, regions=regions)
        refuse_blocked(draft)
        return self.carry_out(draft)

    def rollback_draft(self, to: str | None = None, *, regions: tuple[str, ...] = ()) -> Draft:
        request = Request("rollback", "prod", to=to, reason="prices are wrong", regions=regions)
        return draft_rollback(self.tools, self.setup(), request, target=LAMBDA)

    def abort(self, reason: str) -> None:
        state = self.ledger.read()
        running = state.head("fleet", "prod").running
        assert running is not None
        self.ledger.append(state, self._event("abort", reason=reason))

    def hold(self, why: str) -> None:
        about = Deciding("hold", self.head, None)
        decide(self.ledger, self.ledger.read(), about, why, who=ADA, clock=self.clock)

    def unhold(self) -> None:
        about = Deciding("unhold", self.head, None)
        decide(self.ledger, self.ledger.read(), about, "the cause is found", who=ADA, clock=self.clock)

    def somebody_takes_over(self) -> None:
        state = self.ledger.read()
        event = self._event("taken-over")
        holder = replace(self.holders.current(), host="another/boot")
        fenced = replace(event, fence=event.fence + 1, holder=holder, next_by=stamp(self.clock.now()))
        self.ledger.append(state, replace(fenced, actor="grace"))

    def _event(self, kind: Any, **fields: Any) -> Event:
        head = self.head
        assert head.running is not None
        return Event(
            kind=kind,
            id=head.running.id,
            at=stamp(self.clock.now()),
            pipeline="fleet",
            stage="prod",
            verb="promote",
            release=head.running.release,
            actor="grace",
            tool="lambda-release 0.1.0",
            fence=head.fence,
            **fields,
        )

    # -- what goes wrong ------------------------------------------------------------------------------------

    @contextmanager
    def hooked(self, before: Hook | None = None, after: Hook | None = None) -> Iterator[None]:
        """Hooks on every call of every port; each write is noted in `writes` before its effect."""
        nothing: Hook = lambda call: None  # noqa: E731

        def noted(call: Call) -> None:
            if is_write(call):
                with self._lock:
                    self.writes.append(call)
            (before or nothing)(call)

        parts = (self.functions, self.stacks, self.ledger)
        kept = [(part.before_call, part.after_call) for part in parts]
        for part in parts:
            part.before_call, part.after_call = noted, after or nothing
        try:
            yield
        finally:
            for part, (before_call, after_call) in zip(parts, kept, strict=True):
                part.before_call, part.after_call = before_call, after_call

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Fail at one write. After a crash nothing of this process reaches anything."""
        counted, dead = 0, False
        numbers: dict[int, int] = {}  # thread -> number of its write under way

        def before(call: Call) -> None:
            nonlocal counted, dead
            if dead:
                raise Crash
            if not is_write(call):
                return
            with self._lock:
                number, counted = counted, counted + 1
                numbers[threading.get_ident()] = number
            if number == fault.number and fault.when == "before":
                dead = dead or fault.error is Crash
                raise fault.error()

        def after(call: Call) -> None:
            nonlocal dead
            if dead:
                raise Crash
            if is_write(call) and numbers[threading.get_ident()] == fault.number and fault.when == "after":
                dead = fault.error is Crash
                raise fault.error()

        with self.hooked(before, after):
            yield

    @contextmanager
    def out(self, region: str) -> Iterator[None]:
        """A region is out: nothing in it answers."""

        def refused(call: Call) -> None:
            if call.place.region == region:
                raise Unavailable(f"{region} cannot be reached", fix="wait")

        with self.hooked(before=refused):
            yield

    def count_writes_of(self, act: Callable[["World"], object]) -> int:
        self.writes.clear()
        with self.hooked():
            act(self)
        return len(self.writes)

    def fails_smoke(self, tag: str, region: str | None = None, *, through: str | None = None) -> None:
        """Code of this release answers no: everywhere, in one region, or only `through` the alias."""

        def sick(call: Call, code: str) -> bytes | None:
            if code != tag or (region and call.place.region != region):
                return None
            if through is not None and self._asked(call) != through:
                return None
            return b'{"statusCode": 503}'

        self.sick = sick

    def _asked(self, call: Call) -> str:
        """Whether the last phase said is one in which smoke tests go through the alias."""
        phases = [fields.get("phase") for what, fields in self.said if what == "phase"]
        return "alias" if phases and phases[-1] == "shift" else "version"

    def _answer(self, place: Place, name: str, version: str, payload: bytes) -> Invocation:
        no = self.sick(Call("invoke", place, name), self._tag_of(self.functions.code(place, name, version)))
        return Invocation(200, None, version, no or b'{"statusCode": 200}')

    def _serves(self, place: Place, name: str) -> str | None:
        alias = self.functions.alias_of(place, name, ALIAS)
        if alias is None:
            return None
        tag = self._tag_of(self.functions.code(place, name, alias.lambda_version))
        return f"{tag} and {dict(alias.weights)}" if alias.weights else tag

    def _tag_of(self, code: str) -> str:
        return self._tags.get(code, f"unknown code {code[:8]}")

    def is_attached(self, place: Place, name: str) -> bool:
        """Whether the triggers of this function's stack name its alias."""
        service = next(one for one, keys in self.services.items() for key in keys if name == f"{one}-{key}")
        stack = self.stacks._stacks.get((place, self.stack_name(service)))
        return stack is not None and stack.facts.parameters.get(ALIAS_EXISTS) == "true"

    def _stack_ended(self, place: Place, stack: StackFacts) -> None:
        """As CloudFormation: functions come to be, their configuration follows, triggers need aliases."""
        service = stack.name.removesuffix("-prod")
        for key in self.services[service]:
            name = f"{service}-{key}"
            if not self.functions.exists(place, name):
                self.functions.add_function(place, name, configuration=stack.template[:8])
            elif self.functions.configuration(place, name) != stack.template[:8]:
                self.functions.change_function(place, name, configuration=stack.template[:8])
            alias = self.functions.alias_of(place, name, ALIAS)
            if stack.parameters.get(ALIAS_EXISTS) == "true" and alias is None:
                raise TriggersWithoutAlias(f"{stack.name} in {place} names an alias of {name}")


class _Functions(FakeFunctions):
    """With eyes on the triggers of the stacks."""

    def __init__(self, world: World) -> None:
        super().__init__(handler=world._answer, bucket=world.zip)
        self._world = world

    def delete_alias(self, place: Place, name: str, alias: str) -> None:
        if self._world.is_attached(place, name):
            raise TriggersWithoutAlias(f"{name} in {place} has triggers that name {alias}")
        super().delete_alias(place, name, alias)


def is_write(call: Call) -> bool:
    return call.writes or call.operation == "append"


def fleet(
    *,
    regions: tuple[str, ...] = (EAST, WEST),
    rollouts: Mapping[str, Rollout] | None = None,
    on_failure: Literal["go-on", "hold"] = "go-on",
    **services: tuple[str, ...],
) -> World:
    """Two services with a function each, unless named otherwise; all at once, but for `rollouts`."""
    return World(regions, services or {"prices": ("api",), "configs": ("api",)}, rollouts, on_failure)


def from_json(data: bytes) -> Any:
    return json.loads(data)
