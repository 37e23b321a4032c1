"""What stands on this machine, and what its functions print, as people read it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from release.core.local import LocalFleet, Serving
from release.core.log_lines import Invoked, LogLine, lines_of

if TYPE_CHECKING:
    from rich.console import RenderableType

_COLOURS: Final = {
    "DEBUG": "dim", "METRIC": "dim", "INFO": "green", "WARNING": "yellow", "ERROR": "bold red",
    "CRITICAL": "bold red", "FATAL": "bold red",
}  # fmt: skip


def fleet_text(
    fleet: LocalFleet,
    serving: Serving,
    *,
    seeded: Sequence[str],
    shared: Mapping[str, Sequence[str]],
    logs: str,
    tries: Sequence[str],
) -> "Iterator[RenderableType]":
    """`seeded`: a line for each file; `shared`: routes of several services; `tries`: commands."""
    yield Text.assemble(
        ("ready: ", "bold green"),
        f"stage {fleet.stage} is on this machine (account {fleet.account}, {fleet.region})",
    )
    rows: list[tuple[str, str]] = [("HTTP", serving.url)]
    for service in fleet.services:
        rows.append(("", ""))
        rows.append((service.name, ", ".join(one.name for one in service.functions)))
        rows += [("", route) for route in service.routes]
        rows += [("", f"table {name} ({logical})") for logical, name in sorted(service.tables.items())]
        rows += [("", f"queue {url}") for _, url in sorted(service.queues.items())]
        if service.database:
            rows.append(("", f"database {service.database}"))
    rows += [("", "")]
    rows += [(f"{name}", f"does not run here: {why}") for name, why in sorted(fleet.skipped.items())]
    rows += [
        (route, f"is of {' and '.join(names)}: {names[0]} answers; another one by "
         f"http://{names[1]}.localhost:{serving.url.rpartition(':')[2]}")
        for route, names in sorted(shared.items())
    ]  # fmt: skip
    rows += [("seeded", line) for line in seeded]
    rows += [
        ("AWS", f"{serving.endpoint}, access key {fleet.account}, secret sandbox"),
        ("logs", logs),
    ]
    yield _grid(rows)
    yield Text("\nnext", style="bold")
    for line in tries:
        yield Text(f"  {line}", overflow="ignore", no_wrap=True)


def _grid(rows: Sequence[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(Text(f"  {label}", style="bold"), Text(text))
    return grid


def fleet_json(
    fleet: LocalFleet, serving: Serving, *, seeded: Sequence[Mapping[str, Any]], logs: str
) -> dict[str, Any]:
    return {
        **fleet.to_json(),
        "url": serving.url,
        "endpoint": serving.endpoint,
        "pid": serving.pid,
        "logs": logs,
        "seeded": list(seeded),
    }


def log_text(invoked: Invoked) -> Iterator[Text]:
    """The lines of one invocation: time, level, function, message, keys; below it what belongs to it."""
    clock = f"{datetime.fromtimestamp(invoked.time):%H:%M:%S.%f}"[:-3]
    for line in lines_of(invoked.text):
        if not (line.message or line.text or line.keys):
            continue
        yield Text.assemble(
            (f"{clock} ", "dim"),
            (f"{line.level:<8} ", _COLOURS.get(line.level, "")),
            (f"{invoked.function} ", "cyan"),
            line.message,
            (_keys(line), "dim"),
        )
        for below in line.text.splitlines():
            yield Text(f"    {below}", style="red" if line.level in ("ERROR", "CRITICAL") else "")


def _keys(line: LogLine) -> str:
    return "".join(f" {name}={_value(value)}" for name, value in line.keys.items())


def _value(value: Any) -> str:
    is_word = isinstance(value, str) and " " not in value
    return str(value) if is_word else json.dumps(value, ensure_ascii=False)


def log_json(invoked: Invoked) -> Iterator[dict[str, Any]]:
    """Every line as it was printed; what is no JSON stands in `message`. `function` and `time` say whose."""
    for line in lines_of(invoked.text):
        try:
            document = json.loads(line.raw)
        except ValueError:
            document = {"message": line.raw}
        if not isinstance(document, dict):
            document = {"message": line.raw}
        yield {"function": invoked.function, "request_id": invoked.request_id, **document}
