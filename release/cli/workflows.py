"""`release workflows`: the buttons of GitHub Actions, rendered from pipelines/, and what runs in them."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from release.cli.context import folder, pipeline_option, wiring
from release.cli.output import say
from release.cli.usage import Verbs
from release.cli.workflows_comment import workflows_comment
from release.errors import GateClosed, Misconfigured

if TYPE_CHECKING:
    from release.core.models import Pipelines

_T = TypeVar("_T")


@click.group("workflows", cls=Verbs, short_help="The buttons of GitHub Actions, rendered from pipelines/.")
def command() -> None:
    """Render the workflows of GitHub Actions; the other verbs are for the workflows themselves."""


command.add_command(workflows_comment)


@command.command("render", short_help="Write .github/workflows/ as pipelines/ asks for it.")
@click.option("--check", is_flag=True, help="Write nothing; exit 3 where a file is out of step.")
@click.option(
    "--from",
    "shared",
    metavar="ORG/REPO@SHA",
    help="Use the _release.yml of another repository, by commit, instead of one of our own.",
)
@click.pass_obj
def render(directory: Path, check: bool, shared: str | None) -> None:
    """Render a workflow for every button that pipelines/ of the work tree asks for.

    Files that were rendered before and are no longer asked for are removed. A file that somebody has written
    by hand is never replaced.
    """
    from release.views.workflows import SHARED, not_handed_on

    if shared is not None and SHARED.fullmatch(shared) is None:
        raise Misconfigured(
            f"--from {shared!r} names no repository at a commit",
            fix="write ORG/REPO@SHA with all 40 digits: a tag can be moved",
        )
    wired = wiring(directory)
    top = wired.repo.top
    pipelines = _pipelines(top)
    wanted = _rendered(pipelines, shared)
    found = _found(top, wanted)
    differing = [path for path, text in wanted.items() if found.get(path) != text]
    stale = [path for path in found if path not in wanted]
    if check:
        _refuse_out_of_step(differing, stale, found, shared)
    _write(top, {path: wanted[path] for path in differing}, found)
    for path in stale:
        (top / path).unlink()
    for verb, paths in (("wrote", differing), ("removed", stale)):
        for path in paths:
            say(f"{verb} {path}")
    for name in not_handed_on(pipelines):
        say(f"note: notifications name {name}, which the workflows do not hand over: keep it in AWS")
    if not differing and not stale:
        say(f"{len(wanted)} workflows are in step with pipelines/")


@command.command("report", short_help="Tell the next jobs, and the summary of the run, what a plan says.")
@click.argument("plan", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def report_plan(directory: Path, plan: Path) -> None:
    """Set the outputs `digest`, `release`, `title`, `go` and `attempt`, and write the job's summary.

    Elsewhere than in GitHub Actions the summary is printed.
    """
    from release.cli.github_output import append_summary, write_outputs
    from release.views.workflow_report import report

    folder(directory)
    attempt = os.environ.get("GITHUB_RUN_ATTEMPT") or "1"
    told = _from_plan(plan, lambda document: report(document, attempt))
    write_outputs(told.outputs)
    if not append_summary(told.summary):
        say(told.summary.rstrip("\n"))


def _from_plan(plan: Path, read: Callable[[Mapping[str, Any]], _T]) -> _T:
    """What a plan file says. Raises Misconfigured where it is none."""
    import json

    fix = "write it with: release plan VERB … --out plan.json"
    try:
        return read(json.loads(plan.read_text(encoding="utf-8")))
    except OSError as error:
        raise Misconfigured(f"the plan cannot be read: {error.strerror}", fix=fix, see=str(plan)) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Misconfigured("this is no plan file", fix=fix, see=str(plan)) from error


@command.command("approvers", short_help="Tell the next steps who has approved this run.")
@click.option("--gate", metavar="NAME", required=True, help="The environment whose reviewers count.")
@click.pass_obj
def approvers_of_run(directory: Path, gate: str) -> None:
    """Set the output `logins`: who has approved jobs of this environment, separated by commas.

    GitHub is asked for all attempts of the run. Elsewhere than in GitHub Actions the logins are printed.
    """
    from release.cli.github_output import write_outputs
    from release.core.forge.approvals import approvers

    run = os.environ.get("GITHUB_RUN_ID", "")
    if not run.isdecimal():
        raise Misconfigured(
            "there is no run to ask about: GITHUB_RUN_ID is not set",
            fix="call it in a job of GitHub Actions, or set GITHUB_RUN_ID to the number of a run",
        )
    logins = approvers(wiring(directory).forge.runs.approvals(int(run)), gate)
    write_outputs({"logins": ",".join(logins)})
    say(f"approved by {', '.join(logins)}" if logins else f"nobody has approved for {gate}")


@command.command("waiting", short_help="Tell people, by notifications, that a plan waits for approval.")
@click.argument("plan", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def tell_who_decides(directory: Path, plan: Path) -> None:
    """Tell whoever wants to know of what is `waiting` in the stage of this plan.

    Who cannot be told is named, and nothing else comes of it.
    """
    from release.config import load_pipelines, pick_pipeline
    from release.core.notices import awaiting
    from release.core.records import stamp
    from release.observe import pipeline_texts

    wired = wiring(directory)
    who, at = wired.who().actor, stamp(wired.clock.now())
    notice = _from_plan(plan, lambda document: awaiting(document["plan"], who=who, at=at))
    texts, _ = pipeline_texts(wired.repo, wired.repo.remote())
    pipelines = load_pipelines(texts.files, texts.odd)
    stage = pick_pipeline(pipelines, notice.pipeline).stage(notice.stage)
    if stage is None:
        raise Misconfigured(f"{notice.pipeline} has no stage {notice.stage}", fix="plan again", see=str(plan))
    for untold in wired.notifier(pipelines).tell(notice, stage.environment.places[0]):
        say(f"untold: {untold}", err=True)


@command.command("under-way", short_help="Tell the next jobs which stages to go on with, and to look at.")
@pipeline_option
@click.pass_obj
def under_way(directory: Path, pipeline: str | None) -> None:
    """Set the outputs `matrix`, `count` and `any` of what is under way, `serving` and `served` of what may
    drift, from the ledger alone: no AWS is asked.

    Elsewhere than in GitHub Actions the stages are printed.
    """
    import json

    from release.cli.github_output import write_outputs
    from release.config import load_pipelines, pick_pipeline
    from release.observe import pipeline_texts
    from release.views.workflows import matrix_row

    wired = wiring(directory)
    refs = wired.repo.remote()
    texts, _ = pipeline_texts(wired.repo, refs)
    pipelines = load_pipelines(texts.files, texts.odd)
    chosen = list(pipelines.pipelines.values()) if pipeline is None else [pick_pipeline(pipelines, pipeline)]
    state = wired.ledger.read(refs)
    heads = [(one, stage, state.head(one.name, stage.name)) for one in chosen for stage in one.stages]
    rows = [matrix_row(pipelines, one, stage) for one, stage, head in heads if head.running is not None]
    serving = [matrix_row(pipelines, one, stage) for one, stage, head in heads if head.serves is not None]
    matrix, serves = (json.dumps({"include": each}, separators=(",", ":")) for each in (rows, serving))
    # `any` and `served` are for `if:`, because GitHub fails a job whose matrix is empty.
    write_outputs(
        {
            "matrix": matrix,
            "count": str(len(rows)),
            "any": "true" if rows else "false",
            "serving": serves,
            "served": "true" if serving else "false",
        }
    )
    for row in rows:
        say(f"{row['stage']} of {row['pipeline']} is under way")
    if not rows:
        say("nothing is under way")


def _rendered(pipelines: "Pipelines", shared: str | None) -> Mapping[str, str]:
    """Path in the repository -> text, of every workflow that is asked for."""
    from release.adapters.own_templates import of_workflows
    from release.adapters.packaged import packaged_templates
    from release.views.workflows import MARK, workflow_files

    templates = of_workflows(packaged_templates() / "workflows")
    files = workflow_files(pipelines, shared)
    return {file.path: MARK + templates.render(file.template, file.words) for file in files}


def _pipelines(top: Path) -> "Pipelines":
    from release.config import load_pipelines
    from release.observe import work_tree_pipelines

    texts = work_tree_pipelines(top)
    return load_pipelines(texts.files, texts.odd)


def _found(top: Path, wanted: Mapping[str, str]) -> Mapping[str, str | None]:
    """Files that stand where we write, and those that we have written before. None: not a file of ours."""
    from release.views.workflows import FOLDER, MARK

    found: dict[str, str | None] = {}
    for path in sorted((top / FOLDER).glob("*.yml")) if (top / FOLDER).is_dir() else []:
        name = f"{FOLDER}/{path.name}"
        text = _text_of(path)
        ours = text is not None and text.startswith(MARK)
        if ours or name in wanted:
            found[name] = text if ours else None
    return found


def _text_of(path: Path) -> str | None:
    """None: no plain file of text."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None
    except OSError as error:
        raise Misconfigured(
            f"a workflow cannot be read: {error.strerror}", fix="make it readable", see=str(path)
        ) from error


def _refuse_out_of_step(
    differing: Sequence[str], stale: Sequence[str], found: Mapping[str, str | None], shared: str | None
) -> None:
    if not differing and not stale:
        return
    count = len(differing) + len(stale)
    again = f"release workflows render{f' --from {shared}' if shared else ''}"
    raise GateClosed(
        f"{count} workflow{' is' if count == 1 else 's are'} out of step with pipelines/",
        fix=f"{again}, and commit what it changes",
        see=(*differing, *stale)[0],
        details=[
            *(f"{path}: {'differs' if path in found else 'is missing'}" for path in differing),
            *(f"{path}: no pipeline asks for it" for path in stale),
        ],
    )


def _write(top: Path, texts: Mapping[str, str], found: Mapping[str, str | None]) -> None:
    """Raises Misconfigured, before anything is written, where a file is not ours."""
    for path in texts:
        if path in found and found[path] is None:
            raise Misconfigured(
                f"{path} was not rendered by release, and a pipeline asks for that name",
                fix="move it away, or rename the stage",
                see=path,
            )
    for path, text in texts.items():
        try:
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_bytes(text.encode("utf-8"))
        except OSError as error:
            raise Misconfigured(
                f"a workflow cannot be written: {error.strerror}",
                fix="make the folder writable",
                see=path,
            ) from error
