"""What runs before and after traffic moves: `migrations:` of a service, `verify:` of a stage."""

import re
import shlex
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from release.config import reader
from release.config.problems import one_of, shown
from release.config.reader import Value
from release.config.values import Grammar
from release.config.yaml_source import Listing, Table
from release.core.models import Migration, Verification

_KEYS: Final = ("function", "payload", "command", "timeout", "regions", "destructive")
_LONGEST_INVOKE: Final = timedelta(minutes=15)  # as long as a function may run
_LONGEST_PROGRAM: Final = timedelta(hours=1)  # no longer than the credentials that it gets
_ARGUMENT = Grammar(re.compile(r"[^\x00]+"), "cannot be an argument", "take the empty one or the NUL out")


def migration(value: Value | None, functions: Mapping[str, Value]) -> Migration | None:
    """`functions` are those of the service, by key."""
    if value is None:
        return None
    known = reader.fields(value, (), _KEYS)
    if ("function" in known) == ("command" in known):
        what = "names both a function and a command" if "function" in known else "names nothing to run"
        value.wrong(what, "say either `function:` (a key of this service's functions) or `command:`")
    if "payload" in known and "function" not in known:
        known["payload"].wrong("goes to a function, and none is named", "take it out, or name a `function:`")
    function = reader.text(known.get("function"))
    if function is not None and functions and function not in functions:
        known["function"].wrong(
            f"there is no function {shown(function)}", one_of(function, sorted(functions))
        )
    longest = _LONGEST_INVOKE if "function" in known else _LONGEST_PROGRAM
    given, payload = Migration(), known.get("payload")
    length = reader.duration(known.get("timeout"), longest=longest)
    regions = reader.choice(known.get("regions"), ("primary", "all"), "where a migration runs")
    return Migration(
        function=function,
        payload=given.payload if payload is None or reader.table(payload) is None else reader.plain(payload),
        command=words(known.get("command")) or (),
        timeout=given.timeout if length is None else int(length.total_seconds()),
        everywhere=regions == "all",
        destructive=reader.boolean(known.get("destructive")) or False,
    )


def verifications(value: Value | None) -> tuple[Verification, ...]:
    """Each a command, or `{command: …, timeout: …}`."""
    found: dict[tuple[str, ...], int] = {}
    made: list[Verification] = []
    for item in reader.listing(value) or ():
        known = reader.fields(item, ("command",), ("timeout",)) if isinstance(item.node, Table) else None
        command = words(item if known is None else known.get("command"))
        length = reader.duration(known.get("timeout") if known else None, longest=_LONGEST_PROGRAM)
        if not command:
            continue
        if command in found:
            what = f"{shown(shlex.join(command))} is in the list twice, first in line {found[command]}"
            item.wrong(what, "keep one of the two")
        found.setdefault(command, item.line)
        made.append(
            Verification(command) if length is None else Verification(command, int(length.total_seconds()))
        )
    return tuple(made)


def words(value: Value | None) -> tuple[str, ...] | None:
    """A program and its arguments: a list, or a text that is split as a POSIX shell splits, and no more.

    Nothing in it is expanded, and no shell ever reads it.
    """
    if value is None:
        return None
    if isinstance(value.node, Listing):
        items = [reader.text(item, _ARGUMENT) for item in reader.listing(value) or ()]
        return tuple(item for item in items if item is not None) if None not in items else None
    content = reader.text(value)
    if content is None:
        return None
    try:
        found = tuple(shlex.split(content))
    except ValueError as error:
        value.wrong(f"{shown(content)} cannot be split into words: {error}", "write a list of words")
        return None
    if not found or "\x00" in content:
        value.wrong(f"{shown(content)} is empty" if not found else "has a NUL", "write a command")
        return None
    if any(word in _OF_A_SHELL for word in found):
        value.wrong(
            f"{shown(content)} is meant for a shell, and none reads it",
            "put it into a script of the repository, and name that",
        )
        return None
    return found


_OF_A_SHELL: Final = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"})
