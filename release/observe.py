"""Reads every fact once, through ports. Never writes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from release.core.models import Environment, Place
from release.core.plan import Target
from release.core.snapshot import Observed, ObservedFunction, ObservedStack
from release.errors import Misconfigured
from release.ports import Artifacts, Functions, RemoteRefs, Repo, Stacks

_T = TypeVar("_T")
_IN_FLIGHT = 32


@dataclass(frozen=True, slots=True)
class Texts:
    """Configuration as it stands at one place: repository path -> bytes."""

    files: Mapping[str, bytes]
    origin: str  # for messages: "main of the remote", "the work tree"


def pipeline_texts(repo: Repo, refs: RemoteRefs) -> tuple[Texts, tuple[str, ...]]:
    """`pipelines/` of the remote's default branch, with warnings.

    Nobody weakens a gate by a branch of their own. Where the remote has no pipelines yet, those of the work
    tree serve,
    with a warning: enough to calculate, and the first push mends it. Raises Misconfigured where there are
    none at all.
    """
    branch = refs.head or next((name for name in ("main", "master") if name in refs.branches), None)
    if branch is not None and branch in refs.branches:
        commit = refs.branches[branch]
        repo.ensure([commit], refs=[f"refs/heads/{branch}"])
        files = _yaml_files(repo, commit, "pipelines")
        if files:
            return Texts(files, f"{branch} of the remote"), ()
    texts = work_tree_pipelines(repo.top)
    where = f"{branch} of the remote" if branch else "the remote, which has no branch yet"
    return texts, (f"pipelines/ is not on {where}; those of the work tree are used",)


def work_tree_pipelines(top: Path) -> Texts:
    """`pipelines/` as the files of the work tree say it. Raises Misconfigured where there are none."""
    files = work_tree_files(top)
    if not files:
        raise Misconfigured(
            "there is no pipelines/ with a pipeline in this repository",
            fix="write pipelines/environments.yaml and pipelines/fleet.yaml as docs/configuration.md shows,"
            " and push them",
            see=str(top / "pipelines"),
        )
    return Texts(files, "the work tree")


def work_tree_files(top: Path) -> Mapping[str, bytes]:
    """Every YAML file in `pipelines/` of a work tree, perhaps none. Raises Misconfigured."""
    folder = top / "pipelines"
    texts = {}
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            texts[f"pipelines/{path.name}"] = path.read_bytes()
        except OSError as error:
            raise Misconfigured(
                f"pipelines/{path.name} cannot be read: {error.strerror}",
                fix="make it a file that you may read, or remove it",
                see=str(path),
            ) from error
    return texts


def service_texts(repo: Repo, commit: str) -> Mapping[str, bytes]:
    """Every services/*/service.yaml of a commit."""
    entries = [
        entry
        for entry in repo.tree(commit, "services")
        if entry.path.count("/") == 2 and entry.path.endswith("/service.yaml")
    ]
    blobs = repo.blobs([entry.blob for entry in entries])
    return {entry.path: blobs[entry.blob] for entry in entries}


def _yaml_files(repo: Repo, commit: str, folder: str) -> Mapping[str, bytes]:
    entries = [
        entry
        for entry in repo.tree(commit, folder)
        if entry.path.count("/") == 1 and entry.path.endswith((".yaml", ".yml"))
    ]
    blobs = repo.blobs([entry.blob for entry in entries])
    return {entry.path: blobs[entry.blob] for entry in entries}


def check_identity(functions: Functions, environment: Environment) -> None:
    """The credentials belong to the account that the configuration names. Raises Misconfigured."""
    place = environment.places[0]
    account = functions.account(place)
    if account != environment.account:
        raise Misconfigured(
            f"these credentials belong to account {account}; {environment.name} is {environment.account}",
            fix=f"set `role:` of {environment.name} to a role of its account, or use its credentials",
            see="pipelines/environments.yaml",
        )


def observe_fleet(
    functions: Functions,
    stacks: Stacks,
    artifacts: Artifacts,
    places: Sequence[Place],
    wanted: Sequence[Target],
    alias: str,
) -> Observed:
    """Stacks, functions, aliases and artifacts of one stage, read in parallel.

    Cost per function and place: two or three GetFunction (100/s) and one GetAlias (of the 15/s).
    """
    with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="observe") as pool:

        def in_parallel(read: Callable[..., _T], items: Iterable[tuple[object, ...]]) -> tuple[_T, ...]:
            return tuple(future.result() for future in [pool.submit(read, *item) for item in items])

        def stack(target: Target, place: Place) -> ObservedStack:
            name = target.settings.stack
            return ObservedStack(target.service, place, name, stacks.stack(place, name))

        def function(target: Target, place: Place, name: str) -> ObservedFunction:
            return observe_function(functions, target.service, place, name, alias)

        def artifact(digest: str, region: str) -> tuple[tuple[str, str], bool]:
            return (digest, region), artifacts.holds(digest, kind="zip", region=region)

        pairs = [(target, place) for target in wanted for place in places]
        found_stacks = in_parallel(stack, pairs)
        found_functions = in_parallel(
            function, [(target, place, f.name) for target, place in pairs for f in target.settings.functions]
        )
        held = in_parallel(artifact, {(target.artifact, place.region) for target, place in pairs})
    return Observed(functions=found_functions, stacks=found_stacks, artifacts=dict(held))


def observe_function(
    functions: Functions, service: str, place: Place, name: str, alias: str
) -> ObservedFunction:
    """One function in one place, with what its alias serves."""
    latest = functions.function(place, name)
    if latest is None:
        return ObservedFunction(service, place, name, None, None, None)
    facts = functions.alias(place, name, alias)
    live = functions.function(place, name, facts.lambda_version) if facts else None
    return ObservedFunction(service, place, name, latest, facts, live)
