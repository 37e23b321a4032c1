"""In which order stacks change: what a stack imports is exported before, and is let go of before it goes."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from release.core.infra_values import Json


def layers(
    before: Mapping[str, Json], after: Mapping[str, Json], *, region: str, account: str
) -> tuple[tuple[str, ...], ...]:
    """Stacks in groups: those of a group may change at the same time. Where they wait for each other in a
    circle, all are in one.

    `before` and `after`: templates by stack, as they are and as they are to be.
    """
    names = sorted({*before, *after})
    given, taken = _exports(after, region, account), _imports(after, region, account)
    had, used = _exports(before, region, account), _imports(before, region, account)
    waits: dict[str, set[str]] = {name: set() for name in names}
    for name in names:
        for other in names:
            if name == other:
                continue
            if taken[name] & given[other]:
                waits[name].add(other)
            if (had[name] - given[name]) & (used[other] - taken[other]):
                waits[name].add(other)
    sorter = TopologicalSorter(waits)
    try:
        sorter.prepare()
    except CycleError:
        return (tuple(names),)
    found = []
    while sorter.is_active():
        ready = sorter.get_ready()
        found.append(tuple(sorted(ready)))
        sorter.done(*ready)
    return tuple(found)


class _Names(dict[str, frozenset[str]]):
    def __missing__(self, key: str) -> frozenset[str]:
        return frozenset()


def _exports(templates: Mapping[str, Json], region: str, account: str) -> _Names:
    found = _Names()
    for stack, template in templates.items():
        outputs = template.get("Outputs") if isinstance(template, Mapping) else None
        values = outputs.values() if isinstance(outputs, Mapping) else ()
        exports = (one.get("Export") for one in values if isinstance(one, Mapping))
        names = (one.get("Name") for one in exports if isinstance(one, Mapping))
        found[stack] = frozenset(_spoken(one, stack, region, account) for one in names) - {""}
    return found


def _imports(templates: Mapping[str, Json], region: str, account: str) -> _Names:
    return _Names(
        {
            stack: frozenset(_spoken(one, stack, region, account) for one in _imported(template)) - {""}
            for stack, template in templates.items()
        }
    )


def _imported(value: Json) -> Iterator[Json]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            if key == "Fn::ImportValue":
                yield one
            yield from _imported(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _imported(one)


def _spoken(name: Json, stack: str, region: str, account: str) -> str:
    """A name of an export, as far as the template tells it. "": it does not."""
    if isinstance(name, Mapping) and isinstance(text := name.get("Fn::Sub"), str):
        for word, value in (("StackName", stack), ("Region", region), ("AccountId", account)):
            text = text.replace("${AWS::" + word + "}", value)
        return "" if "${" in text else text
    return name if isinstance(name, str) else ""
