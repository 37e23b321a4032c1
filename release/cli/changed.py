"""`release changed`: which services differ from what a stage runs, or between two trees, and why."""

from pathlib import Path

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import say, show, show_json
from release.errors import Misconfigured


@click.command("changed", short_help="Which services differ from what a stage runs, and why.")
@click.option("--stage", help="Compare with what this stage runs; default: the first stage.")
@click.option("--ref", default="HEAD", show_default=True, help="Commit whose services are looked at.")
@click.option("--base", help="Compare two trees instead: this one …")
@click.option("--head", help="… with this one (default: --ref).")
@click.option("--why", metavar="NAME", help="Why this service counts as changed.")
@click.option("--why-not", metavar="NAME", help="Why this service counts as unchanged.")
@click.option(
    "--matrix",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Deal the changed services out to at most N jobs of GitHub Actions.",
)
@pipeline_option
@json_option
@click.pass_obj
def command(
    directory: Path,
    stage: str | None,
    ref: str,
    base: str | None,
    head: str | None,
    why: str | None,
    why_not: str | None,
    matrix: int | None,
    pipeline: str | None,
    as_json: bool,
) -> None:
    """Compare fingerprints, settings and templates; no range of commits, so that nothing is ever lost.

    What cannot be known counts as changed, and the reason is shown.
    """
    if base is not None and stage is not None:
        raise Misconfigured("--base and --stage exclude each other", fix="leave one of them out")
    if head is not None and base is None:
        raise Misconfigured("--head needs a --base", fix="add --base, or use --ref to look at a commit")
    if why is not None and why_not is not None:
        raise Misconfigured("--why and --why-not exclude each other", fix="ask about one service at a time")
    if matrix is not None and (why is not None or why_not is not None):
        raise Misconfigured("--matrix is of all services", fix="ask --why without it")
    asked = why if why is not None else why_not
    wired = wiring(directory)
    if base is not None:
        from release.changed.trees import between

        changes = between(
            wired.repo,
            wired.survey,
            pipeline=pipeline,
            base=base,
            head=ref if head is None else head,
            asked=asked,
        )
    else:
        from release.changed.stage import since_stage

        changes = since_stage(
            wired.repo,
            wired.ledger,
            wired.artifacts,
            wired.survey,
            pipeline=pipeline,
            stage=stage,
            ref=ref,
            asked=asked,
        )
    more = {}
    if matrix is not None:
        from release.cli.github_output import matrix_of, outputs, write_outputs
        from release.core.changes import shards

        dealt = shards(changes.to_build, matrix)
        more = {"matrix": matrix_of(dealt)}
        if not write_outputs(outputs(dealt)) and not as_json:
            for name, value in outputs(dealt).items():
                say(f"{name}={value}")
            return
    if as_json:
        from release.views.changes_json import changes_json

        show_json(changes_json(changes, asked) | more)
        return
    from release.views.changes import changes_text, explained_text

    show(changes_text(changes) if asked is None else explained_text(changes, asked))
