"""`python3 dev.py bench`: which rows, how long, and where the numbers go."""

import argparse
import compileall
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from errno import EISDIR
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from bench import machine
from bench.model import Absent, Contenders, Row
from bench.report import Outcome, as_json, as_markdown, as_text
from bench.rows import all_rows
from bench.timing import Effort, Timed, time_in_turn
from bench.verdicts import first_of_ours
from bench.workshop import ROOT, Workshop
from release.errors import ReleaseError

DESCRIPTION = """\
Measure this checkout against peers and floors, in turn and in the same run. A ROW is a name or a pattern of
names, as `--list` shows them; without one, all are measured. Peers and repositories are kept in .bench/.
"""


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 whatever was measured; 1 with --check when a goal is not met, or `release` not measured; 2
    for wrong usage and for places that cannot be written.
    """
    options = _parser().parse_args(arguments)
    folder = Path(options.folder)
    rows = [row for row in all_rows() if _is_asked_for(row, options.rows)]
    if not rows or options.list:
        names = [f"  {row.name:<22}{row.title}" for row in all_rows()]
        print("\n".join(["rows:", *names]), file=sys.stdout if options.list else sys.stderr)
        if not options.list:
            _say(f"no row is called {' or '.join(options.rows)}\nfix: name one of the rows above")
        return 0 if options.list else 2
    target = folder / options.json if options.json else None
    cache = (folder / options.cache).resolve()
    place = cache
    try:  # before minutes are spent
        cache.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=cache).close()
        if target:
            place = target
            tempfile.TemporaryFile(dir=target.parent).close()
            if target.is_dir():
                raise IsADirectoryError(EISDIR, "it is a folder")
    except OSError as error:
        _say(f"{place} cannot be written: {error.strerror}\nfix: make room there, or name another place")
        return 2
    # What is timed is ended with us, whoever ends us; a shell's background job starts with Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with _alone(cache):
            outcomes = _measured(rows, Workshop(cache, options.offline, _say), quick=options.quick,
                                 markdown=options.markdown)  # fmt: skip
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        _say(f"{error.filename or cache}: {error.strerror}\nfix: make room, or delete {cache}")
        return 2
    if target:
        settings = {"quick": options.quick, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        target.write_text(json.dumps(as_json(outcomes, machine.facts(), settings), indent=2) + "\n")
    is_shown = all(
        isinstance(first_of_ours(one.results), Timed) and all(v.met is True for v in one.verdicts)
        for one in outcomes
    )
    return 1 if options.check and not is_shown else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 dev.py bench", description=DESCRIPTION)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="names or patterns, as cli-start or 'next-*'")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    parser.add_argument(
        "--markdown", action="store_true", help="print one table, as docs/performance.md has it"
    )
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that it works, proves little")
    parser.add_argument("--check", action="store_true", help="exit code 1 unless every goal is met")
    parser.add_argument("--offline", action="store_true", help="install nothing: only peers that are there")
    parser.add_argument("--list", action="store_true", help="show the rows")
    parser.add_argument("--cache", metavar="DIR", default=str(ROOT / ".bench"), help="instead of .bench/")
    parser.add_argument("--folder", default=".", help=argparse.SUPPRESS)  # the caller's, as dev.py knows it
    return parser


def _is_asked_for(row: Row, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(row.name, pattern) for pattern in patterns)


def _measured(rows: Sequence[Row], shop: Workshop, *, quick: bool, markdown: bool) -> list[Outcome]:
    # A process that found stale bytecode would compile in every run where it may not write beside the source.
    for name in ("release", "bench"):
        compileall.compile_dir(ROOT / name, quiet=2)
    environment = shop.environment()
    if not markdown:
        facts = machine.facts()
        print(f"{facts['processor']}, {facts['cores']} cores, Python {facts['python']}, git {facts['git']}")
    outcomes = []
    for row in rows:
        _say(f"{row.name}: making it ready")
        contenders = _ready(row, shop)
        rounds = min(row.rounds, 3) if quick else row.rounds
        effort = Effort(rounds, limit_seconds=60, budget_seconds=5) if quick else Effort(rounds)
        before = machine.load()
        began = time.monotonic()
        results = time_in_turn(contenders, effort, environment, partial(_say_of, row))
        outcome = Outcome(row, results, before, machine.load())
        _say(f"{row.name}: measured in {time.monotonic() - began:.0f} s")
        outcomes.append(outcome)
        if not markdown:
            print("\n".join(["", *as_text(outcome)]), flush=True)
    if markdown:
        print("\n".join(as_markdown(outcomes)))
    return outcomes


def _ready(row: Row, shop: Workshop) -> Contenders:
    """A row whose repositories cannot be made is a line of the table like any other that was not measured."""
    try:
        return row.contenders(shop)
    except subprocess.CalledProcessError as error:
        return [
            Absent("release", "ours", f"git could not make its repository: {error.stderr.strip()[-200:]}")
        ]
    except (OSError, RuntimeError, ReleaseError) as error:
        return [Absent("release", "ours", f"it could not be made ready: {error}")]


@contextlib.contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Two measurements at once would measure one another."""
    held = os.open(cache, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another measurement is running: waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _say_of(row: Row, text: str) -> None:
    _say(f"{row.name}: {text}")


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
