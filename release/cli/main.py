"""The entry of the CLI: finds the verb, lets it work, turns every failure into an exit code.

Every start of every verb pays for what is imported here: what only a failure needs, it imports itself.
"""

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

import click

from release import __version__
from release.cli.output import open_streams, say
from release.cli.usage import Verbs, complaint
from release.errors import ExitCode, ReleaseError

# verb -> module in release.cli, which holds it as `command`; one guess finds it
VERBS = {
    "abort": "abort",
    "accept": "accept",
    "advance": "advance",
    "apply": "apply",
    "artifacts": "artifacts",
    "audit": "audit",
    "build": "build",
    "changed": "changed",
    "check": "check",
    "clear": "clear",
    "deploy": "deploy",
    "doctor": "doctor",
    "drift": "drift",
    "hold": "hold",
    "infra": "infra",
    "local": "local",
    "new": "new",
    "next": "next",
    "plan": "plan",
    "promote": "promote",
    "quarantine": "quarantine",
    "reconcile": "reconcile",
    "record": "record",
    "reject": "reject",
    "retire": "retire",
    "rollback": "rollback",
    "sandbox": "sandbox",
    "status": "status",
    "unhold": "unhold",
    "verify": "verify",
    "workflows": "workflows",
}


_LONGEST = 1000  # characters of a line of an error: a name from outside may be a whole file


class LazyVerbs(Verbs):
    """Imports a verb's module when the verb is used: `release --version` needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"release.cli.{VERBS[cmd_name]}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"release.cli.{VERBS[cmd_name]}.command is no command")
        return command


@click.command(
    cls=LazyVerbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="release")
@click.option("-C", "directory", type=click.Path(), default=".", help="Work in this folder.")
@click.pass_context
def cli(ctx: click.Context, directory: str) -> None:
    """Take a merge on main to production, the same bytes all the way, and prove it afterwards.

    Exit codes say what state the world is in: 0 done; 2, 3 and 4 nothing was changed; 5 rolled back;
    6 a person must look; 7 under way. docs/cli.md has them all.
    """
    from pathlib import Path

    ctx.obj = Path(directory)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the CLI. Returns the exit code; the one place that decides it."""
    open_streams()
    try:
        # The name is said, or it would be that of whatever started us: "python -m release", "__main__.py".
        result = cli.main(
            args=None if arguments is None else list(arguments), prog_name="release", standalone_mode=False
        )
    except (click.exceptions.Abort, KeyboardInterrupt):
        _echo("interrupted;", "the same command finishes what was begun")
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        if isinstance(error, click.exceptions.NoArgsIsHelpError):
            error.show()
        else:
            show_error(complaint(error))
        return ExitCode.MISCONFIGURED
    except ReleaseError as error:
        show_error(error)
        return error.exit_code
    except Exception:
        return _bug()
    return result if isinstance(result, int) else ExitCode.DONE


def show_error(error: ReleaseError) -> None:
    """One line of cause, one of fix, one of place; details between."""
    _echo(click.style("error:", fg="red", bold=True), error.cause)
    for line in error.details:
        _echo(" ", line)
    _echo(click.style("fix:", bold=True), error.fix)
    if error.see:
        _echo(click.style("see:", bold=True), error.see)


def _echo(label: str, text: str) -> None:
    """One line for machines and log files; on a terminal it is folded at its width, between words."""
    import shutil
    import textwrap

    text = _on_one_line(text)
    width = os.environ.get("COLUMNS", "")
    columns = (
        int(width) if width.isdigit() else shutil.get_terminal_size().columns if sys.stderr.isatty() else 0
    )
    if columns >= 20:
        text = textwrap.fill(
            text,
            columns,
            initial_indent=" " * (len(click.unstyle(label)) + 1),
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        ).lstrip()
    with contextlib.suppress(ReleaseError):  # nobody can be told; the exit code still says it
        say(f"{label} {text}", err=True)


def _on_one_line(text: str) -> str:
    """Without what would begin a line, or move the cursor: a name from outside may not forge a `fix:`."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}… ({len(text)} characters)"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def _bug() -> ExitCode:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="release-bug-", suffix=".log", delete=False) as log:
        log.write(f"release {__version__}, Python {sys.version}\n")
        traceback.print_exc(file=log)
    kind, value, _ = sys.exc_info()
    _echo("error:", f"this is a bug in release: {kind.__name__ if kind else ''}: {value}")
    _echo("fix:", "`release status` shows where things stand; report the log file")
    _echo("see:", log.name)
    return ExitCode.BUG


if __name__ == "__main__":
    sys.exit(main())
