"""How places are called on GitHub, and links into it."""

from typing import Final

from release.core.models import Pipeline, Pipelines

_DEFAULT: Final = "fleet"
# https://docs.github.com/en/rest/deployments/statuses: characters of the description of a status
LONGEST_DESCRIPTION: Final = 140


def is_plain(pipelines: Pipelines, pipeline: Pipeline) -> bool:
    """Whether files and environments go by the stage's name alone."""
    return pipeline.name == _DEFAULT or len(pipelines.pipelines) == 1


def github_environment(pipeline: Pipeline, stage: str, *, plain: bool) -> str:
    """The GitHub environment that holds the deploy role of a stage."""
    return stage if plain else f"{pipeline.name}.{stage}"


def button_file(verb: str, pipeline: Pipeline, stage: str, *, plain: bool) -> str:
    """Name of the workflow that carries out a verb: "promote-prod.yml", "rollback-payments.yml"."""
    if verb == "rollback":
        return "rollback.yml" if plain else f"rollback-{pipeline.name}.yml"
    return f"{verb}-{github_environment(pipeline, stage, plain=plain)}.yml"


def run_url(repository: str, run: str | None) -> str:
    """The page of a workflow run. `repository`: its address; `run`: "<run id>.<attempt>". Empty: no run."""
    number, _, attempt = (run or "").partition(".")
    if not (number.isdecimal() and attempt.isdecimal()):
        return ""
    return f"{repository}/actions/runs/{number}/attempts/{attempt}"


def on_one_line(text: str, longest: int = LONGEST_DESCRIPTION) -> str:
    """A description: one line, cut where it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
