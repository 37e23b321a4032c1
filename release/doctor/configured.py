"""What the pipelines ask of their surroundings: environments on GitHub, places, roles, buckets, webhooks."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from release.core.doctor.github_facts import WantedEnvironment
from release.core.forge.names import github_environment, is_plain
from release.core.models import BucketStore, Environment, Pipeline, Pipelines, Place, Stage
from release.errors import Misconfigured

BUILD = "build"  # the GitHub environment of jobs that build


def stages_of(pipelines: Pipelines, stage: str | None) -> tuple[tuple[Pipeline, Stage], ...]:
    """All stages, or those of this name. Raises Misconfigured."""
    every = [(pipeline, one) for pipeline in pipelines.pipelines.values() for one in pipeline.stages]
    found = tuple((pipeline, one) for pipeline, one in every if stage in (None, one.name))
    if not found:
        names = ", ".join(dict.fromkeys(one.name for _, one in every))
        raise Misconfigured(f"no pipeline has a stage {stage}", fix=f"name one of: {names}")
    return found


def wanted_environments(
    pipelines: Pipelines, stages: tuple[tuple[Pipeline, Stage], ...]
) -> tuple[WantedEnvironment, ...]:
    return (WantedEnvironment(BUILD, False, False), *_of_stages(pipelines, stages))


def _of_stages(
    pipelines: Pipelines, stages: tuple[tuple[Pipeline, Stage], ...]
) -> Iterator[WantedEnvironment]:
    for pipeline, stage in stages:
        name = _name(pipelines, pipeline, stage)
        yield WantedEnvironment(name, False, False)
        yield WantedEnvironment(f"{name}-plan", False, False)
        if stage.channel is not None:  # a deployment asks nobody
            asked = stage.channel == "gold" or any(gate.name == "four_eyes" for gate in stage.gates)
            yield WantedEnvironment(f"{name}-approval", True, asked)


def roles(pipelines: Pipelines, stages: tuple[tuple[Pipeline, Stage], ...]) -> Mapping[str, tuple[str, ...]]:
    """Role -> GitHub environments whose jobs become it, as docs/github.md has it."""
    found: dict[str, list[str]] = {}
    store = pipelines.artifacts if isinstance(pipelines.artifacts, BucketStore) else None
    if store is not None and store.role is not None:
        found.setdefault(store.role, []).append(BUILD)
    for pipeline, stage in stages:
        name, environment = _name(pipelines, pipeline, stage), stage.environment
        for access, job in (("deploy", name), ("plan", f"{name}-plan")):
            for place in (*environment.places[:1], *_store_places(store)):
                role = place.role if access == "deploy" or place.plan_role is None else place.plan_role
                if role is not None and job not in found.setdefault(role, []):
                    found[role].append(job)
    return {role: tuple(jobs) for role, jobs in found.items()}


def _store_places(store: BucketStore | None) -> tuple[Place, ...]:
    """Deploying and planning read artifacts alike."""
    if store is None:
        return ()
    reading = store.role_for("plan")
    return (Place(store.account, "", reading),)


def place_of(pipelines: Pipelines, role: str) -> Place:
    """Where to ask about a role: with it itself, in the first region that its account is used in."""
    account = role.split(":")[4]
    regions = [one.regions[0] for one in pipelines.environments.values() if one.account == account]
    return Place(account, (regions or [*pipelines.regions])[0], role)


def environments_of(stages: tuple[tuple[Pipeline, Stage], ...]) -> tuple[Environment, ...]:
    """Each once."""
    return tuple({stage.environment.name: stage.environment for _, stage in stages}.values())


def buckets(pipelines: Pipelines, environments: tuple[Environment, ...]) -> Mapping[Place, str]:
    """Where artifacts are read -> the bucket there."""
    store = pipelines.artifacts
    if not isinstance(store, BucketStore):
        return {}
    regions = dict.fromkeys(region for one in environments for region in one.regions)
    anywhere = Place(store.account, "", store.role_for("plan"))
    return {replace(anywhere, region=region): store.bucket.replace("{region}", region) for region in regions}


def _name(pipelines: Pipelines, pipeline: Pipeline, stage: Stage) -> str:
    return github_environment(pipeline, stage.name, plain=is_plain(pipelines, pipeline))
