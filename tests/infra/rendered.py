"""Templates as `release infra render` gives them, and what CloudFormation reads in them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from release.adapters.packaged import packaged_macros
from release.adapters.template_reader import read_template
from release.adapters.templates import CloudFormationTemplates
from release.build.documents import template_context
from release.config import load_services
from release.core.models import Service

STAGES = ("dev", "qa", "uat", "prod")
REGIONS = ("us-east-1", "us-west-2")
SYSTEMS = Path(__file__).parent / "systems"
REPOSITORY = Path(__file__).parents[2] / "services"
SERVICE = """\
team: backend
owner: orders@acme.example
data_class: {data_class}
cost_center: "4711"
runtime: python3.13
architecture: arm64
functions:
  api: {{name: "orders-{{stage}}", handler: orders.handler.handler}}
"""


def configured(name: str = "orders", text: str = "", *, data_class: str = "internal") -> Service:
    """A service by its service.yaml; `text` stands below the keys that every service has."""
    file = f"services/{name}/service.yaml"
    return load_services({file: (SERVICE.format(data_class=data_class) + text).encode()}, STAGES)[name]


def system(name: str, folder: Path = SYSTEMS) -> tuple[Service, str]:
    """A service that is kept in a folder, and its template."""
    file = f"services/{name}/service.yaml"
    service = load_services({file: (folder / name / "service.yaml").read_bytes()}, STAGES)[name]
    return service, (folder / name / "template.yaml.j2").read_text()


def rendered(service: Service, template: str, stage: str = "dev", boundary: str | None = None) -> str:
    return CloudFormationTemplates(packaged_macros()).render(
        template,
        file=f"services/{service.name}/template.yaml.j2",
        macros={},
        context=template_context(service, stage, "live", boundary),
    )


def calling(imports: Mapping[str, str], resources: str, outputs: str = "", conditions: str = "") -> str:
    """A template that calls macros: `imports` are {name in the template: file}."""
    lines = [f'{{% import "{file}" as {name} with context %}}' for name, file in imports.items()]
    blocks = {"resources": resources, "outputs": outputs or "  Stack:\n    Value: !Ref AWS::StackName"}
    if conditions:
        blocks["conditions"] = conditions
    text = [f"{{% block {name} %}}\n{content}\n{{% endblock %}}" for name, content in blocks.items()]
    return "\n".join(['{% extends "stack.j2" %}', *lines, *text]) + "\n"


def template(service: Service, text: str, stage: str = "dev", boundary: str | None = None) -> Any:
    """What CloudFormation reads: every scalar is a text."""
    return read_template(rendered(service, text, stage, boundary), service.name)
