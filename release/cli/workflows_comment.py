"""`release workflows comment`: one comment on a pull request, brought up to date in place."""

import re
from pathlib import Path

import click

from release.cli.context import wiring
from release.cli.output import say
from release.errors import Misconfigured

_MARKER = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_LONGEST = 65_000  # characters; GitHub takes 65,536 with the marker


@click.command("comment", short_help="Have one comment on a pull request, and keep it up to date.")
@click.option("--pull", type=click.IntRange(1), required=True, help="Number of the pull request.")
@click.option("--marker", required=True, help="Name by which the comment is found again.")
@click.option(
    "--file",
    "source",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="What it says, in GitHub's Markdown.",
)
@click.option("--only-update", is_flag=True, help="Where there is no such comment yet, make none.")
@click.pass_obj
def workflows_comment(directory: Path, pull: int, marker: str, source: Path, only_update: bool) -> None:
    """Write a comment on a pull request, or bring the one that was written before up to date.

    It is found by a hidden line, and only among what nobody else can have written. Needs a token that may
    write on pull requests.
    """
    from release.record.comment import say_in

    if _MARKER.fullmatch(marker) is None:
        raise Misconfigured(f"--marker {marker!r} is no name", fix="use small letters, digits and hyphens")
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"the comment cannot be read: {error}", fix="name a file of text") from error
    if len(text) > _LONGEST:
        raise Misconfigured(
            f"the comment has {len(text):,} characters; GitHub takes {_LONGEST:,}", fix="shorten it"
        )
    done = say_in(wiring(directory).forge, pull, marker, text, only_update=only_update)
    say(done.text if done is not None else f"nothing to say in #{pull}")
