"""The design's examples as they stand, ways to write them otherwise, and what loading complains about."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from release.config import ConfigurationErrors, load_pipelines, load_services
from release.errors import ExitCode

EXAMPLES = Path(__file__).parent / "examples"
ENVIRONMENTS = "pipelines/environments.yaml"
FLEET = "pipelines/fleet.yaml"
SERVICE = "services/price-fetcher/service.yaml"
STAGES = ("dev", "qa", "uat", "prod")

PIPELINES: Mapping[str, bytes] = {
    ENVIRONMENTS: (EXAMPLES / "environments.yaml").read_bytes(),
    FLEET: (EXAMPLES / "fleet.yaml").read_bytes(),
}
SERVICES: Mapping[str, bytes] = {SERVICE: (EXAMPLES / "service.yaml").read_bytes()}


def with_text(texts: Mapping[str, bytes], file: str, old: str, new: str) -> dict[str, bytes]:
    """The texts with one place written otherwise."""
    content = texts[file].decode()
    assert content.count(old) >= 1, f"{old!r} is not in {file}: this test tests nothing"
    return {**texts, file: content.replace(old, new, 1).encode()}


def pipelines_with(file: str, old: str, new: str) -> dict[str, bytes]:
    return with_text(PIPELINES, file, old, new)


def service_with(old: str, new: str) -> dict[str, bytes]:
    return with_text(SERVICES, SERVICE, old, new)


def pipeline_complaints(texts: Mapping[str, bytes]) -> tuple[str, ...]:
    return _complaints(lambda: load_pipelines(texts))


def service_complaints(texts: Mapping[str, bytes]) -> tuple[str, ...]:
    return _complaints(lambda: load_services(texts, STAGES))


def _complaints(load: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(ConfigurationErrors) as caught:
        load()
    assert caught.value.exit_code is ExitCode.MISCONFIGURED
    assert caught.value.fix
    assert all(problem.fix for problem in caught.value.problems)
    return caught.value.details
