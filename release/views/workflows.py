"""Which workflows the pipelines ask for, and what each of them says. Pure: the texts come from templates.

The pipeline `fleet`, or the only one, has plain names: `promote-prod.yml`, environment `prod`. Of any other
one the name stands before the stage: `promote-payments.prod.yml`, `payments.prod`. No name of a stage holds a
dot, so no two buttons meet in one file.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from release.core.forge.names import button_file, github_environment, is_plain
from release.core.models import Pipeline, Pipelines, Stage
from release.errors import Misconfigured

FOLDER: Final = ".github/workflows"
# The first line of every file: what bears it may be replaced, and removed when no pipeline asks for it.
MARK: Final = "# Rendered by `release workflows render`; change pipelines/ or templates/workflows/ instead.\n"
SHARED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+@[0-9a-f]{40}", re.ASCII)
# When `watch.yml` looks for drift: by night in America, before work in Europe, and not at a full hour, when
# GitHub is late.
DAILY: Final = "47 5 * * *"
# Variables that `_release.yml` hands to `release`, as secrets of these names. A reusable workflow has to name
# its secrets, and one that other repositories use cannot know what they call theirs.
WEBHOOKS: Final = ("RELEASE_SLACK_WEBHOOK", "RELEASE_TEAMS_WEBHOOK", "RELEASE_WEBHOOK")
_WILD: Final = re.compile(r"[*?\[{]")


@dataclass(frozen=True, slots=True)
class WorkflowFile:
    """One file below FOLDER: which template gives it, and the words that stand in it."""

    name: str
    template: str
    words: Mapping[str, object]

    @property
    def path(self) -> str:
        return f"{FOLDER}/{self.name}"


def workflow_files(pipelines: Pipelines, shared: str | None = None) -> tuple[WorkflowFile, ...]:
    """Every workflow of a repository. `shared`: ORG/REPO@SHA whose `_release.yml` does the work.

    Without it the repository has its own, and the tool in it. Raises Misconfigured.
    """
    _refuse_shared_environments(pipelines)
    where, _, commit = (shared or "").partition("@")
    own = {
        "own": shared is None,
        "reusable": f"{where}/{FOLDER}/_release.yml@{commit}" if shared else f"$/{FOLDER}/_release.yml",
        "setup": f"{where}/actions/setup@{commit}" if shared else "$/actions/setup",
        "check": f" --from {shared}" if shared else "",
        "webhook_secrets": WEBHOOKS,
        "handed": handed_on(pipelines),
    }
    of_all = {**own, "pipelines": tuple(pipelines.pipelines)}
    files = [
        WorkflowFile("ci.yml", "ci.yml.j2", of_all),
        WorkflowFile("watch.yml", "watch.yml.j2", {**own, "daily": DAILY}),
    ]
    if shared is None:
        files.append(WorkflowFile("_release.yml", "_release.yml.j2", own))
    for pipeline in pipelines.pipelines.values():
        plain = is_plain(pipelines, pipeline)
        files += _buttons(pipeline, plain, own)
    return tuple(sorted(files, key=lambda file: file.name))


def handed_on(pipelines: Pipelines) -> tuple[str, ...]:
    """The secrets that notifications need, in the order of WEBHOOKS."""
    named = {recipient.where for recipient in pipelines.recipients}
    return tuple(name for name in WEBHOOKS if name in named)


def not_handed_on(pipelines: Pipelines) -> tuple[str, ...]:
    """Variables that notifications name, and that no workflow sets."""
    named = (recipient.where for recipient in pipelines.recipients)
    return tuple(dict.fromkeys(one for one in named if not one.startswith("arn:") and one not in WEBHOOKS))


def matrix_row(pipelines: Pipelines, pipeline: Pipeline, stage: Stage) -> dict[str, str]:
    """What `_release.yml` has to know of a stage in order to go on with it."""
    plain = is_plain(pipelines, pipeline)
    return _of_stage(pipeline, stage, plain)


def _refuse_shared_environments(pipelines: Pipelines) -> None:
    """Environments hold roles: one that two jobs name would give a plan, or a build, a deploy role."""
    owners = {"build": "the build of every pipeline"}
    for pipeline in pipelines.pipelines.values():
        for stage in pipeline.stages:
            name = github_environment(pipeline, stage.name, plain=is_plain(pipelines, pipeline))
            for environment in (name, f"{name}-plan", f"{name}-approval"):
                owner = owners.setdefault(environment, str(stage.source))
                if owner != str(stage.source):
                    raise Misconfigured(
                        f"the stage {stage.name} of {pipeline.name} would share the GitHub environment"
                        f" {environment} with {owner}",
                        fix="rename the stage: NAME, NAME-plan and NAME-approval must be its own",
                        see=str(stage.source),
                    )


def _of_stage(pipeline: Pipeline, stage: Stage, plain: bool) -> dict[str, str]:
    return {
        "pipeline": pipeline.name,
        "stage": stage.name,
        "environment": github_environment(pipeline, stage.name, plain=plain),
    }


def _buttons(pipeline: Pipeline, plain: bool, own: Mapping[str, object]) -> Iterator[WorkflowFile]:
    prefix = "" if plain else f"{pipeline.name}."
    for stage in pipeline.stages:
        words = {
            **own,
            **_of_stage(pipeline, stage, plain),
            "shown": _shown(pipeline, stage.name, plain),
            "before": stage.after.upper() if stage.after else "the stage before",
        }
        if stage.channel is None:
            pushed = _pushed(pipeline) if stage.trigger == "push" else ()
            name = button_file("deploy", pipeline, stage.name, plain=plain)
            yield WorkflowFile(name, "deploy.yml.j2", {**words, "branches": pushed})
        else:
            # Only the first channel chooses a commit and a version; the others take what was chosen.
            name = button_file("promote", pipeline, stage.name, plain=plain)
            yield WorkflowFile(name, "promote.yml.j2", {**words, "first": stage.channel == "qa"})
    yield WorkflowFile(
        button_file("rollback", pipeline, "", plain=plain),
        "rollback.yml.j2",
        {
            **own,
            "pipeline": pipeline.name,
            "prefix": prefix,
            "label": "" if plain else f" ({pipeline.name})",
            "stages": [stage.name for stage in reversed(pipeline.stages)],
        },
    )


def _shown(pipeline: Pipeline, stage: str, plain: bool) -> str:
    return stage.upper() if plain else f"{stage.upper()} ({pipeline.name})"


def _pushed(pipeline: Pipeline) -> Sequence[str]:
    """Branches whose pushes are deployed: those named in full. Patterns are for hotfixes, by button."""
    return [branch for branch in pipeline.branches if not _WILD.search(branch)] or list(pipeline.branches)
