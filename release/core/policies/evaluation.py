"""What of a template can be worked out without AWS, so that a rule sees a star however it is put together.

Parameters by their defaults (`release` sets none but AliasExists), mappings, Fn::Join, Fn::Split, Fn::Select
and Fn::Sub. What may be one of several values is written as branches of Fn::If, which rules look into anyway.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

from release.core.infra_values import Template, Value, mapping
from release.core.policies.policy import Node, possible

# Defaults of other types are names of values that AWS keeps (AWS::SSM::Parameter::Value<…>).
_LISTS: Final = ("CommaDelimitedList", "List<Number>")
_SCALARS: Final = ("String", "Number")
_VARIABLE: Final = re.compile(r"\$\{([^!][^}]*)\}")
_MOST: Final = 50  # branches of one value: a mapping of many keys is no reason to judge for minutes


def evaluated(template: Template) -> Template:
    """The template with its resources worked out as far as that goes; their paths stay as they are."""
    known = _Known(mapping(template.get("Parameters")), mapping(template.get("Mappings")))
    resources = mapping(template.get("Resources"))
    return {**template, "Resources": {name: known.value(one) for name, one in resources.items()}}


@dataclass(frozen=True, slots=True)
class _Known:
    parameters: Mapping[str, Value]
    mappings: Mapping[str, Value]

    def value(self, value: Value) -> Value:
        match value:
            case str():
                return value
            case Mapping() if len(value) == 1:
                ((key, argument),) = value.items()
                return self._called(key, argument)
            case Mapping():
                return {key: self.value(one) for key, one in value.items()}
            case _:
                return [self.value(one) for one in value]

    def _called(self, key: str, argument: Value) -> Value:
        plain: Value = {key: argument}
        match key:
            case "Ref" if isinstance(argument, str):
                default = self._default(argument)
                return plain if default is None else _branches([default, plain])
            case "Fn::FindInMap" if _is_list(argument):
                found = self._found(list(argument))
                return _branches(found[:_MOST]) if found else plain
            case "Fn::Join" if _is_list(argument) and len(argument) == 2:
                return self._joined(argument) or {key: self.value(argument)}
            case "Fn::Split" if _is_list(argument) and len(argument) == 2:
                return self._split(argument) or {key: self.value(argument)}
            case "Fn::Select" if _is_list(argument) and len(argument) == 2:
                return self._selected(argument) or {key: self.value(argument)}
            case "Fn::Sub":
                return self._substituted(argument)
        return {key: self.value(argument)}

    def _default(self, name: str) -> Node:
        parameter = mapping(self.parameters.get(name))
        default, kind = parameter.get("Default"), parameter.get("Type", "String")
        if isinstance(default, str) and kind in _LISTS:
            return [one.strip() for one in default.split(",")]
        return default if isinstance(default, str) and kind in _SCALARS else None

    def _found(self, argument: list[Value]) -> list[Value]:
        """Everything that Fn::FindInMap may give: of a key that is not known, each one."""
        levels: list[Value] = [self.mappings]
        for step in argument[:3]:
            keys = possible(self.value(step))
            sure = all(isinstance(key, str) for key in keys)
            levels = [
                one
                for level in levels
                for name, one in mapping(level).items()
                if name in keys or not (sure and set(map(str, keys)) & set(mapping(level)))
            ]
        if len(argument) > 3 and "DefaultValue" in mapping(argument[3]):
            levels.append(self.value(mapping(argument[3])["DefaultValue"]))
        return levels

    def _joined(self, argument: Sequence[Value]) -> Node:
        """A text, or Fn::Sub of one where parts of it are known to AWS alone."""
        listed = self.value(argument[1])
        if not isinstance(argument[0], str) or not _is_list(listed):
            return None
        parts = [_piece(one) for one in listed]
        return None if None in parts else _text(argument[0].join(part for part in parts if part is not None))

    def _split(self, argument: Sequence[Value]) -> Node:
        separator, text = argument[0], _first(self.value(argument[1]))
        if not (isinstance(separator, str) and separator and isinstance(text, str)):
            return None
        return list(text.split(separator))

    def _selected(self, argument: Sequence[Value]) -> Node:
        index, listed = argument[0], _first(self.value(argument[1]))
        if not isinstance(index, str) or not index.isdigit() or not _is_list(listed):
            return None
        return listed[int(index)] if int(index) < len(listed) else None

    def _substituted(self, argument: Value) -> Value:
        if isinstance(argument, str):
            return _text(argument)
        if not _is_list(argument) or len(argument) != 2 or not isinstance(argument[0], str):
            return {"Fn::Sub": argument}
        named = {name: _piece(self.value(one)) for name, one in mapping(argument[1]).items()}
        if None in named.values():
            return {
                "Fn::Sub": [
                    argument[0],
                    {name: self.value(one) for name, one in mapping(argument[1]).items()},
                ]
            }
        return _text(_VARIABLE.sub(lambda found: named.get(found[1]) or found[0], argument[0]))


def _is_list(value: Node) -> "TypeGuard[Sequence[Value]]":
    return isinstance(value, Sequence) and not isinstance(value, str)


def _first(value: Value) -> Node:
    """The default of a parameter, where the value is one; else the value."""
    return possible(value)[0]


def _piece(value: Value) -> str | None:
    """A value as a piece of the text of Fn::Sub; None: it cannot be one."""
    found = possible(value)
    if len(found) == 1 and isinstance(value, str):
        return None if "${" in value else value
    function = mapping(found[-1])  # of a parameter the reference: its default is not all that it may be
    argument = next(iter(function.values()), None) if len(function) == 1 else None
    if not isinstance(argument, str):
        return None
    if "Ref" in function or "Fn::GetAtt" in function:
        return f"${{{argument}}}"
    return argument if "Fn::Sub" in function and len(found) == 1 else None


def _text(text: str) -> Value:
    return {"Fn::Sub": text} if _VARIABLE.search(text) else text.replace("${!", "${")


def _branches(values: Sequence[Value]) -> Value:
    """As Fn::If of conditions that nobody knows."""
    first, *rest = values
    return {"Fn::If": ["", first, _branches(rest)]} if rest else first
