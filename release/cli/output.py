"""The two output streams: results on stdout, progress and errors on stderr.

What is under way does not hang on who watches: a reader that goes away (`release status | head`, a lost
terminal) is nobody to tell any more, and no reason to stop half-way.
"""

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

import click

from release.errors import ReleaseError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# What the runner of GitHub Actions takes for a command in what a job prints: `::` at the beginning of a line
# and `##[` anywhere, as https://github.com/actions/runner (src/Runner.Common/ActionCommand.cs) parses it.
_COMMAND = re.compile(r"(?m)(?:^|\r)[^\S\r\n]*:(?=:)|#(?=#\[)")
_PADDING = re.compile(r"(?m) +$")  # with which rich fills the cells of a table
_HANGING = 4  # columns; from there on a line of `~~~` ends no block of Markdown


def open_streams() -> None:
    """Give a process that was started without one of the three streams (`>&-`) an empty one.

    Or the next file that it opens would be its stdout, and Python has None there. A name of a file that is no
    UTF-8 is written as `\\udcff`, which JSON has as well, where it would end the command.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - until we end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as Python has it for stderr


def say(text: str, *, err: bool = False, exact: bool = False) -> None:
    """`exact`: a document, or a command to the runner of GitHub Actions; else no word of it becomes one."""
    with _written(sys.stderr if err else sys.stdout):
        click.echo(text if exact else _in_a_log(text), err=err)


def show(lines: "Iterable[RenderableType]") -> None:
    """Results, as people read them."""
    for line in lines:
        _print(line)


def show_json(value: Any) -> None:
    import json

    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    say(text.replace("##[", "\\u0023#["), exact=True)  # the same to whoever parses it


def progress(what: str, fields: Mapping[str, Any]) -> None:
    """One line for everything that happens. May be called from many threads; never raises for the stream."""
    lines = _lines(what, fields)
    with contextlib.suppress(OSError, ReleaseError):
        for label, style, text in lines:
            _print(_labelled(label, style, text), err=True)


def _lines(what: str, fields: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Label, its style, text."""
    match what:
        case "hold":
            tag = f", tag {fields['tag']}" if fields.get("tag") else ""
            return [(f"{fields['kind']}{tag}", "bold", fields["id"])]
        case "step":
            style = "yellow" if fields["phase"] == "undo" else "green"
            text = f"{fields['name']:<20} {fields['region']:<9} {fields['detail']}"
            return [(f"{fields['phase']:<7}", style, text)]
        case "undo":
            return [("failed ", "bold red", fields["cause"]), ("going back", "yellow", "")]
        case "way":
            if "asked" in fields:
                text = f"{fields['asked']} is to go back; {fields['stage']} is held"
                return [("asked  ", "yellow", text)]
            return [("ended  ", "green", f"{fields['ended']} has let go of {fields['stage']}")]
        case "bake":
            where = f"{fields['percent']} % in {fields['region']}"
            return [("bake   ", "cyan", f"{where}, judged not before {fields['until']:%H:%M:%S} UTC")]
        case "verdict" | "extend" | "probe":
            where = f"{fields['percent']} % in {fields['region']}"
            said = {"verdict": "passes", "extend": "goes on baking", "probe": "is probed"}[what]
            reason = f": {fields['reason']}" if "reason" in fields else ""
            return [("judge  ", "green" if what == "verdict" else "yellow", f"{where} {said}{reason}")]
        case "output":
            return [("said   ", "dim", f"{fields['name']:<20} {fields['line']}")]
        case "untold":
            return [("untold ", "bold red", str(fields["cause"]))]
        case "recorded":
            return [("record ", "green", str(fields["text"]))]
        case "run":
            return [("run    ", "cyan", f"{fields['about']}: {fields['what']}")]
        case "built":
            return [("build  ", "green", f"{fields['service']:<20} {fields['detail']}")]
        case _:
            return []


def _labelled(label: str, style: str, text: str) -> "RenderableType":
    """A text that is folded beside its label, not below it."""
    from rich.table import Table
    from rich.text import Text

    if not text:
        return Text(f"  {label}", style=style)
    row = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    row.add_column(no_wrap=True)
    row.add_column(overflow="fold")
    row.add_row(Text(f"  {label}", style=style), Text(text))
    return row


def _print(line: "RenderableType", *, err: bool = False) -> None:
    from rich.text import Text

    stream = sys.stderr if err else sys.stdout
    with _written(stream):
        console = _console(err)
        with console.capture() as captured:
            # rich forgets no_wrap of what it is to print: a command that is to be copied would be cut in two
            whole = isinstance(line, Text) and bool(line.no_wrap)
            console.print(_hanging(line, console), soft_wrap=whole)
        stream.write(_in_a_log(_PADDING.sub("", captured.get())))
        stream.flush()


def _hanging(line: "RenderableType", console: "Console") -> "RenderableType":
    """A text that is folded goes on below its beginning: no word of it begins a line."""
    from rich.text import Text

    if isinstance(line, str):
        line = Text(line)
    if not isinstance(line, Text) or line.no_wrap or line.cell_len <= console.width:
        return line
    folded: list[Text] = []
    for whole in line.split("\n", allow_blank=True):
        first, *more = whole.wrap(console, console.width - _HANGING)
        for one in more:
            one.pad_left(_HANGING)
        folded += [first, *more]
    return Text("\n").join(folded)


def _in_a_log(text: str) -> str:
    """As it is; in a job of GitHub Actions, without what its runner would take for a command."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return text
    return _COMMAND.sub(r"\g<0> ", text)


def _console(stderr: bool) -> "Console":
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return _made(stderr, int(columns))
    # A log file has no width of its own; rich would take 80 and cut what somebody may need.
    stream = sys.stderr if stderr else sys.stdout
    return _made(stderr, None if stream.isatty() else 120)


@cache
def _made(stderr: bool, width: int | None) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


@contextlib.contextmanager
def _written(stream: TextIO) -> Iterator[None]:
    """Raises ReleaseError when a stream takes nothing for another reason than that its reader has gone."""
    try:
        yield
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            nobody = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nobody, stream.fileno())
            os.close(nobody)
    except OSError as error:
        raise ReleaseError(
            f"the output cannot be written: {error.strerror}",
            fix="make it writable, then see by `release status` where things stand",
        ) from error
