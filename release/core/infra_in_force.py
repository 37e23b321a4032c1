"""What of a template is in force in one place: conditions are answered, and branches behind them taken."""

from collections.abc import Mapping, Sequence
from typing import Final

from release.core.infra_values import Template, Value, function_of, mapping
from release.core.models import Place

_NO_VALUE: Final = {"Ref": "AWS::NoValue"}
_GUARDED: Final = ("Resources", "Outputs")  # sections whose entries may stand behind a condition


def in_force(template: Template, parameters: Mapping[str, str], place: Place, stack: str) -> Template:
    """The template without what a condition keeps out; references to parameters and mappings are resolved.

    `parameters`: values that the stack has; the others take their defaults. What only CloudFormation can tell
    (an import, a parameter of SSM) stays as it is written, and what stands behind it counts as in force.
    """
    return _Reader(template, parameters, place, stack).read()


class _Reader:
    def __init__(self, template: Template, parameters: Mapping[str, str], place: Place, stack: str) -> None:
        self._template = template
        declared = mapping(template.get("Parameters"))
        defaults = {
            name: default
            for name, one in declared.items()
            if isinstance(default := mapping(one).get("Default"), str)
        }
        self._known = {
            **defaults,
            **{name: value for name, value in parameters.items() if name in declared},
            "AWS::Region": place.region,
            "AWS::AccountId": place.account,
            "AWS::StackName": stack,
        }
        for name, one in declared.items():
            kind = mapping(one).get("Type")
            if kind not in ("String", "Number"):  # a list, or what AWS looks up when the stack is updated
                self._known.pop(name, None)
        self._conditions: dict[str, bool | None] = {}

    def read(self) -> Template:
        found: dict[str, Value] = {}
        for section, value in self._template.items():
            if section in _GUARDED and isinstance(value, Mapping):
                found[section] = {
                    name: self._resolved(one)
                    for name, one in value.items()
                    if self._condition(mapping(one).get("Condition")) is not False
                }
            else:
                found[section] = value
        return found

    def _condition(self, name: "Value | None") -> bool | None:
        """None: nobody but CloudFormation knows. No condition at all is one that holds."""
        if name is None:
            return True
        if not isinstance(name, str):
            return None
        if name not in self._conditions:
            self._conditions[name] = None  # a condition that leads to itself
            said = mapping(self._template.get("Conditions")).get(name)
            self._conditions[name] = self._holds(said) if said is not None else None
        return self._conditions[name]

    def _holds(self, said: Value) -> bool | None:
        if not isinstance(said, Mapping) or (name := function_of(said)) is None:
            return None
        argument = said[name]
        if name == "Condition":
            return self._condition(argument)
        if isinstance(argument, str | Mapping):
            return None
        if name == "Fn::Equals":
            one, other = (self._resolved(item) for item in (*argument, "", "")[:2])
            known = isinstance(one, str) and isinstance(other, str)
            return one == other if known else None
        answers = [self._holds(item) for item in argument]
        match name:
            case "Fn::Not":
                return None if answers[:1] in ([], [None]) else not answers[0]
            case "Fn::And":
                return False if False in answers else None if None in answers else True
            case "Fn::Or":
                return True if True in answers else None if None in answers else False
            case _:
                return None

    def _resolved(self, value: Value) -> Value:
        match value:
            case str():
                return value
            case Mapping() if (name := function_of(value)) is not None:
                return self._called(name, value)
            case Mapping():
                resolved = {key: self._resolved(one) for key, one in value.items()}
                return {key: one for key, one in resolved.items() if one != _NO_VALUE}
            case _:
                return [one for one in map(self._resolved, value) if one != _NO_VALUE]

    def _called(self, name: str, value: Mapping[str, Value]) -> Value:
        argument = value[name]
        if name == "Ref":
            return self._known.get(argument, value) if isinstance(argument, str) else value
        if name == "Condition":
            return value
        if not isinstance(argument, str | Mapping) and len(argument) == 3:
            if name == "Fn::If" and (holds := self._condition(argument[0])) is not None:
                return self._resolved(argument[1 if holds else 2])
            if name == "Fn::FindInMap" and (found := self._mapped(argument)) is not None:
                return found
        return {name: self._resolved(argument)}

    def _mapped(self, path: Sequence[Value]) -> "Value | None":
        found: Value | None = self._template.get("Mappings")
        for one in map(self._resolved, path):
            if not isinstance(one, str) or not isinstance(found, Mapping):
                return None
            found = found.get(one)
        return found
