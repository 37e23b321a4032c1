"""`release audit file`: the audit of one release in one stage, as a document."""

from pathlib import Path

import click

from release.cli.context import pipeline_option, wiring
from release.cli.new_file import new_file
from release.cli.output import say


@click.command("file", short_help="audit.json of one release in one stage.")
@click.argument("tag")
@click.option("--stage", required=True, help="The stage that it was brought to.")
@click.option("--id", "promotion", metavar="ID", help="Of several promotions of it, this one.")
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path), help="Write it to a new file.")
@pipeline_option
@click.pass_obj
def audit_file(
    directory: Path,
    tag: str,
    stage: str,
    promotion: str | None,
    output: Path | None,
    pipeline: str | None,
) -> None:
    """Canonical JSON of who, what, when, why, and what it changed where; TAG may be a full commit id."""
    from release.audit import audit_document
    from release.promotion import read_setup

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    setup.stage(stage)
    data = audit_document(
        wired.repo,
        wired.ledger,
        wired.artifacts(setup.pipelines),
        setup.refs,
        setup.state,
        pipeline=setup.pipeline.name,
        stage=stage,
        release=tag,
        promotion=promotion,
    )
    if output is None:
        say(data.decode().rstrip("\n"), exact=True)
        return
    with new_file(output) as file:
        file.write(data)
    say(f"wrote {len(data)} bytes to {output}", err=True)
