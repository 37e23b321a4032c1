"""`release audit verify`: whether tags, stored bytes and aliases are what the ledger says."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import show, show_json
from release.errors import GateClosed, Unavailable

if TYPE_CHECKING:
    from release.core.audited import Audited

_LISTED = 20  # in the error; stdout has them all


@click.command("verify", short_help="Whether everything is what the ledger says.")
@click.argument("tags", nargs=-1, metavar="[TAG…]")
@click.option("--without-aws", is_flag=True, help="Compare ledger and tags alone; no credentials are needed.")
@pipeline_option
@json_option
@click.pass_obj
def audit_verify(
    directory: Path, tags: tuple[str, ...], without_aws: bool, pipeline: str | None, as_json: bool
) -> None:
    """Walk the ledger from its first record, and compare it with tags, stored bytes and what runs.

    With TAG: of the tags only these, and what hangs on them.
    """
    from release.audit import Reading, verify
    from release.views.audit import verified_text

    wired = wiring(directory)
    functions = None if without_aws else wired.functions
    reading = Reading(wired.repo, wired.ledger, wired.artifacts, functions)
    audited = verify(reading, tags, pipeline=pipeline)
    if as_json:
        show_json(audited.to_json())
    else:
        show(verified_text(audited))
    _refuse(audited)


def _refuse(audited: "Audited") -> None:
    """Raises GateClosed that names the first mismatch, or Unavailable the first that cannot be read."""
    for found, kind, fix in (
        (
            audited.mismatches,
            GateClosed,
            "find out who changed it: docs/provenance.md, `What verify compares`",
        ),
        (audited.unread, Unavailable, "give it credentials that may read, or leave AWS out: --without-aws"),
    ):
        if found:
            first, *others = found
            raise kind(
                f"{first.place}: {first.why}",
                fix=fix,
                details=[f"{one.place}: {one.why}" for one in others[:_LISTED]],
            )
