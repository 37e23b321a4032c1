"""Values of CloudFormation templates: what of two differs, and how one is shown. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

# A template as it was read: `256` and `"256"` are the same to CloudFormation, so every scalar is a text.
Value: TypeAlias = "str | Sequence[Value] | Mapping[str, Value]"
Template: TypeAlias = "Mapping[str, Value]"
# The same with numbers and truth as they are written: what may be sent to CloudFormation again.
Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
Document: TypeAlias = "Mapping[str, Json]"
# path of a difference, the same without elements of lists, and both values
Differing: TypeAlias = "tuple[tuple[str, ...], tuple[str, ...], Value | None, Value | None]"

# What says who one element of a list is, in the order in which they are tried.
_KEYS: Final = ("Key", "Sid", "PolicyName", "AttributeName", "IndexName", "Name", "Id")
_UNORDERED: Final = frozenset({"Tags"})  # CloudFormation compares tags by their keys
_REFERENCES: Final = ("Ref", "Condition")


def as_template(document: Document) -> Template:
    """Every scalar as the text that it is to CloudFormation."""
    return {key: _as_value(one) for key, one in document.items()}


def _as_value(value: Json) -> Value:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return ""
        case int() | float():
            return str(value)
        case Mapping():
            return {key: _attribute(key, _as_value(one)) for key, one in value.items()}
        case _:
            return [_as_value(one) for one in value]


def _attribute(key: str, value: Value) -> Value:
    is_list = key == "Fn::GetAtt" and not isinstance(value, str | Mapping)
    names = [one for one in value if isinstance(one, str)] if is_list else []
    return ".".join(names) if is_list and len(names) == len(value) else value


def shown(value: "Value | None") -> str:
    """A value on one line, with the short form of functions."""
    match value:
        case None:
            return "nothing"
        case str():
            return value if value and value.isprintable() else json.dumps(value)
        case Mapping() if (name := function_of(value)) is not None:
            (argument,) = value.values()
            return f"!{name.removeprefix('Fn::')} {shown(argument)}"
        case Mapping():
            return "{" + ", ".join(f"{key}: {shown(one)}" for key, one in sorted(value.items())) + "}"
        case _:
            return "[" + ", ".join(map(shown, value)) + "]"


def differing(
    old: Value, new: Value, path: tuple[str, ...] = (), plain: tuple[str, ...] = ()
) -> Iterator[Differing]:
    """Every difference, by key. `path` and `plain` lead to the two values."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping) and not (function_of(old) or function_of(new)):
        for key in sorted({*old, *new}):
            below = (*path, key), (*plain, key)
            if key not in old or key not in new:
                yield *below, old.get(key), new.get(key)
            else:
                yield from differing(old[key], new[key], *below)
    elif isinstance(old, str | Mapping) or isinstance(new, str | Mapping):
        yield path, plain, old, new
    else:
        yield from _elements(old, new, path, plain)


def _elements(
    old: Sequence[Value], new: Sequence[Value], path: tuple[str, ...], plain: tuple[str, ...]
) -> Iterator[Differing]:
    olds, news = _named(old), _named(new)
    if olds is None or news is None or _key_of(old) != _key_of(new):
        yield path, plain, old, new
        return
    common = [name for name in olds if name in news]
    if common != [name for name in news if name in olds] and not _UNORDERED.intersection(path[-1:]):
        yield path, plain, old, new
        return
    for name in sorted({*olds, *news}):
        below = (*path[:-1], f"{path[-1] if path else ''}[{name}]"), plain
        if name not in olds or name not in news:
            yield *below, olds.get(name), news.get(name)
        else:
            yield from differing(olds[name], news[name], *below)


def _named(values: Sequence[Value]) -> "Mapping[str, Value] | None":
    """Elements by what says who they are. None: nothing does for all of them."""
    key = _key_of(values)
    if key is None:
        return None
    return {str(one[key]): one for one in values if isinstance(one, Mapping)}


def _key_of(values: Sequence[Value]) -> str | None:
    for key in _KEYS:
        names = [one.get(key) for one in values if isinstance(one, Mapping)]
        if len(names) == len(values) and all(isinstance(name, str) for name in names):
            return key if len({str(name) for name in names}) == len(names) else None
    return None


def mapping(value: "Value | None") -> Mapping[str, Value]:
    """The value, where it is a mapping; else an empty one."""
    return value if isinstance(value, Mapping) else {}


def function_of(value: Mapping[str, Value]) -> str | None:
    """Name of the function of CloudFormation that this calls."""
    if len(value) != 1:
        return None
    (name,) = value
    return name if name.startswith("Fn::") or name in _REFERENCES else None
