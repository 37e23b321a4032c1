"""`release infra lint`: cfn-lint and our policies over templates, told by line of what people edit."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import show, show_json
from release.errors import GateClosed

if TYPE_CHECKING:
    from release.core.infra_lint import PlacedFinding


@click.command("lint", short_help="cfn-lint and policies over the rendered templates.")
@click.argument("services", nargs=-1)
@click.option("--stage", help="Only this stage; default: all of the pipeline.")
@click.option("--ref", default="HEAD", show_default=True, help="Commit whose templates are looked at.")
@click.option("--base", help="Only services whose templates differ from this commit's.")
@pipeline_option
@json_option
@click.pass_obj
def infra_lint(
    directory: Path,
    services: tuple[str, ...],
    stage: str | None,
    ref: str,
    base: str | None,
    pipeline: str | None,
    as_json: bool,
) -> None:
    """Hold every template, rendered for every stage, to cfn-lint and to the rules of docs/policies.md.

    Errors and warnings close the gate. What of cfn-lint a template may do without, it says in its own
    `Metadata: {cfn-lint: {config: {ignore_checks: […]}}}`; what of the policies, in
    `Metadata: {release: {suppress: {RULE: why}}}`.
    """
    from release.cli.github_output import annotate_place
    from release.infra.committed import committed
    from release.infra.lint import lint
    from release.views.infra_lint import lint_json, lint_text

    wired = wiring(directory)
    names: Sequence[str] | None = services or None
    if base is not None:
        from release.infra.difference import changed_templates

        names = changed_templates(
            wired.repo, wired.survey, pipeline=pipeline, base=base, head=ref, services=services
        )
    commit = committed(wired.repo, ref, pipeline=pipeline, services=names)
    templates, found = lint(commit, wired.templates, wired.template_linter, stage=stage)
    if as_json:
        show_json(lint_json(found, templates))
    else:
        show(lint_text(found, templates))
    said_no = [one for one in found if one.says_no]
    for one in said_no:
        annotate_place(f"{one.rule} of {one.service}", one.message, one.place)
    _refuse(said_no)


def _refuse(found: "Sequence[PlacedFinding]") -> None:
    if found:
        count = len(found)
        first = found[0]
        page = "https://github.com/aws-cloudformation/cfn-lint/blob/main/docs/rules.md"
        raise GateClosed(
            f"lint says no to {count} thing{'' if count == 1 else 's'} in the templates",
            fix=f"mend them; {page} explains {first.rule}"
            if first.fix is None
            else f"{first.rule}: {first.fix} (docs/policies.md)",
            see=first.place,
        )
