"""`gates:` of a stage: known names and well-formed values. Whether a gate is open is decided in core."""

from collections.abc import Callable, Mapping

from release.config import reader, values
from release.config.problems import one_of, shown
from release.config.reader import Value
from release.core.models import Gate


def read(value: Value | None) -> tuple[Gate, ...] | None:
    entries = reader.table(value)
    if entries is None:
        return None
    gates = []
    for name, entry in entries.items():
        if name not in _READERS:
            entry.wrong(f"there is no gate {shown(name)}", one_of(name, tuple(_READERS)))
            continue
        gate = _READERS[name](name, entry)
        if gate is not None:
            gates.append(gate)
    return tuple(gates)


def _soak(name: str, value: Value) -> Gate | None:
    length = reader.duration(value)
    return None if length is None else Gate(name, _text_of(value), value.source, length)


def _switch(name: str, value: Value) -> Gate | None:
    on = reader.boolean(value)
    if on is False:
        # A line that reads as a gate and is none would be believed by whoever audits the file.
        value.wrong("a gate cannot be false", "take the line out")
        return None
    return None if on is None else Gate(name, "true", value.source)


def _freeze(name: str, value: Value) -> Gate | None:
    windows = reader.listing(value)
    if windows is None:
        return None
    fix = "write it as in Fri 16:00 - Mon 08:00 UTC"
    read = [reader.meaning(window, values.freeze_window, fix) for window in windows]
    setting = "; ".join(filter(None, map(_text_of, windows)))
    return Gate(name, setting, value.source, tuple(window for window in read if window is not None))


def _text_of(value: Value) -> str:
    return getattr(value.node, "text", "")


_READERS: Mapping[str, Callable[[str, Value], Gate | None]] = {
    "soak": _soak,
    "four_eyes": _switch,
    "freeze": _freeze,
    "order": _switch,
    "no_lost_commits": _switch,
    "alarms_clear": _switch,
    "signed_off": _switch,
}
