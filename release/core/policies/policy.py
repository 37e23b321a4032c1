"""What a policy is, and how it looks into a template. Templates are as `release.core.infra_values` has them:
every scalar is a text, functions have their long form, and Fn::GetAtt names "Resource.Attribute".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from release.core.infra_values import Template, Value, mapping

Node: TypeAlias = "Value | None"  # what stands at a place; None: nothing
Path: TypeAlias = "tuple[str | int, ...]"


@dataclass(frozen=True, slots=True)
class Breach:
    """One place of a template that a policy says no to."""

    path: Path  # ("Resources", "Bucket", "Properties", "BucketEncryption"), as far as it is there
    message: str


@dataclass(frozen=True, slots=True)
class Policy:
    """One rule for every template. What cannot be known from the template alone passes."""

    id: str  # "R0101"; never used for another rule
    title: str
    fix: str
    check: Callable[[Template], Iterable[Breach]]


@dataclass(frozen=True, slots=True)
class Resource:
    name: str
    kind: str  # "AWS::S3::Bucket"
    body: Mapping[str, Value]

    @property
    def path(self) -> Path:
        return ("Resources", self.name)

    @property
    def properties(self) -> Mapping[str, Value]:
        return mapping(self.body.get("Properties"))

    def breach(self, message: str, *below: str | int) -> Breach:
        """`below` leads from Properties to the place; what of it is not there is left out."""
        found: Node = self.properties
        path: Path = (*self.path, "Properties") if self.properties else self.path
        for step in below:
            if isinstance(found, Mapping) and step in found:
                found = found[str(step)]
            elif isinstance(found, Sequence) and not isinstance(found, str) and isinstance(step, int):
                found = found[step]
            else:
                break
            path += (step,)
        return Breach(path, f"{self.name} {message}")

    def values(self, *below: str) -> Sequence[Node]:
        """What a property may be: one value, or one for each branch of Fn::If. None: it is not there."""
        found: list[Node] = [self.properties]
        for step in below:
            found = [
                branch
                for one in found
                for branch in possible(one.get(step) if isinstance(one, Mapping) else None)
            ]
        return found


def resources(template: Template, *kinds: str) -> Iterator[Resource]:
    """Those of the kinds; none named: all."""
    for name, body in mapping(template.get("Resources")).items():
        kind = mapping(body).get("Type")
        if isinstance(kind, str) and (not kinds or kind in kinds):
            yield Resource(name, kind, mapping(body))


def elements(value: Node) -> Sequence[Value]:
    """A list as it is; anything else as a list of one: IAM and CloudFormation take both."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str | Mapping) else value


def possible(value: Node) -> Sequence[Node]:
    """The branches of Fn::If, however deep; AWS::NoValue is None."""
    if value == {"Ref": "AWS::NoValue"}:
        return (None,)
    branches = mapping(value).get("Fn::If")
    if isinstance(branches, Sequence) and not isinstance(branches, str) and len(branches) == 3:
        return [one for branch in branches[1:] for one in possible(branch)]
    return (value,)


def each(value: Node) -> Iterator[Value]:
    """Every value that a list may have, or the one that stands in its place, in whatever branch of Fn::If."""
    for one in possible(value):
        if isinstance(one, str | Mapping):
            yield one
        else:
            for element in one or ():
                yield from each(element)


def may_allow(statement: Mapping[str, Value]) -> bool:
    """Whether a statement of a policy document allows something, at least by one branch of its Effect."""
    return any(one != "Deny" for one in possible(statement.get("Effect")))


def is_true(value: Node) -> bool:
    return isinstance(value, str) and value.lower() == "true"


def is_dynamic(value: Node) -> bool:
    """A call of a function, whose value the template does not say."""
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))


def number(value: Node) -> float | None:
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def said(value: Node) -> str:
    """Every text in a value, one after the other: what a name or an ARN is made of."""
    match value:
        case None:
            return ""
        case str():
            return value
        case Mapping():
            return " ".join(said(one) for one in value.values())
        case _:
            return " ".join(map(said, value))


def names_of(value: Node) -> frozenset[str]:
    """Logical ids that a value refers to, by Ref, Fn::GetAtt or Fn::Sub."""
    found: set[str] = set()
    match value:
        case Mapping():
            for key, one in value.items():
                if key == "Ref" and isinstance(one, str):
                    found.add(one)
                elif key == "Fn::GetAtt":
                    found.add(said(one).replace(" ", ".").partition(".")[0])
                elif key == "Fn::Sub":
                    text = one if isinstance(one, str) else said(elements(one)[0] if elements(one) else None)
                    found |= {part.partition("}")[0].partition(".")[0] for part in text.split("${")[1:]}
                    found |= names_of(one if not isinstance(one, str) else None)
                else:
                    found |= names_of(one)
        case str() | None:
            pass
        case _:
            for each in value:
                found |= names_of(each)
    return frozenset(found)


def tags(resource: Resource) -> Mapping[str, str] | None:
    """What its tags say. None: they are not written down one by one."""
    found: dict[str, str] = {}
    for value in resource.values("Tags"):
        if is_dynamic(value):
            return None
        if isinstance(value, Mapping):
            found |= {key: said(one) for key, one in value.items()}
        else:
            for one in elements(value):
                if is_dynamic(one):
                    return None
                found[said(mapping(one).get("Key"))] = said(mapping(one).get("Value"))
    return found


def statements(document: Node) -> Iterator[tuple[int | None, Mapping[str, Value]]]:
    """Statements of a policy document by their place; None where there is one alone."""
    listed = mapping(document).get("Statement")
    for place, one in enumerate(elements(listed)):
        for branch in possible(one):
            yield (None if isinstance(listed, Mapping) else place), mapping(branch)
