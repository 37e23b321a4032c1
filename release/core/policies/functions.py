"""Functions: what `release` owns of them, and what their variables may hold."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from release.core.infra_values import Template, mapping
from release.core.policies.policy import Breach, Node, Path, Policy, possible, resources, said

_SECRET_NAME: Final = re.compile(
    r"PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL|ACCESS_?KEY", re.IGNORECASE
)
_NO_SECRET: Final = re.compile(r"arn:|alias/|/|true$|false$|[0-9]{1,6}$|$", re.IGNORECASE)
_SECRET_VALUE: Final = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN|[a-z][a-z0-9+]*://[^/\s:@]*:[^/\s:@]+@|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|xox[abpr]-|[sr]k_(?:live|test)_|AIza[0-9A-Za-z_-]{30}|eyJ[\w-]{10,}\.eyJ|\{\{resolve:(?:secretsmanager|ssm-secure):",
    re.IGNORECASE,
)


def _owned(template: Template) -> Iterator[Breach]:
    for one in resources(template, "AWS::Lambda::Alias", "AWS::Lambda::Version"):
        yield Breach((*one.path, "Type"), f"{one.name} is an {one.kind}, which release alone owns")


def _code(template: Template) -> Iterator[Breach]:
    for function in resources(template, "AWS::Lambda::Function"):
        code = mapping(function.properties.get("Code"))
        inline = said(code.get("ZipFile")).strip()
        if inline and not inline.startswith(("raise ", "throw ")):
            yield function.breach("has code in its template that does not raise", "Code")
        elif not inline and code:
            yield function.breach("has its code from the template, and release uploads it", "Code")


def _variables(template: Template) -> Iterator[Breach]:
    for function in resources(template, "AWS::Lambda::Function"):
        variables = mapping(mapping(function.properties.get("Environment")).get("Variables"))
        for name, value in variables.items():
            for one in possible(value):
                text = one if isinstance(one, str) else said(mapping(one).get("Fn::Sub"))
                by_name = _SECRET_NAME.search(name) and text and not _NO_SECRET.match(text)
                if by_name or _SECRET_VALUE.search(text):
                    where = ("Environment", "Variables", name)
                    yield function.breach(f"shows a secret to whoever may read it: {name}", *where)


def _transform(template: Template) -> Iterator[Breach]:
    if "Transform" in template:
        yield Breach(("Transform",), f"{said(template['Transform'])} makes what nobody has compared")
    for path, macro in _macros(template, ()):
        name = said(mapping(macro).get("Name")) or "a macro"
        yield Breach(path, f"{name} makes what nobody has compared")


def _macros(value: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    """Every Fn::Transform, which may stand wherever a template has a value, and where that is."""
    match value:
        case None | str():
            pass
        case Mapping():
            for key, one in value.items():
                if key == "Fn::Transform":
                    yield (*path, key), one
                else:
                    yield from _macros(one, (*path, key))
        case _:
            for place, one in enumerate(value):
                yield from _macros(one, (*path, place))


def _urls(template: Template) -> Iterator[Breach]:
    for url in resources(template, "AWS::Lambda::Url"):
        if any(one != "AWS_IAM" for one in url.values("AuthType")):
            yield url.breach("lets everybody call", "AuthType")


def _images(template: Template) -> Iterator[Breach]:
    for function in resources(template, "AWS::Lambda::Function"):
        if function.properties.get("PackageType") == "Image":
            yield function.breach("is a container image", "PackageType")


POLICIES: Final = (
    Policy(
        "R0701",
        "No template has an alias or a version",
        "take it out: release makes versions and moves the alias",
        _owned,
    ),
    Policy("R0702", "Code in a template raises", "write the placeholder of function.j2", _code),
    Policy(
        "R0703",
        "No secret is a variable",
        "put it into Secrets Manager and name it in settings.secrets",
        _variables,
    ),
    Policy("R0704", "A function's URL asks for signatures", "set AuthType: AWS_IAM", _urls),
    Policy(
        "R0706",
        "A template is what CloudFormation gets",
        "take Transform and Fn::Transform out and write what it makes: SAM makes versions and aliases, too",
        _transform,
    ),
    Policy("R0705", "A function is no container image", "build it as a zip", _images),
)
