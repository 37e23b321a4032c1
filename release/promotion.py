"""observe → plan, for every verb that moves a release: reads the facts through ports and lets core decide.

Nothing here writes to AWS or git; `release.apply` carries out what comes of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from release.apply.work import Tools
from release.build.documents import load_manifest, load_settings
from release.build.release_build import manifest_key
from release.build.target import Target as BuildTarget
from release.config import load_pipelines, load_services, pipeline_services
from release.core import holding, trailers
from release.core.blockers import Blocker
from release.core.conventional import Bump
from release.core.gates import closed_by_configuration
from release.core.holding import Continue, Hold, Supersede
from release.core.models import Pipeline, Pipelines, Service, Stage
from release.core.plan import Change, Plan, Step, Target, rollback_steps, rollout_steps, served, targets
from release.core.records import Event, Served, StageHead, rollback_target
from release.core.selection import (
    Selection,
    deployed,
    known_tags,
    promotion,
    quarantined_names,
    serves_already,
    stage_runs,
)
from release.core.snapshot import Observed
from release.core.tags import Facts, Tag, highest_gold, read_tags
from release.core.versions import Next, next_gold, next_qa, next_rc
from release.errors import GateClosed, Misconfigured
from release.observe import check_identity, observe_fleet, pipeline_texts, service_texts, work_tree_pipelines
from release.ports import Ledger, LedgerState, RemoteRefs, Repo


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, as `plan.json` keeps it."""

    verb: str
    stage: str
    ref: str | None = None
    bump: str = "auto"
    reason: str | None = None
    new: bool = False
    allow_older: bool = False
    to: str | None = None
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setup:
    """The remote, the configuration and the ledger, read once."""

    refs: RemoteRefs
    pipelines: Pipelines
    pipeline: Pipeline
    state: LedgerState
    warnings: tuple[str, ...]
    offline: bool = False

    def stage(self, name: str) -> Stage:
        """Raises Misconfigured that names the stages there are."""
        stage = self.pipeline.stage(name)
        if stage is None:
            names = ", ".join(one.name for one in self.pipeline.stages)
            raise Misconfigured(
                f"the pipeline {self.pipeline.name} has no stage {name}",
                fix=f"name one of: {names}",
                see=str(self.pipeline.source),
            )
        return stage

    def head(self, stage: str) -> StageHead:
        return self.state.head(self.pipeline.name, stage)

    @property
    def tags(self) -> tuple[Tag, ...]:
        refs = ((tag.name, tag.object, tag.commit) for tag in self.refs.tags.values())
        return tuple(read_tags(refs, self.pipeline.tag_prefix))


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan with what it was made from, ready to be carried out."""

    plan: Plan
    wanted: tuple[Target, ...]
    hold: Hold
    dead: Event | None  # the record of a dead holder that `hold` continues or ends
    state: LedgerState
    pipelines: Pipelines
    nothing: str | None  # why nothing is to do


def read_setup(repo: Repo, ledger: Ledger, pipeline: str | None, *, offline: bool = False) -> Setup:
    """Read the remote, the pipelines and the ledger. Raises Misconfigured and Unavailable."""
    if offline:
        refs = RemoteRefs(head=None, branches={}, tags=repo.local_tags())
        texts, state = work_tree_pipelines(repo), LedgerState(None, {})
        warnings: tuple[str, ...] = ("offline: only what this clone knows was looked at, without the ledger",)
    else:
        refs = repo.remote()
        texts, warnings = pipeline_texts(repo, refs)
        state = ledger.read(refs)
    pipelines = load_pipelines(texts.files)
    return Setup(refs, pipelines, _pipeline(pipelines, pipeline), state, warnings, offline)


def _pipeline(pipelines: Pipelines, name: str | None) -> Pipeline:
    known = pipelines.pipelines
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is None:
        raise Misconfigured(
            "this repository has several pipelines", fix=f"add --pipeline with one of: {', '.join(known)}"
        )
    if name not in known:
        raise Misconfigured(
            f"there is no pipeline {name}", fix=f"name one of: {', '.join(known)}", see="pipelines/"
        )
    return known[name]


def build_setup(repo: Repo, setup: Setup, commit: str) -> Mapping[str, Service]:
    """The pipeline's services as a commit configures them. Raises Misconfigured."""
    stages = [stage.name for pipeline in setup.pipelines.pipelines.values() for stage in pipeline.stages]
    services = load_services(service_texts(repo, commit), stages)
    if not services:
        raise Misconfigured(
            f"there are no services in commit {commit[:10]}",
            fix="add services/<name>/service.yaml, as docs/configuration.md shows",
        )
    names = pipeline_services(setup.pipelines, services)[setup.pipeline.name]
    return {name: services[name] for name in names}


# -- which release
# ---------------------------------------------------------------------------------------------


def deploy_selection(
    repo: Repo, setup: Setup, stage: Stage, *, ref: str, services: tuple[str, ...]
) -> Selection:
    """The commit that a stage without tags is to run."""
    if stage.channel is not None:
        raise Misconfigured(
            f"{stage.name} takes tagged releases, not commits",
            fix=f"release promote {stage.name}",
            see=str(stage.source),
        )
    commit = repo.resolve(ref)
    branches = _branches(repo, setup, commit)
    blockers = [] if branches else [_unpushed(setup, commit)]
    runs = setup.head(stage.name).serves
    superseded = None
    if runs and runs.release.commit != commit:
        repo.ensure([runs.release.commit], refs=[f"refs/heads/{name}" for name in setup.refs.branches])
        if repo.is_ancestor(commit, runs.release.commit):
            superseded = (
                f"superseded: {stage.name} runs {runs.release.commit[:10]}, which is newer than {commit[:10]}"
            )
        elif not repo.is_ancestor(runs.release.commit, commit):
            blockers.append(
                Blocker(
                    "lost-commits",
                    f"{stage.name} runs {runs.release.commit[:10]}, which {commit[:10]} does not contain",
                    "merge it, then deploy the merge",
                )
            )
    return Selection(
        verb="deploy",
        commit=commit,
        manifest=None,
        services=services or None,
        superseded=superseded,
        warnings=setup.warnings,
        blockers=(*blockers, *closed_by_configuration(stage)),
    )


def _unpushed(setup: Setup, commit: str) -> Blocker:
    return Blocker(
        "foreign-commit",
        f"commit {commit[:10]} is on no branch of the remote that {setup.pipeline.name} releases from"
        f" ({', '.join(setup.pipeline.branches)})",
        "push it, or merge it there first",
    )


def _branches(repo: Repo, setup: Setup, commit: str) -> tuple[str, ...]:
    """One release branch of the remote that holds the commit is enough; the default branch is asked first."""
    patterns = setup.pipeline.branches
    names = [name for name in setup.refs.branches if any(fnmatchcase(name, pattern) for pattern in patterns)]
    for name in sorted(names, key=lambda name: (name != setup.refs.head, name)):
        tip = setup.refs.branches[name]
        repo.ensure([tip], refs=[f"refs/heads/{name}"])
        if tip == commit or repo.is_ancestor(commit, tip):
            return (name,)
    return ()


def next_release(repo: Repo, setup: Setup, request: Request) -> tuple[Next, Facts]:
    """What the version rules answer for a promotion. Reads git only: no credentials are needed."""
    stage = setup.stage(request.stage)
    if stage.channel is None:
        raise Misconfigured(
            f"{stage.name} takes commits, not tagged releases",
            fix=f"release deploy {stage.name}",
            see=str(stage.source),
        )
    facts = _facts(repo, setup, stage, request)
    source = facts.source
    asked = repo.resolve(request.ref) if request.ref else None
    if stage.channel == "qa":
        commit = asked or (source.commit if source else None) or _tip(setup, stage)
        if commit is None:
            return next_rc(facts), facts  # nothing to name: the answer is the blocker
        repo.ensure([commit], refs=_heads(setup))
        facts = _about(repo, setup, facts, commit)
        return _first_channel(repo, setup, facts, commit, request), facts
    commit = asked or (source.commit if source else None)
    if source is not None:
        repo.ensure([source.commit], refs=_heads(setup))
        facts = _about(repo, setup, facts, source.commit)
    answer = next_rc(facts, commit=commit) if stage.channel == "rc" else next_gold(facts, commit=commit)
    return answer, facts


def _first_channel(repo: Repo, setup: Setup, facts: Facts, commit: str, request: Request) -> Next:
    tags = {tag.name: setup.refs.tags[tag.name] for tag in facts.tags}
    reachable = repo.merged_tags(commit, tags)
    base = highest_gold(facts.tags, reachable)
    messages: Iterable[str] = ()
    if base is not None and request.bump == "auto":
        since = repo.commits(since=base.commit, until=commit)
        messages = [f"{one.subject}\n\n{one.body}" for one in since]
    before = setup.head(facts.after) if facts.after else None
    source = facts.source
    return next_qa(
        facts,
        commit=commit,
        manifest=source.manifest if source and source.commit == commit else None,
        reachable=reachable,
        bump=None if request.bump == "auto" else Bump[request.bump.upper()],
        messages=messages,
        proven=frozenset(good.release.commit for good in before.history) if before else frozenset(),
        branches=None if setup.offline else _branches(repo, setup, commit),
    )


def _facts(repo: Repo, setup: Setup, stage: Stage, request: Request) -> Facts:
    prefix = setup.pipeline.tag_prefix
    before = setup.head(stage.after) if stage.after else None
    heads = [setup.head(one.name) for one in setup.pipeline.stages]
    return Facts(
        prefix=prefix,
        stage=stage.name,
        tags=setup.tags,
        known=known_tags(heads),
        quarantined=quarantined_names(before) if before else {},
        after=stage.after,
        source=stage_runs(before, prefix) if before else None,
        runs=stage_runs(setup.head(stage.name), prefix),
        new=request.new,
        allow_older=request.allow_older,
    )


def _about(repo: Repo, setup: Setup, facts: Facts, commit: str) -> Facts:
    """Add what only this commit's neighbours tell: manifests that its tags state, and
    whether it holds what runs.
    """
    here = [tag for tag in facts.tags if tag.commit == commit and setup.refs.tags[tag.name].annotated]
    repo.ensure([tag.object for tag in here], refs=[f"refs/tags/{tag.name}" for tag in here])
    manifests = {}
    for tag in here:
        try:
            stated = trailers.parse(repo.tag_message(tag.object))
        except ValueError as error:
            raise GateClosed(
                f"the tag {tag.name} was tampered with: {error}",
                fix="find out who made it; `release audit show` says what the ledger knows",
            ) from error
        if "Release-Manifest" in stated:
            manifests[tag.name] = stated["Release-Manifest"]
    keeps = True
    if facts.runs is not None and facts.runs.commit != commit:
        repo.ensure([facts.runs.commit], refs=_heads(setup))
        keeps = repo.is_ancestor(facts.runs.commit, commit)
    return replace(facts, manifests=manifests, keeps_running=keeps)


def _heads(setup: Setup) -> list[str]:
    return [f"refs/heads/{name}" for name in setup.refs.branches]


def _tip(setup: Setup, stage: Stage) -> str | None:
    """A pipeline whose first stage has a channel takes the tip of the default branch."""
    if stage.after is not None or setup.refs.head is None:
        return None
    return setup.refs.branches.get(setup.refs.head)


# -- drafts
# ----------------------------------------------------------------------------------------------------


def refuse(stage: Stage, selection: Selection) -> None:
    """Raises GateClosed when a selection is blocked, before anything is built or looked at."""
    if selection.blockers:
        first, *others = selection.blockers
        raise GateClosed(
            f"{stage.name} is closed: {first.message}",
            fix=first.fix,
            details=[f"{blocker.code}: {blocker.message}" for blocker in others],
        )


def draft(tools: Tools, setup: Setup, request: Request, *, target: BuildTarget) -> Draft:
    """The plan of any request, without building: a commit that was never built is a blocker."""
    match request.verb:
        case "deploy":
            stage = setup.stage(request.stage)
            selection = deploy_selection(
                tools.repo, setup, stage, ref=request.ref or "HEAD", services=request.services
            )
            if not selection.blockers:
                selection = _built(tools, setup, selection, target)
            drafted = draft_rollout(tools, setup, stage, selection)
            return replace(drafted, nothing=selection.superseded or drafted.nothing)
        case "promote":
            return draft_promotion(tools, setup, request, target=target)
        case "rollback":
            return draft_rollback(tools, setup, request)
        case verb:
            raise Misconfigured(f"there is no plan for {verb!r}", fix="plan deploy, promote or rollback")


def draft_promotion(tools: Tools, setup: Setup, request: Request, *, target: BuildTarget) -> Draft:
    """The plan of a promotion. Raises Misconfigured, Unavailable; blockers are in the plan.

    `target` names the build target whose manifest a commit is looked up for, when the stage before did not
    run it last.
    """
    stage = setup.stage(request.stage)
    answer, facts = next_release(tools.repo, setup, request)
    objects = {tag.name: tag.object for tag in facts.tags}
    selection = promotion(answer, stage, facts.source, request.reason, objects)
    selection = replace(selection, warnings=(*setup.warnings, *selection.warnings))
    if selection.manifest is None and selection.commit and not selection.blockers:
        selection = _built(tools, setup, selection, target)
    return draft_rollout(tools, setup, stage, selection)


def _built(tools: Tools, setup: Setup, selection: Selection, target: BuildTarget) -> Selection:
    """With the manifest that the commit was built to; a blocker where it was not."""
    key = manifest_key(setup.pipeline.name, selection.commit, target)
    found = tools.artifacts.index("manifests", key)
    if found is not None:
        return selection.with_manifest(found)
    blocker = Blocker(
        "not-built",
        f"commit {selection.commit[:10]} was never built: neither a plan nor a promotion builds",
        f"release build --ref {selection.commit[:10]}",
    )
    return replace(selection, blockers=(blocker,))


def draft_rollout(tools: Tools, setup: Setup, stage: Stage, selection: Selection) -> Draft:
    """The plan that takes a stage to a selected release."""
    head = setup.head(stage.name)
    hold, dead = _hold(tools, setup, head, selection)
    if selection.blockers or selection.manifest is None:
        return _draft(setup, stage, selection, (), (), (), hold, dead, _NOTHING_OBSERVED)
    wanted = _wanted(tools, setup, stage, selection)
    observed = _observe(tools, setup, stage, wanted)
    moved = holding.moved_by(dead, _descriptions(observed))
    steps, changes, blockers = rollout_steps(
        wanted,
        observed,
        alias=setup.pipelines.alias,
        again=moved if isinstance(hold, Continue) else frozenset(),
    )
    selection = replace(selection, blockers=blockers)
    kept = _kept(tools, setup, head, selection)
    return _draft(setup, stage, selection, wanted, steps, changes, hold, dead, observed, kept)


def _kept(tools: Tools, setup: Setup, head: StageHead, selection: Selection) -> tuple[Served, ...]:
    """What a deployment of some services leaves as the last record has it."""
    if selection.services is None or head.serves is None:
        return ()
    recorded = tools.ledger.event(setup.state, head.serves.record).after
    return tuple(served for served in recorded if served.service not in selection.services)


def draft_rollback(tools: Tools, setup: Setup, request: Request) -> Draft:
    """The plan back to a good release of this stage: its recorded lambda versions, alias first."""
    stage = setup.stage(request.stage)
    head = setup.head(stage.name)
    good = deployed(head, request.to) if request.to else rollback_target(head)
    if good is None:
        known = ", ".join(one.release.label for one in reversed(head.history)) or "none"
        raise GateClosed(
            f"{stage.name} never ran {request.to} with success"
            if request.to
            else f"{stage.name} has no good release before the one that serves",
            fix=f"name one that it ran with --to: {known}",
        )
    release = good.release
    record = tools.ledger.event(setup.state, good.record)
    selection = Selection(
        verb="rollback",
        commit=release.commit,
        manifest=release.manifest,
        tag=release.tag,
        tag_object=release.tag_object,
        source=head.serves.release.label if head.serves else None,
        reason=request.reason,
        warnings=(*setup.warnings, "stacks are left as they are: only code and its frozen settings go back"),
    )
    hold, dead = _hold(tools, setup, head, selection)
    wanted = _wanted(tools, setup, stage, selection)
    observed = _observe(tools, setup, stage, wanted)
    steps, changes, warnings = rollback_steps(wanted, record.after, observed, alias=setup.pipelines.alias)
    selection = replace(selection, warnings=(*selection.warnings, *warnings))
    return _draft(setup, stage, selection, wanted, steps, changes, hold, dead, observed)


_NOTHING_OBSERVED = Observed((), (), {})


def _hold(tools: Tools, setup: Setup, head: StageHead, selection: Selection) -> tuple[Hold, Event | None]:
    dead = head.running is not None and tools.holders.is_dead(head.running.holder)
    hold = holding.decide(head, selection.verb, selection.release, dead=dead, now=tools.clock.now())
    if isinstance(hold, Continue | Supersede):
        return hold, tools.ledger.event(setup.state, hold.record)
    return hold, None


def _wanted(tools: Tools, setup: Setup, stage: Stage, selection: Selection) -> tuple[Target, ...]:
    """What the release wants in this stage, from the documents that were stored at build."""
    manifest = load_manifest(tools.artifacts, selection.manifest or "")
    if selection.services is not None:
        unknown = sorted(set(selection.services) - set(manifest.services))
        if unknown:
            raise Misconfigured(
                f"there is no service {', '.join(unknown)} in commit {selection.commit[:10]}",
                fix=f"name some of: {', '.join(manifest.services)}",
            )
        chosen = {name: entry for name, entry in manifest.services.items() if name in selection.services}
        manifest = replace(manifest, services=chosen)
    missing = [name for name, entry in manifest.services.items() if stage.name not in entry.stages]
    if missing:
        raise Misconfigured(
            f"the release was built before the stage {stage.name} was: {', '.join(missing)}",
            fix="merge any change, and take that through the pipeline",
        )
    entries = [entry.stages[stage.name].settings for entry in manifest.services.values()]
    documents = {digest: load_settings(tools.artifacts, digest) for digest in entries}
    return targets(manifest, documents, stage.name)


def _observe(tools: Tools, setup: Setup, stage: Stage, wanted: tuple[Target, ...]) -> Observed:
    environment = stage.environment
    check_identity(tools.functions, environment)
    return observe_fleet(
        tools.functions, tools.stacks, tools.artifacts, environment.places, wanted, setup.pipelines.alias
    )


def _descriptions(observed: Observed) -> dict[tuple[str, str, str], str]:
    return {
        served(copy).where: copy.alias.description for copy in observed.functions if copy.alias is not None
    }


def _draft(
    setup: Setup,
    stage: Stage,
    selection: Selection,
    wanted: tuple[Target, ...],
    steps: tuple[Step, ...],
    changes: tuple[Change, ...],
    hold: Hold,
    dead: Event | None,
    observed: Observed,
    kept: tuple[Served, ...] = (),
) -> Draft:
    plan = Plan(
        verb=selection.verb,
        pipeline=setup.pipeline.name,
        stage=stage.name,
        release=selection.release,
        source=selection.source,
        reason=selection.reason,
        mint=selection.mint,
        services=selection.services,
        steps=steps,
        changes=changes,
        warnings=selection.warnings,
        blockers=selection.blockers,
        kept=kept,
        before=holding.carried(
            [change.served for change in changes], dead, holding.moved_by(dead, _descriptions(observed))
        ),
        places=stage.environment.places,
        alias=setup.pipelines.alias,
    )
    done = serves_already(setup.head(stage.name), selection) or selection.services is not None
    nothing = None
    if not plan.blockers and not steps and not plan.mint and done:
        nothing = f"nothing to do: {stage.name} serves {plan.release.label}"
    return Draft(plan, wanted, hold, dead, setup.state, setup.pipelines, nothing)
