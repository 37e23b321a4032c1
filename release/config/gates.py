"""`gates:` of a stage: known names and well-formed values. Whether a gate can act yet is not decided here."""

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
        if name not in _SETTINGS:
            entry.wrong(f"there is no gate {shown(name)}", one_of(name, tuple(_SETTINGS)))
            continue
        setting = _SETTINGS[name](entry)
        if setting is not None:
            gates.append(Gate(name, setting, entry.source))
    return tuple(gates)


def _soak(value: Value) -> str | None:
    length = reader.duration(value)
    return None if length is None else reader.text(value)


def _switch(value: Value) -> str | None:
    on = reader.boolean(value)
    if on is False:
        # A line that reads as a gate and is none would be believed by whoever audits the file.
        value.wrong("a gate cannot be false", "take the line out")
        return None
    return None if on is None else "true"


def _freeze(value: Value) -> str | None:
    windows = reader.listing(value)
    if windows is None:
        return None
    for window in windows:
        reader.meaning(window, values.freeze_window, "write it as in Fri 16:00 - Mon 08:00 UTC")
    return "; ".join(filter(None, map(_text_of, windows)))


def _text_of(value: Value) -> str:
    return getattr(value.node, "text", "")


_SETTINGS: Mapping[str, Callable[[Value], str | None]] = {
    "soak": _soak,
    "four_eyes": _switch,
    "freeze": _freeze,
    "order": _switch,
    "no_lost_commits": _switch,
    "alarms_clear": _switch,
    "signed_off": _switch,
}
