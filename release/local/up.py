"""Brings a sandbox to what the work tree says: stacks, code, migrations, seeds. It may be repeated."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from release.build.documents import Templates
from release.core.local import LocalFleet, LocalFunction, LocalService
from release.core.models import Place
from release.core.snapshot import ALIAS_EXISTS
from release.local.cloud import Cloud
from release.local.fleet import WorkTree
from release.local.migrate import migrate
from release.local.packages import unpack
from release.local.seed import Seeded, seed
from release.ports import Functions, StackRequest, Stacks

_USABLE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
Say = Callable[[str], None]


def bring_up(
    tree: WorkTree,
    cloud: Cloud,
    templates: Templates,
    *,
    packages: Path,
    databases: Path,
    set_sources: Callable[[Mapping[str, Mapping[str, Any]]], None],
    stands: Callable[[LocalFleet], None],
    environ: Mapping[str, str],
    aws: Mapping[str, str],
    say: Say,
) -> tuple[LocalFleet, tuple[Seeded, ...]]:
    """All services. `stands` hears of the fleet before migrations and seeds; `aws` leads a program to the
    sandbox. Raises what rendering, stacks, migrations and seeds raise.
    """
    texts = {name: tree.template(name, templates) for name in tree.services}
    folders = {
        name: _folders(tree, name, unpack(service, tree.top, packages, environ, say))
        for name, service in tree.services.items()
    }
    databases.mkdir(parents=True, exist_ok=True)
    set_sources(_sources(tree, folders))
    for name, text in texts.items():
        say(f"stack {tree.stack(name)}")
        _stack(tree, name, text, cloud.stacks, cloud.functions)
    fleet = LocalFleet(
        stage=tree.stage.name,
        account=tree.place.account,
        region=tree.place.region,
        alias=tree.alias,
        services=tuple(_service(tree, name, folders[name], cloud) for name in tree.services),
        skipped=tree.skipped,
    )
    stands(fleet)
    for name in tree.services:
        migrate(tree, name, cloud, aws, say)
    seeded = tuple(one for service in fleet.services for one in seed(tree.top, service, fleet.stage, cloud))
    return fleet, seeded


def aws_environment(endpoint: str, place: Place) -> Mapping[str, str]:
    """What leads a program on this machine to the sandbox."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": place.account,
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_REGION": place.region,
        "AWS_DEFAULT_REGION": place.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _folders(tree: WorkTree, name: str, packages: Path | None) -> tuple[str, ...]:
    """What a function finds in its zip, in the same order."""
    found = [tree.folder(name), tree.top / "services", *([] if packages is None else [packages])]
    return tuple(str(one) for one in found)


def _sources(tree: WorkTree, folders: Mapping[str, tuple[str, ...]]) -> Mapping[str, Mapping[str, Any]]:
    """By function: where its code is."""
    account, region, stage = tree.place.account, tree.place.region, tree.stage.name
    return {
        f"{account}/{region}/{function.name(stage)}": {
            "folders": list(folders[name]),
            "watched": [str(tree.folder(name)), str(tree.top / "services" / "common")],
            "environment": {},
        }
        for name, service in tree.services.items()
        for function in service.functions
    }


def _stack(tree: WorkTree, name: str, text: str, stacks: Stacks, functions: Functions) -> None:
    """As a first rollout makes it: the stack, the aliases, the stack with what names them."""
    place, stack, alias = tree.place, tree.stack(name), tree.alias
    names = [function.name(tree.stage.name) for function in tree.services[name].functions]
    before = stacks.stack(place, stack)
    known = before is not None and before.status in _USABLE
    if not known or any(functions.alias(place, one, alias) is None for one in names):
        bare = StackRequest(stack, text, {ALIAS_EXISTS: "false"}, tags={})
        if not known:
            stacks.create(place, bare)
            stacks.settled(place, stack)
        elif stacks.update(place, bare):
            stacks.settled(place, stack)
        for one in names:
            _serve(tree, one, functions)
    if stacks.update(place, StackRequest(stack, text, {ALIAS_EXISTS: "true"}, tags={})):
        stacks.settled(place, stack)
    for one in names:
        _serve(tree, one, functions)


def _serve(tree: WorkTree, function: str, functions: Functions) -> None:
    """Have the alias serve a version with the configuration that the stack has given."""
    place, alias, why = tree.place, tree.alias, "from the work tree"
    latest = functions.settled(place, function)
    now = functions.alias(place, function, alias)
    served = functions.function(place, function, now.lambda_version) if now is not None else None
    if served is not None and served.configuration == latest.configuration:
        return
    version = functions.publish(place, function, code=latest.code, revision=latest.revision, description=why)
    functions.settled(place, function, version)
    if now is None:
        functions.create_alias(place, function, alias, lambda_version=version, description=why)
    else:
        functions.update_alias(
            place, function, alias, lambda_version=version, revision=now.revision, description=why
        )


def _service(tree: WorkTree, name: str, folders: tuple[str, ...], cloud: Cloud) -> LocalService:
    service = tree.services[name]
    resources = cloud.resources(tree.stack(name))

    def of(kind: str) -> dict[str, str]:
        return {logical: physical for logical, (what, physical) in resources.items() if what == kind}

    api = next(iter(of("AWS::ApiGatewayV2::Api").values()), None)
    return LocalService(
        name=name,
        functions=tuple(LocalFunction(one.key, one.name(tree.stage.name)) for one in service.functions),
        tables=of("AWS::DynamoDB::Table"),
        queues=of("AWS::SQS::Queue"),
        api=api,
        routes=cloud.routes(api) if api else (),
        database=_without_password(tree.settings(name).environment.get("DATABASE_URL")),
        folders=folders,
    )


def _without_password(url: str | None) -> str | None:
    """Of a database: it is shown, and kept in a file."""
    scheme, slashes, rest = (url or "").partition("://")
    return f"{scheme}{slashes}***@{rest.rpartition('@')[2]}" if "@" in rest else url
