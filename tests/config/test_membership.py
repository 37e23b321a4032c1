import pytest

from release.config import ConfigurationErrors, load_pipelines, pipeline_services, unclaimed
from release.core.models import Pipelines
from tests.config.texts import FLEET, PIPELINES

SERVICES = ("config-service", "payments-api", "price-fetcher")


def two_pipelines(fleet: str, payments: str) -> Pipelines:
    second = PIPELINES[FLEET].replace(b'["*"]', payments.encode()).replace(b'"v{', b'"payments/v{')
    first = PIPELINES[FLEET].replace(b'["*"]', fleet.encode())
    return load_pipelines({**PIPELINES, FLEET: first, "pipelines/payments.yaml": second})


def test_each_service_goes_through_the_pipeline_that_claims_it() -> None:
    pipelines = two_pipelines('["config-*", "price-*"]', '["payments-*"]')
    assert pipeline_services(pipelines, SERVICES) == {
        "fleet": ("config-service", "price-fetcher"),
        "payments": ("payments-api",),
    }


def test_a_service_cannot_be_in_two_pipelines() -> None:
    with pytest.raises(ConfigurationErrors) as caught:
        pipeline_services(two_pipelines('["*"]', '["payments-*"]'), SERVICES)
    assert caught.value.details == (
        "pipelines/payments.yaml:2: services: the service payments-api is in payments and in fleet"
        " (pipelines/fleet.yaml); change the patterns so that each service is in one pipeline",
    )


def test_a_service_in_no_pipeline_is_reported_and_stops_nobody() -> None:
    pipelines = two_pipelines('["config-*"]', '["payments-*"]')
    assert unclaimed(pipelines, SERVICES) == ("price-fetcher",)
    assert pipeline_services(pipelines, SERVICES)["fleet"] == ("config-service",)


def test_a_pipeline_may_wait_for_its_first_service() -> None:
    assert pipeline_services(load_pipelines(PIPELINES), ()) == {"fleet": ()}
