"""What crosses services: the shared core, the templates, and both services together."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from release.adapters.packaged import packaged_macros
from release.adapters.templates import CloudFormationTemplates
from release.build.documents import template_context
from release.config import load_services
from release.core.models import Service, Settings
from release.sandbox.session import Sandbox
from tests.services.deployed import Deploy, Deployed, client, publish, zip_of

SERVICES = Path(__file__).parents[2] / "services"
STAGES = ("dev", "qa", "uat", "prod")

for root in [*sorted(p.parent for p in SERVICES.glob("*/service.yaml")), SERVICES]:
    if str(root) not in sys.path:
        sys.path.append(str(root))


@pytest.fixture(scope="session")
def fleet() -> Mapping[str, Service]:
    """The services of this repository, as the tool loads them."""
    files = SERVICES.glob("*/service.yaml")
    return load_services({f.relative_to(SERVICES.parent).as_posix(): f.read_bytes() for f in files}, STAGES)


@pytest.fixture(scope="session")
def render(fleet: Mapping[str, Service]) -> Callable[..., str]:
    """`render(service, stage, **changed_settings)`: the template's text as a build makes it."""

    def rendered(name: str, stage: str, **changed: Any) -> str:
        file = f"services/{name}/template.yaml.j2"
        service = fleet[name]
        settings: Settings = replace(service.settings_for(stage), **changed)
        context = template_context(
            replace(service, settings={**service.settings, stage: settings}), stage, "live"
        )
        text = (SERVICES.parent / file).read_text("utf-8")
        return CloudFormationTemplates(packaged_macros()).render(text, file=file, macros={}, context=context)

    return rendered


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with Sandbox.start(settle_seconds=0.05) as sandbox:
        yield sandbox.endpoint


@pytest.fixture(scope="module")
def deploy(endpoint: str, render: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    def deployed(service: str, **changed: Any) -> Deployed:
        stacks, functions, name = (
            client(endpoint, "cloudformation"),
            client(endpoint, "lambda"),
            f"{service}-prod",
        )
        stack = {
            "StackName": name,
            "TemplateBody": render(service, "prod", **changed),
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }
        stacks.create_stack(**stack)
        stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        version = publish(endpoint, name, zip_of(service, tmp_path_factory.mktemp(service)))
        smoke = functions.invoke(FunctionName=name, Qualifier=version, Payload=b'{"health_check": true}')
        assert "FunctionError" not in smoke
        functions.create_alias(FunctionName=name, Name="live", FunctionVersion=version)
        exists = {"ParameterKey": "AliasExists", "ParameterValue": "true"}
        stacks.update_stack(**stack, Parameters=[exists])
        stacks.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        (described,) = stacks.describe_stacks(StackName=name)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        # the second update of the stack has left code and alias alone
        assert functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == version
        return Deployed(endpoint, name, json.load(smoke["Payload"]), outputs)

    return deployed
