"""Frozen dataclasses to JSON and back, strictly: what a record does not know, it does not take."""

from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

_T = TypeVar("_T")


def plain(value: Any) -> Any:
    """Dataclasses to JSON; a default None or () is left out, so that a new field changes no old record."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = {item.name: (getattr(value, item.name), item.default) for item in fields(value)}
        return {
            name: plain(item)
            for name, (item, default) in pairs.items()
            if item != default or default not in (None, ())
        }
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def build(kind: type[_T], data: Any) -> _T:
    """JSON to a dataclass, strictly. Raises ValueError that names what does not fit."""
    if not isinstance(data, dict):
        raise ValueError(f"{kind.__name__}: an object is expected, not {type(data).__name__}")
    types = _types(cast(Hashable, kind))
    unknown = sorted(set(data) - set(types))
    if unknown:
        raise ValueError(f"{kind.__name__}: unknown fields {', '.join(unknown)}")
    values = {name: _value(types[name], item, f"{kind.__name__}: {name}") for name, item in data.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from error


@cache  # asked for every value of every record, of a few dozen kinds
def _origin(kind: Any) -> Any:
    return get_origin(kind)


@cache
def _arguments(kind: Any) -> tuple[Any, ...]:
    return get_args(kind)


@cache
def _types(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _value(kind: Any, data: Any, where: str) -> Any:
    """JSON to str, int, a Literal, a dataclass, a tuple of one of these, or one of these or None."""
    if _origin(kind) in (Union, UnionType):
        if data is None:
            return None
        kind = _arguments(kind)[0]
    if is_dataclass(kind):
        return build(kind, data)  # type: ignore[arg-type]
    if _origin(kind) is tuple:
        if not isinstance(data, list):
            raise ValueError(f"{where}: a list is expected, not {type(data).__name__}")
        return tuple(_value(_arguments(kind)[0], item, where) for item in data)
    words = _arguments(kind)
    if (data not in words) if words else (type(data) is not kind):
        raise ValueError(f"{where}: {data!r} is not {' or '.join(words) or kind.__name__}")
    return data
