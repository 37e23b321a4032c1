"""What crosses services: the shared core, the templates, and both services together."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from release.adapters.templates import CloudFormationTemplates, packaged_macros
from release.build.documents import template_context
from release.config import load_services
from release.core.models import Service, Settings

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
