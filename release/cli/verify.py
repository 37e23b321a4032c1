"""`release verify STAGE`: smoke-test what serves now, through the alias."""

from pathlib import Path

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import show, show_json
from release.errors import GateClosed


@click.command("verify", short_help="Smoke-test what serves in STAGE now.")
@click.argument("stage")
@pipeline_option
@json_option
@click.pass_obj
def command(directory: Path, stage: str, pipeline: str | None, as_json: bool) -> None:
    """Invoke every function of STAGE through its alias with its smoke payload. Exit 3 when one says no."""
    from rich.text import Text

    from release.promotion import read_setup
    from release.verify import verify_stage
    from release.views.tables import table

    wired = wiring(directory)
    setup = read_setup(wired.repo, wired.ledger, pipeline)
    checks = verify_stage(wired.tools(setup.pipelines), setup, setup.stage(stage))
    failed = [check for check in checks if check.problem]
    if as_json:
        show_json([{"function": c.function, "region": c.region, "problem": c.problem} for c in checks])
    else:
        rows = table("function", "region", "smoke test", wide="smoke test")
        for check in checks:
            rows.add_row(
                check.function,
                check.region,
                Text(check.problem or "passed", style="red" if check.problem else "green"),
            )
        show([rows])
    if failed:
        raise GateClosed(
            f"{len(failed)} of {len(checks)} smoke tests in {stage} did not pass",
            fix=f"look at the log group of the function, then `release rollback {stage} --reason …`",
        )
