"""Facts of everything that the promises rest on -> findings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from release.build.installer import find_uv
from release.config import load_committed, load_pipelines
from release.core.doctor.aws import AwsFacts, BucketFacts, PlaceFacts, RoleFacts, aws_findings
from release.core.doctor.clone import LEDGER, CloneFacts, Program, RemoteFacts, clone_findings
from release.core.doctor.findings import CHECKS, Finding, Trouble, in_order, troubled
from release.core.doctor.github import OWNED, PROTECTED, GitHubFacts, github_findings
from release.core.doctor.rules import asked_by, covering
from release.core.forge.facts import RepositoryFacts
from release.core.models import Pipeline, Pipelines, Place, Service, Stage
from release.core.recipe import how_built
from release.doctor import configured
from release.doctor.asking import at_once, in_time, tried
from release.errors import Misconfigured, ReleaseError
from release.observe import pipeline_texts, service_files
from release.ports import Forge, LedgerChain, RemoteRefs, Repo
from release.ports.forge import ForgeSettings
from release.ports.workplace import PLAN_READS, AwsSetup, Machine

_T = TypeVar("_T")
_CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")  # GitHub takes the first


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`forge` raises Misconfigured where there is none. `out_of_step`: workflows that differ from what is
    rendered, and the command that mends them. `variables`: those that have a value in this process.
    """

    repo: Repo
    ledger: LedgerChain
    machine: Machine
    aws: AwsSetup
    forge: Callable[[], Forge]
    out_of_step: Callable[[], tuple[tuple[str, ...], str]]
    handed_on: Callable[[Pipelines], Sequence[str]]
    variables: frozenset[str]


def examine(around: Surroundings, stage: str | None = None) -> Sequence[Finding]:
    """Every finding, in the order of the checks. Raises Misconfigured for a stage that no pipeline has."""
    refs = in_time(partial(_wrong, around.repo.remote))
    loaded: Pipelines | Trouble
    if isinstance(refs, Trouble):  # what hangs on the remote is not wrong because that is
        loaded = replace(refs, is_no=False)
    else:
        loaded = in_time(partial(_wrong, partial(_pipelines, around.repo, refs)))
    stages = () if isinstance(loaded, Trouble) else configured.stages_of(loaded, stage)
    forge = tried(around.forge)
    asks: dict[str, Callable[[], Any]] = {"clone": partial(_clone, around, refs, loaded)}
    if not isinstance(loaded, Trouble):
        asks |= _of_aws(around.aws, loaded, stages)
    if not isinstance(forge, Trouble):
        asks |= _of_forge(forge, _branch(refs), bool(_webhooks(loaded)))
    answers = at_once(asks)
    clone = answers["clone"]
    found = (
        [troubled(check.id, clone) for check in CHECKS.values() if check.group == "This clone"]
        if isinstance(clone, Trouble)
        else [*clone_findings(clone)]
    )
    repository = answers.get("repository")
    ids = repository.ids if isinstance(repository, RepositoryFacts) else None
    found += _aws_findings(answers, None if isinstance(forge, Trouble) else forge.name, ids)
    if isinstance(forge, Trouble):
        found.append(troubled("github", forge))
    else:
        found += github_findings(_github(around, forge.name, refs, loaded, stages, answers))
    return in_order(found)


# -- the clone


def _clone(around: Surroundings, refs: RemoteRefs | Trouble, loaded: Pipelines | Trouble) -> CloneFacts:
    commit = tried(partial(around.repo.resolve, "HEAD"))
    services: Mapping[str, Service] | Trouble = {}
    configuration: str | Trouble
    if isinstance(loaded, Trouble):
        configuration = loaded
    elif isinstance(commit, Trouble):
        configuration = commit
    else:
        services = _wrong(partial(_services, around.repo, loaded, commit))
        configuration = services if isinstance(services, Trouble) else _counted(loaded, services)
    workflows = _wrong(around.out_of_step)
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


def _wrong(ask: Callable[[], _T]) -> _T | Trouble:
    """What it answers. That something is wrong with what was read is an answer too, and no lack of one."""
    try:
        return ask()
    except Misconfigured as error:
        return Trouble("; ".join((error.cause, *error.details)), error.fix, is_no=True)
    except ReleaseError as error:
        return Trouble(error.cause, error.fix)


def _pipelines(repo: Repo, refs: RemoteRefs) -> Pipelines:
    texts, warnings = pipeline_texts(repo, refs)
    if warnings:
        raise Misconfigured(
            warnings[0], fix="push pipelines/ to the default branch: there gates bind everybody"
        )
    return load_pipelines(texts.files, texts.odd)


def _services(repo: Repo, pipelines: Pipelines, commit: str) -> Mapping[str, Service]:
    names = [stage.name for pipeline in pipelines.pipelines.values() for stage in pipeline.stages]
    files = service_files(repo, commit)
    return load_committed(repo, files.blobs, names, files.odd)


def _counted(pipelines: Pipelines, services: Mapping[str, Service]) -> str:
    stages = sum(len(pipeline.stages) for pipeline in pipelines.pipelines.values())
    return f"{len(pipelines.pipelines)} pipelines, {stages} stages, {len(services)} services"


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
    state = _wrong(partial(around.ledger.read, refs))
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


# -- AWS


def _of_aws(
    aws: AwsSetup, pipelines: Pipelines, stages: tuple[tuple[Pipeline, Stage], ...]
) -> Mapping[str, Callable[[], Any]]:
    asks: dict[str, Callable[[], Any]] = {}
    environments = configured.environments_of(stages)
    for environment in environments:
        for place in environment.places:
            asks[f"place {environment.name} {place.region}"] = partial(_place, aws, environment.name, place)
    for role, jobs in configured.roles(pipelines, stages).items():
        where = configured.place_of(pipelines, role)
        asks[f"role {role}"] = partial(_role, aws, where, role, jobs)
    for place, bucket in configured.buckets(pipelines, environments).items():
        asks[f"bucket {bucket}"] = partial(_bucket, aws, place, bucket)
    return asks


def _aws_findings(
    answers: Mapping[str, Any], repository: str | None, ids: tuple[int, int] | None
) -> Sequence[Finding]:
    found: list[Finding] = []
    facts: dict[type, list[Any]] = {PlaceFacts: [], RoleFacts: [], BucketFacts: []}
    checks = {"place": ("account", "reads"), "role": ("trust",), "bucket": ("bucket",)}
    for name, answer in answers.items():
        kind, _, subject = name.partition(" ")
        if type(answer) in facts:
            facts[type(answer)].append(answer)
        elif kind in checks:
            found += [troubled(check, answer, subject) for check in checks[kind]]
    places, roles, buckets = (tuple(facts[kind]) for kind in (PlaceFacts, RoleFacts, BucketFacts))
    return [*found, *aws_findings(AwsFacts(repository, ids, places, roles, buckets))]


def _place(aws: AwsSetup, environment: str, place: Place) -> PlaceFacts:
    identity = tried(partial(aws.account, place))
    reads = (
        {name: tried(partial(aws.may, place, name)) for name in PLAN_READS}
        if identity == place.account
        else {}
    )
    return PlaceFacts(environment, place.account, place.region, aws.becomes(place), identity, reads)


def _role(aws: AwsSetup, place: Place, role: str, jobs: tuple[str, ...]) -> RoleFacts:
    return RoleFacts(role, jobs, tried(partial(aws.trust, place, role)))


def _bucket(aws: AwsSetup, place: Place, bucket: str) -> BucketFacts:
    there = tried(partial(aws.has_bucket, place, bucket))
    if there is not True:
        skipped = Trouble("the bucket could not be looked at", "mend that first")
        return BucketFacts(bucket, place.account, place.region, there, skipped, skipped, skipped, skipped)
    return BucketFacts(
        bucket,
        place.account,
        place.region,
        there,
        location=tried(partial(aws.bucket_region, place, bucket)),
        versioned=tried(partial(aws.is_versioned, place, bucket)),
        encrypted=tried(partial(aws.is_encrypted, place, bucket)),
        private=tried(partial(aws.is_private, place, bucket)),
    )


# -- GitHub


def _branch(refs: RemoteRefs | Trouble) -> str:
    return "" if isinstance(refs, Trouble) else refs.head or ""


def _of_forge(forge: Forge, branch: str, has_webhooks: bool) -> Mapping[str, Callable[[], Any]]:
    settings = forge.settings
    return {
        "repository": settings.repository,
        "rules": partial(_rules, settings, branch),
        "immutable": settings.immutable_releases,
        "environments": settings.environments,
        "token": settings.token_defaults,
        "claims": settings.subject_claims,
        "secrets": settings.secrets if has_webhooks else frozenset,
    }


def _rules(settings: ForgeSettings, branch: str) -> tuple[Any, Any]:
    """Rulesets, and the older protection of the branch where they leave something out."""
    rulesets = tried(settings.rulesets)
    if isinstance(rulesets, Trouble):
        return rulesets, None
    holding = covering(rulesets, f"refs/heads/{branch}", branch)
    if asked_by(holding) >= PROTECTED and any(one.code_owners for one in holding):
        return rulesets, None
    return rulesets, tried(partial(settings.protection, branch))


def _webhooks(pipelines: Pipelines | Trouble) -> tuple[str, ...]:
    """Variables that hold addresses; what is kept in AWS, its own rights protect."""
    if isinstance(pipelines, Trouble):
        return ()
    named = (one.where for one in pipelines.recipients)
    return tuple(dict.fromkeys(one for one in named if not one.startswith("arn:")))


def _github(
    around: Surroundings,
    name: str,
    refs: RemoteRefs | Trouble,
    loaded: Pipelines | Trouble,
    stages: tuple[tuple[Pipeline, Stage], ...],
    answers: Mapping[str, Any],
) -> GitHubFacts:
    claims, rules = answers["claims"], answers["rules"]
    rulesets, protection = (rules, None) if isinstance(rules, Trouble) else rules
    pipelines = None if isinstance(loaded, Trouble) else loaded
    codeowners, folders = _owned(around.repo, refs)
    return GitHubFacts(
        name=name,
        branch=_branch(refs),
        prefixes=tuple(one.tag_prefix for one in pipelines.pipelines.values()) if pipelines else (),
        wanted=configured.wanted_environments(pipelines, stages) if pipelines else (),
        repository=answers["repository"],
        rulesets=rulesets,
        protection=protection,
        codeowners=codeowners,
        folders=folders,
        immutable=answers["immutable"],
        environments=answers["environments"],
        token=answers["token"],
        claims=claims if claims is None or isinstance(claims, Trouble) else tuple(claims),
        webhooks=_webhooks(loaded),
        handed_on=tuple(around.handed_on(pipelines)) if pipelines else (),
        set_here=around.variables,
        secrets=answers["secrets"],
    )


def _owned(repo: Repo, refs: RemoteRefs | Trouble) -> tuple[str | Trouble | None, tuple[str, ...]]:
    """CODEOWNERS of the default branch, and the folders there that somebody has to own."""
    if isinstance(refs, Trouble):
        return refs, OWNED
    commit = refs.branches.get(refs.head or "")
    if commit is None:
        return None, OWNED
    try:
        repo.ensure([commit], refs=[f"refs/heads/{refs.head}"])
        there = set(repo.folders(commit, "")[0])
        entries = {entry.path: entry.blob for entry in repo.tree(commit, *_CODEOWNERS)}
        blob = next((entries[path] for path in _CODEOWNERS if path in entries), None)
        text = None if blob is None else repo.blobs([blob])[blob].decode("utf-8", "replace")
    except ReleaseError as error:
        return Trouble(error.cause, error.fix), OWNED
    return text, tuple(folder for folder in OWNED if folder.strip("/") in there)
