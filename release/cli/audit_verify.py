"""`release audit verify`: whether tags, stored bytes, aliases and GitHub are what the ledger says."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli.context import json_option, pipeline_option, wiring
from release.cli.output import show, show_json
from release.errors import GateClosed, Unavailable

if TYPE_CHECKING:
    from release.core.audited import Audited

_LISTED = 20  # in the error; stdout has them all
_ABOUT = "docs/provenance.md, `What verify compares`"
_WHO_CHANGED_IT = {
    "GitHub": "`release record` writes what is missing there, and replaces nothing; else find out who "
    f"changed it: {_ABOUT}",
    "else": f"find out who changed it: {_ABOUT}",
}
_LEAVE_OUT = {
    "GitHub": "set GH_TOKEN to a token that may read the repository, or leave GitHub out: --without-github",
    "else": "give it credentials that may read, or leave AWS out: --without-aws",
}


@click.command("verify", short_help="Whether everything is what the ledger says.")
@click.argument("tags", nargs=-1, metavar="[TAG…]")
@click.option("--without-aws", is_flag=True, help="Leave out what is in AWS; no credentials are needed.")
@click.option(
    "--without-github", is_flag=True, help="Leave out releases and deployments; no token is needed."
)
@pipeline_option
@json_option
@click.pass_obj
def audit_verify(
    directory: Path,
    tags: tuple[str, ...],
    without_aws: bool,
    without_github: bool,
    pipeline: str | None,
    as_json: bool,
) -> None:
    """Walk the ledger from its first record, and compare it with tags, stored bytes, what runs, and with the
    releases and deployments on GitHub.

    With TAG: of the tags only these, and what hangs on them.
    """
    from release.audit import Reading, verify
    from release.record import Desk
    from release.record.verify import check_forge
    from release.views.audit import verified_text

    wired = wiring(directory)

    def open_desk() -> Desk:
        return Desk(wired.repo, wired.ledger, wired.artifacts, wired.forge, wired.clock)

    functions = None if without_aws else wired.functions
    forge = None if without_github else partial(check_forge, open_desk)
    reading = Reading(wired.repo, wired.ledger, wired.artifacts, functions, forge)
    audited = verify(reading, tags, pipeline=pipeline)
    if as_json:
        show_json(audited.to_json())
    else:
        show(verified_text(audited))
    _refuse(audited)


def _refuse(audited: "Audited") -> None:
    """Raises GateClosed that names the first mismatch, or Unavailable the first that cannot be read."""
    for found, kind, fix in (
        (audited.mismatches, GateClosed, _WHO_CHANGED_IT),
        (audited.unread, Unavailable, _LEAVE_OUT),
    ):
        if found:
            first, *others = found
            raise kind(
                f"{first.place}: {first.why}",
                fix=fix["GitHub" if first.subject in ("release", "deployment") else "else"],
                details=[f"{one.place}: {one.why}" for one in others[:_LISTED]],
            )
