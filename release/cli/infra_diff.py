"""`release infra diff`: what a commit would change in AWS, or what two commits have not alike."""

from pathlib import Path

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import say, show, show_json
from release.errors import Misconfigured


@click.command("diff", short_help="What a commit would change in AWS, or in another commit's stacks.")
@click.argument("services", nargs=-1)
@click.option("--base", help="Commit that is compared with, instead of AWS; nothing is asked of AWS then.")
@click.option("--head", default="HEAD", show_default=True, help="Commit that is looked at.")
@click.option("--stage", help="Only this stage; default: all of the pipeline.")
@click.option("--markdown", is_flag=True, help="Print it for a comment on a pull request.")
@pipeline_option
@json_option
@click.pass_obj
def infra_diff(
    directory: Path,
    services: tuple[str, ...],
    base: str | None,
    head: str,
    stage: str | None,
    markdown: bool,
    pipeline: str | None,
    as_json: bool,
) -> None:
    """Render the templates of a commit for every stage, and compare each with what its stack has in AWS.

    With --base they are compared with those of another commit. Nothing is written: no change set is made.
    With --markdown, a job of GitHub Actions gets the output `differs` where any stack does.
    """
    from release.cli.github_output import write_outputs
    from release.infra.deployed import deployed_difference
    from release.infra.difference import Tools, difference
    from release.views.infra import difference_json, difference_markdown, difference_text

    if markdown and as_json:
        raise Misconfigured("--markdown and --json exclude each other", fix="leave one of them out")
    wired = wiring(directory)
    tools = Tools(wired.repo, wired.survey, wired.templates, wired.read_template, wired.create_only)
    if base is None:
        compared = deployed_difference(
            tools,
            wired.functions,
            wired.stacks,
            pipeline=pipeline,
            head=head,
            services=services,
            stage=stage,
        )
    else:
        compared = difference(tools, pipeline=pipeline, base=base, head=head, services=services, stage=stage)
    if as_json:
        show_json(difference_json(compared))
    elif markdown:
        if compared.stacks:  # never "false": a job may compare several pipelines, one after the other
            write_outputs({"differs": "true"})
        say(difference_markdown(compared).rstrip("\n"))
    else:
        show(difference_text(compared))
