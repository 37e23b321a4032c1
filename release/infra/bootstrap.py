"""`release infra bootstrap`: what an account needs before its first release, planned and applied."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from release.core import canonical
from release.core.bounds import environment_bounds, store_bounds
from release.core.infra_diff import RESOURCES, CreateOnly, Entry, compare_templates
from release.core.infra_in_force import in_force
from release.core.infra_values import Template
from release.core.models import BucketStore, Environment, Pipelines, Service, Source
from release.core.platform import (
    BOUNDARY,
    STACK,
    Jobber,
    PlatformStack,
    Stacked,
    environment_stacks,
    store_stacks,
)
from release.core.stack_permissions import BY_ADMINISTRATORS, KNOWN
from release.errors import Misconfigured, RolloutFailed
from release.infra.committed import PlacedTemplates, committed
from release.ports import Repo, StackRequest, Stacks

STORE = "artifacts"  # what stands in the place of an environment for the account of the artifacts
Todo = Literal["create", "update", "nothing"]
# What an account can have once: how the event of a stack names it, and the setting that leaves it alone.
_ONCE: Final[Mapping[str, str]] = {
    "GitHub (AWS::IAM::OIDCProvider)": "GitHubProvider",
    "CostMonitor (AWS::CE::AnomalyMonitor)": "CostAnomalyMonitor",
}
# Of a monitor CloudFormation says "null", and as its handler's code AlreadyExists, which means the quota:
# https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2515
_IS_THERE: Final = re.compile("already ?exists|limit exceeded", re.IGNORECASE)


class Renders(Protocol):
    def render(self, template: str, words: Mapping[str, object]) -> str: ...


@dataclass(frozen=True, slots=True)
class Planned:
    """One stack, and what is to be done about it."""

    stack: PlatformStack
    text: str
    parameters: Mapping[str, str]  # as they are to be; what is not here takes its default
    todo: Todo
    resources: tuple[tuple[str, str], ...]  # logical id and type
    gone: tuple[Entry, ...] = ()  # what the stack has and would have no more, or only as a new one


@dataclass(frozen=True, slots=True)
class Fleet:
    """The services whose stacks come into an environment, as a commit has them."""

    services: tuple[Service, ...]
    stacked: Stacked
    notes: tuple[str, ...]  # what the roles will not be able to do, or may do beyond what they should


def fleet(
    repo: Repo,
    ref: str,
    environment: Environment,
    pipelines: Pipelines,
    templates: PlacedTemplates,
    read_template: Callable[[str, str], Template],
) -> Fleet:
    """Raises Misconfigured for a template that cannot be rendered."""
    services: dict[str, Service] = {}
    types: dict[str, str] = {}
    unbound: set[str] = set()
    vpc = False
    _, folders = repo.folders(repo.resolve(ref), "", "services")
    pipelined = pipelines.pipelines if set(folders) - {"common"} else {}
    for name, pipeline in pipelined.items():
        stages = [stage for stage in pipeline.stages if stage.environment.name == environment.name]
        if not stages:
            continue
        commit = committed(repo, ref, pipeline=name)
        for service, configured in commit.services.items():
            services[service] = configured
            for stage in stages:
                vpc = vpc or configured.settings_for(stage.name).vpc
                for kind, is_bound in _resources(
                    read_template, commit.render(service, stage, templates).text
                ):
                    types.setdefault(kind, service)
                    if kind == "AWS::IAM::Role" and not is_bound:
                        unbound.add(service)
    notes = [
        f"the deploy role cannot make {kind}, which {service} has: "
        + (
            "administrators make it, as `release infra bootstrap` does"
            if kind in BY_ADMINISTRATORS
            else "release does not know what that takes"
        )
        for kind, service in sorted(types.items())
        if kind not in KNOWN
    ]
    if unbound and environment.boundary is None:
        notes.append(
            f"roles of {', '.join(sorted(unbound))} have no PermissionsBoundary: whoever changes a "
            f"template may give a function any right. Afterwards put `boundary: {BOUNDARY}` into the "
            f"environment {environment.name} of pipelines/environments.yaml, and bootstrap it again"
        )
    elif unbound:
        notes.append(
            f"roles of {', '.join(sorted(unbound))} have no PermissionsBoundary, so that the deploy role "
            "cannot make them: function.j2 writes it, and a role that a template has itself has to say "
            f"PermissionsBoundary: !Sub arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/"
            f"{environment.boundary}"
        )
    return Fleet(tuple(services.values()), Stacked(frozenset(types), not unbound, vpc), tuple(notes))


def wanted(
    pipelines: Pipelines, name: str, found: Fleet, jobs: Mapping[str, Sequence[str]], repository: str
) -> tuple[PlatformStack, ...]:
    """The stacks of an environment, or of the artifacts. `jobs`: role -> environments of GitHub."""
    store = pipelines.artifacts
    if name == STORE and name not in pipelines.environments:
        if not isinstance(store, BucketStore):
            raise Misconfigured(
                "artifacts are in a folder: there is no account to set up",
                fix="name an environment, or put account and bucket into pipelines/environments.yaml",
            )
        roles = _jobbers(jobs, ("build", store.role), ("read", store.read_role))
        bounds = store_bounds(store, pipelines.regions, [one.arn for one in roles])
        readers = [one.role for one in pipelines.environments.values() if one.role]
        return store_stacks(bounds, roles, readers, repository)
    environment = environment_of(pipelines, name)
    if environment.role is None:
        raise Misconfigured(
            f"the environment {name} names no role, so that none can be made",
            fix=f"add `role: arn:aws:iam::{environment.account}:role/release-deploy` and `plan_role:` to it",
            see="pipelines/environments.yaml",
        )
    roles = _jobbers(jobs, ("plan", environment.plan_role), ("deploy", environment.role))
    bounds = environment_bounds(pipelines, environment, found.services, [one.arn for one in roles])
    return environment_stacks(environment, bounds, roles, found.stacked, repository)


def environment_of(pipelines: Pipelines, name: str) -> Environment:
    """Raises Misconfigured."""
    environment = pipelines.environments.get(name)
    if environment is None:
        known = ", ".join([*pipelines.environments, STORE])
        raise Misconfigured(f"there is no environment {name}", fix=f"name one of: {known}")
    return environment


def refuse_shared(pipelines: Pipelines, name: str, declared: Mapping[str, Source]) -> None:
    """An account has one platform stack, with the roles of one environment, bound to the names of its stages:
    a second environment would take both from the first. `declared`: where environments stand in the file.

    Raises Misconfigured.
    """
    asked = environment_of(pipelines, name)
    others = [
        one.name
        for one in pipelines.environments.values()
        if one.name != name and one.account == asked.account and one.role is not None
    ]
    if not others:
        return
    other = others[0]
    raise Misconfigured(
        f"the environments {name} ({declared[name]}) and {other} ({declared[other]}) share the account "
        f"{asked.account}, and an account has one stack {STACK}: made for {name}, it would take away the "
        f"roles of {other}, or what they may do there",
        fix=f"give each an account of its own; or take {name} out, and put `environment: {other}` into its "
        "stages: one environment may have several",
        see=str(declared[name]),
    )


def plan(
    stacks: Stacks,
    asked: Sequence[PlatformStack],
    renders: Renders,
    read_template: Callable[[str, str], Template],
    create_only: Mapping[str, CreateOnly],
    settings: Mapping[str, str],
) -> tuple[Planned, ...]:
    """What is there, against what is wanted. Only reads. Settings that are not said stay as they are."""
    planned = []
    declared: set[str] = set()
    for one in asked:
        text = renders.render(one.template, one.words)
        template = read_template(text, one.name)
        names = set(_mapping(template.get("Parameters")))
        declared |= names
        there = stacks.stack(one.place, one.name)
        before = (
            {} if there is None else {key: there.parameters[key] for key in names & set(there.parameters)}
        )
        parameters = before | {key: value for key, value in settings.items() if key in names}
        todo: Todo = "create"
        gone: tuple[Entry, ...] = ()
        if there is not None and there.status.endswith("_COMPLETE") and there.status != "ROLLBACK_COMPLETE":
            same = there.template == canonical.sha256(text.encode()) and parameters == before
            todo = "nothing" if same else "update"
            body = read_template(there.body, f"stack {one.name} in {one.place}")
            was = in_force(body, there.parameters, one.place, one.name)
            becomes = in_force(template, parameters, one.place, one.name)
            gone = _gone(compare_templates(was, becomes, create_only))
        kinds = tuple((key, kind) for key, kind, _ in _typed(template))
        planned.append(Planned(one, text, parameters, todo, kinds, gone))
    if unknown := sorted(set(settings) - declared):
        raise Misconfigured(
            f"there is no setting {', '.join(unknown)}", fix=f"name one of: {', '.join(sorted(declared))}"
        )
    return tuple(planned)


def carry_out(stacks: Stacks, planned: Sequence[Planned], told: Callable[[Planned], None]) -> None:
    """One after the other, in the order of the plan. Raises RolloutFailed with the event that caused it."""
    for one in planned:
        place, name = one.stack.place, one.stack.name
        request = StackRequest(name, one.text, one.parameters, {"service": name, "owner": "release"})
        if one.todo == "create":
            stacks.create(place, request)
        elif one.todo == "nothing" or not stacks.update(place, request):
            continue
        try:
            stacks.settled(place, name)
        except RolloutFailed as error:
            raise _with_a_setting(error) from error
        told(one)


def _with_a_setting(error: RolloutFailed) -> RolloutFailed:
    """What an account has once, and has already, is left alone by a setting of the stack."""
    for resource, setting in _ONCE.items():
        if resource in error.cause and _IS_THERE.search(error.cause):
            return RolloutFailed(
                error.cause,
                fix=f"the account has one already: the same command again with --set {setting}=exists",
                see=error.see,
                details=error.details,
            )
    return error


def _gone(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    return tuple(
        replace(one, changes=tuple(change for change in one.changes if change.replacement == "yes"))
        for one in entries
        if one.section == RESOURCES and one.action in ("remove", "replace") and not one.kept
    )


def _jobbers(
    jobs: Mapping[str, Sequence[str]], *roles: tuple[Literal["build", "read", "plan", "deploy"], str | None]
) -> tuple[Jobber, ...]:
    return tuple(Jobber(kind, arn, tuple(jobs.get(arn, ()))) for kind, arn in roles if arn is not None)


def _resources(read: Callable[[str, str], Template], text: str) -> Iterator[tuple[str, bool]]:
    for _, kind, properties in _typed(read(text, "a service")):
        yield kind, "PermissionsBoundary" in properties


def _typed(template: Template) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    for name, resource in sorted(_mapping(template.get("Resources")).items()):
        described = _mapping(resource)
        yield name, str(described.get("Type", "")), _mapping(described.get("Properties"))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
