"""Reads the clone, its remote, its configuration, and the programs beside it."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from release.build.installer import find_uv
from release.config import load_committed
from release.core.doctor.clone import LEDGER, CloneFacts, Program, RemoteFacts
from release.core.doctor.findings import Trouble
from release.core.models import Pipelines, Service
from release.core.recipe import how_built
from release.doctor.asking import right, tried
from release.doctor.surroundings import Surroundings
from release.observe import service_files
from release.ports import RemoteRefs, Repo
from release.ports.workplace import Machine


def read_clone(around: Surroundings, refs: RemoteRefs | Trouble, loaded: Pipelines | Trouble) -> CloneFacts:
    commit = tried(partial(around.repo.resolve, "HEAD"))
    services: Mapping[str, Service] | Trouble = {}
    configuration: str | Trouble
    if isinstance(loaded, Trouble):
        configuration = loaded
    elif isinstance(commit, Trouble):
        configuration = commit
    else:
        services = right(partial(_services, around.repo, loaded, commit))
        configuration = services if isinstance(services, Trouble) else _counted(loaded, services)
    workflows = right(around.out_of_step)
    lines, render = ((), "") if isinstance(workflows, Trouble) else workflows
    prefixes = (
        () if isinstance(loaded, Trouble) else tuple(one.tag_prefix for one in loaded.pipelines.values())
    )
    return CloneFacts(
        git=around.machine.version("git"),
        shallow=tried(around.machine.is_shallow),
        remote=_remote(around.repo, refs),
        ledger=_ledger(around, refs),
        configuration=configuration,
        prefixes=prefixes,
        workflows=workflows if isinstance(workflows, Trouble) else lines,
        render=render,
        programs=() if isinstance(services, Trouble) else _programs(around.machine, services),
    )


def _services(repo: Repo, pipelines: Pipelines, commit: str) -> Mapping[str, Service]:
    names = [stage.name for pipeline in pipelines.pipelines.values() for stage in pipeline.stages]
    files = service_files(repo, commit)
    return load_committed(repo, files.blobs, names, files.odd)


def _counted(pipelines: Pipelines, services: Mapping[str, Service]) -> str:
    stages = sum(len(pipeline.stages) for pipeline in pipelines.pipelines.values())
    counts = (len(pipelines.pipelines), "pipeline"), (stages, "stage"), (len(services), "service")
    return ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counts)


def _remote(repo: Repo, refs: RemoteRefs | Trouble) -> RemoteFacts | Trouble:
    if isinstance(refs, Trouble):
        return refs
    here = {name: tag.object for name, tag in repo.local_tags().items()}
    return RemoteFacts(refs.branches, {name: tag.object for name, tag in refs.tags.items()}, here)


def _ledger(around: Surroundings, refs: RemoteRefs | Trouble) -> int | Trouble | None:
    if isinstance(refs, Trouble):
        return replace(refs, is_no=False)
    if LEDGER not in refs.branches:
        return None
    state = right(partial(around.ledger.read, refs))
    return state if isinstance(state, Trouble) else len(state.heads)


def _programs(machine: Machine, services: Mapping[str, Service]) -> tuple[Program, ...]:
    kinds: dict[str, list[str]] = {}
    for name, service in services.items():
        kinds.setdefault(how_built(service), []).append(name)
    found = []
    if "python" in kinds:
        uv = tried(find_uv)
        version = None if isinstance(uv, Trouble) else machine.version(uv)
        found.append(Program("uv", version, tuple(kinds["python"]), "pip install uv"))
    for program in ("node", "npm") if "node" in kinds else ():
        fix = "install Node.js 20 or newer, with npm: https://nodejs.org/en/download"
        found.append(Program(program, machine.version(program), tuple(kinds["node"]), fix))
    return tuple(found)
