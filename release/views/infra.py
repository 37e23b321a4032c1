"""What differs between the stacks of two commits: as a tree, as JSON, and as a comment on a pull request."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final, Literal, NamedTuple

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from release.core.infra_diff import (
    RESOURCES,
    SYMBOLS,
    Action,
    Change,
    Difference,
    Entry,
    StackDifference,
)
from release.core.infra_values import Value, shown
from release.core.markdown import plain
from release.views.markdown import LONGEST_COMMENT, fenced

_LONGEST = 100  # characters of one value
_COUNTED: Final[Mapping[str, str]] = {
    "Conditions": "condition",
    "Mappings": "mapping",
    "Outputs": "output",
    "Parameters": "parameter",
}
_STYLES: Final[Mapping[Action, str]] = {
    "add": "green",
    "modify": "yellow",
    "replace": "bold red",
    "remove": "red",
}
_IN_DIFF: Final[Mapping[str, str]] = {"+": "+", "-": "-", "~": "!", "±": "!"}  # what GitHub colours
_FORCES: Final = {"yes": "  replaces the resource", "perhaps": "  may replace the resource", "no": ""}


class Line(NamedTuple):
    """One line of a tree. `symbol` "": something that stands below an entry."""

    symbol: Literal["", "+", "~", "±", "-"]
    style: str
    text: str


def difference_text(compared: Difference) -> Iterator[RenderableType]:
    """Stacks that differ alike are shown once."""
    yield Text(f"{compared.base[:10]} → {compared.head[:10]}", style="dim")
    for note in compared.notes:
        yield Text(note, style="yellow")
    split = _split(compared.stacks)
    for group in _alike(compared.stacks):
        yield Text()
        yield Text(_heading(group, split), style="bold")
        for line in _shown(group):
            # Folded lines stand below their own beginning.
            text, depth = (f"{line.symbol} {line.text}", 2) if line.symbol else (line.text, 6)
            yield Padding(Text(text, style=line.style), (0, 0, 0, depth), expand=False)
    yield Text()
    yield Text(_summary(compared), style="bold")


def difference_json(compared: Difference) -> dict[str, Any]:
    return {
        "base": compared.base,
        "head": compared.head,
        "stacks": [
            {
                "service": stack.service,
                "stage": stack.stage,
                "stack": stack.stack,
                "regions": list(stack.regions),
                "new": stack.is_new,
                "entries": [entry_json(entry) for entry in stack.entries],
            }
            for stack in compared.stacks
        ],
        "notes": list(compared.notes),
    }


def difference_markdown(compared: Difference, longest: int = LONGEST_COMMENT) -> str:
    """For the comment on a pull request, and the summary of a run; never longer than GitHub takes."""
    text = "## Infrastructure\n\n"
    text += f"`{compared.base[:10]}` → `{compared.head[:10]}`: {_summary(compared)}.\n"
    for note in compared.notes:
        text += f"\n> {plain(note)}\n"
    for entry, stacks in _losses(compared):
        text += f"\n> **{plain(_losing(entry))}** in {plain(', '.join(stacks))}\n"
    left = 0
    split = _split(compared.stacks)
    for group in _alike(compared.stacks):
        lines = [f"{_IN_DIFF.get(one.symbol, '     ')} {one.text}" for one in _shown(group)]
        title = escape(_heading(group, split))
        heading = f"<details><summary>{title}</summary>"  # no Markdown within a tag
        part = f"\n{heading}\n\n{fenced(lines, 'diff')}\n\n</details>\n"
        if len(text) + len(part) > longest - 200:
            left += len(group)
        else:
            text += part
    if left:
        more = "1 more stack differs" if left == 1 else f"{left} more stacks differ"
        text += f"\n{more}; `release infra diff` shows all of them.\n"
    return text


def tree(stack: StackDifference) -> Iterator[Line]:
    """Every resource, output and parameter that differs, and below it its values before and after.

    Names and keys, too, are words from outside: no line of them begins another one, or moves the cursor.
    """
    for line in _tree(stack):
        yield line if line.text.isprintable() else line._replace(text=_visible(line.text))


def _visible(text: str) -> str:
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def _tree(stack: StackDifference) -> Iterator[Line]:
    if not stack.entries:
        yield Line("", "dim", "only comments, order or ways of writing differ")
    others: dict[str, int] = {}
    for entry in stack.entries:
        if stack.is_new and entry.section != RESOURCES:
            others[entry.section] = others.get(entry.section, 0) + 1
            continue
        symbol: Any = SYMBOLS[entry.action]
        yield Line(symbol, _STYLES[entry.action], _title(entry))
        for change in entry.changes:
            yield from _values(entry, change)
    if counted := [
        f"{count} {_COUNTED[name]}{'' if count == 1 else 's'}"
        for name, count in others.items()
        if name in _COUNTED
    ]:
        yield Line("", "dim", f"and {', '.join(counted)}")


def _title(entry: Entry) -> str:
    words = [entry.name if entry.section in (RESOURCES, entry.name) else f"{entry.section} {entry.name}"]
    if entry.kind:
        words.append(entry.kind)
    if (fate := _fate(entry)) is not None:
        words.append(f"({fate})")
    return "  ".join(words)


def _fate(entry: Entry) -> str | None:
    """What becomes of the resource that is there now. None: it stays."""
    if entry.section != RESOURCES or (entry.action != "remove" and entry.replacement == "no"):
        return None
    if not entry.is_known:
        return "may be replaced: this type is not known"
    word = {"remove": "removed", "replace": "replaced"}.get(entry.action, "may be replaced")
    if entry.kept:
        return f"{word}; the old one is kept, and nothing manages it any more"
    return f"{word}, and its data is lost" if entry.holds_data else word


def _values(entry: Entry, change: Change) -> Iterator[Line]:
    path = change.path.removeprefix("Properties.")
    forces = _FORCES[change.replacement] if entry.is_known else ""
    style = "red" if forces else "dim"
    if (elements := _elements(change)) is not None:
        yield from (Line("", style, f"{path}  {sign} {cut(shown(one))}{forces}") for sign, one in elements)
        return
    before = None if entry.action == "add" else change.before
    if before is None and change.after is not None:
        yield Line("", style, f"{path}  {cut(shown(change.after))}{forces}".strip())
    elif change.after is None:
        yield Line("", style, f"{path}  {cut(shown(before))} → nothing{forces}".strip())
    else:
        yield Line("", style, f"{path}  {cut(shown(before))} → {cut(shown(change.after))}{forces}".strip())


def _elements(change: Change) -> Sequence[tuple[str, Value]] | None:
    """What a list has gained and lost. None: no list, or one whose order alone differs."""
    old, new = change.before, change.after
    if old is None or new is None or isinstance(old, str | Mapping) or isinstance(new, str | Mapping):
        return None
    lost = [("-", one) for one in old if one not in new]
    gained = [("+", one) for one in new if one not in old]
    return [*lost, *gained] or None


def cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def _alike(stacks: Sequence[StackDifference]) -> Sequence[Sequence[StackDifference]]:
    """Stacks of one service that differ alike, but for the stage's name; in the order of the first."""
    groups: dict[tuple[str, str], list[StackDifference]] = {}
    for stack in stacks:
        lines = _without_stage("\n".join("".join(line) for line in tree(stack)), stack.stage)
        groups.setdefault((stack.service, lines), []).append(stack)
    return list(groups.values())


def _shown(group: Sequence[StackDifference]) -> Iterator[Line]:
    """The tree of stacks that differ alike; of several, `{stage}` stands for the name of each."""
    for line in tree(group[0]):
        text = line.text if len(group) == 1 else _without_stage(line.text, group[0].stage)
        yield line._replace(text=text)


def _without_stage(text: str, stage: str) -> str:
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(stage)}(?![A-Za-z0-9])", "{stage}", text)


def _split(stacks: Sequence[StackDifference]) -> frozenset[str]:
    """Names of stacks that are not alike in all regions of their stage, as AWS has them."""
    names = [stack.stack for stack in stacks]
    return frozenset(name for name in names if names.count(name) > 1)


def _heading(group: Sequence[StackDifference], split: frozenset[str]) -> str:
    stages = ", ".join(
        f"{stack.stage} ({', '.join(stack.regions)})" if stack.stack in split else stack.stage
        for stack in group
    )
    return f"{group[0].service} in {stages}{' (new stack)' if group[0].is_new else ''}"


def _summary(compared: Difference) -> str:
    if not compared.stacks:
        return "no stack differs"
    counts = dict.fromkeys(SYMBOLS, 0)
    for stack in compared.stacks:
        for entry in stack.entries:
            if entry.section == RESOURCES:
                counts[entry.action] += 1
    words = {"add": "added", "modify": "modified", "replace": "replaced", "remove": "removed"}
    resources = ", ".join(f"{count} {words[action]}" for action, count in counts.items() if count)
    stacks = f"{len(compared.stacks)} stack{'s differ' if len(compared.stacks) != 1 else ' differs'}"
    return f"{stacks}; resources: {resources or 'none'}"


def _losses(compared: Difference) -> Sequence[tuple[Entry, list[str]]]:
    found: dict[tuple[str, str, str], tuple[Entry, list[str]]] = {}
    for stack in compared.stacks:
        for entry in stack.entries:
            if entry.loses_data:
                key = stack.service, entry.name, entry.action
                found.setdefault(key, (entry, []))[1].append(stack.stack)
    return list(found.values())


def _losing(entry: Entry) -> str:
    perhaps = "" if entry.action in ("remove", "replace") else "may be "
    word = "removed" if entry.action == "remove" else f"{perhaps}replaced"
    return f"{entry.name} ({entry.kind}) is {word}, and its data is lost".replace("is may be", "may be")


def entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "section": entry.section,
        "name": entry.name,
        "type": entry.kind or None,
        "action": entry.action,
        "replacement": entry.replacement,
        "holds_data": entry.holds_data,
        "kept": entry.kept,
        "type_known": entry.is_known,
        "changes": [
            {
                "path": change.path,
                "before": change.before,
                "after": change.after,
                "replacement": change.replacement,
            }
            for change in entry.changes
        ],
    }
