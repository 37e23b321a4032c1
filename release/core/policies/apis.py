"""HTTP APIs and URLs of functions: who may call them."""

from collections.abc import Iterator
from typing import Final

from release.core.infra_values import Template, mapping
from release.core.policies.policy import Breach, Policy, each, resources


def _cors(template: Template) -> Iterator[Breach]:
    for api in resources(template, "AWS::ApiGatewayV2::Api"):
        cors = mapping(api.properties.get("CorsConfiguration"))
        if "*" in each(cors.get("AllowOrigins")):
            yield api.breach("answers the pages of everybody", "CorsConfiguration", "AllowOrigins")
    for url in resources(template, "AWS::Lambda::Url"):
        cors = mapping(url.properties.get("Cors"))
        if "*" in each(cors.get("AllowOrigins")):
            yield url.breach("answers the pages of everybody", "Cors", "AllowOrigins")


def _routes(template: Template) -> Iterator[Breach]:
    for route in resources(template, "AWS::ApiGatewayV2::Route", "AWS::ApiGateway::Method"):
        is_preflight = route.properties.get("HttpMethod") == "OPTIONS"
        if not is_preflight and any(one in (None, "NONE") for one in route.values("AuthorizationType")):
            yield route.breach("asks nobody who they are", "AuthorizationType")


POLICIES: Final = (
    Policy("R0901", "Pages that may call are named", "name their origins", _cors),
    Policy("R0902", "A route asks who calls", "set AuthorizationType: AWS_IAM, JWT or CUSTOM", _routes),
)
