"""HTTP APIs as AWS has them: found by whoever calls, with events and answers of payload format 2.0.

ministack looks only into the account of the caller, and nobody signs a call to an open API. Its events lack
cookies, and what it makes of a function that failed is what a REST API makes of it, not an HTTP API.
"""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from release.core.http_api import HttpApi, HttpCall, failed_answer, http_answer, http_event
from release.sandbox import emulator
from release.sandbox.compatibility import replace
from release.sandbox.emulator import Answer

_PROXY = (
    *("integration", "api_id", "stage", "path", "method", "headers", "body", "query_params", "route_key"),
    *("path_params", "authorizer_claims", "authorizer_scopes", "authorizer_lambda_context"),
    *("authorizer_iam", "owner_account_id", "owner_region", "raw_query_string"),
)


def install() -> None:
    """Replaces how an API is found by its id, for HTTP APIs and for REST APIs, and how a function is
    called.
    """
    for service, apis in (
        (emulator.apigateway, emulator.apigateway._apis),
        (emulator.apigateway_v1, emulator.apigateway_v1._rest_apis),
    ):
        replace(service, "find_api_scope", ("api_id",), _finder(apis))
    originals: list[Callable[..., Any]] = []

    async def invoke(integration: Mapping[str, Any], *asked: Any, **more: Any) -> Answer:
        if integration.get("payloadFormatVersion") == "1.0":
            answer: Answer = await originals[0](integration, *asked, **more)
            return answer
        return await _invoke(integration, dict(zip(_PROXY[1:], asked, strict=False)) | more)

    originals.append(replace(emulator.apigateway, "_invoke_lambda_proxy", _PROXY, invoke))


def _finder(apis: Any) -> Callable[[str], tuple[str, str] | None]:
    def find(api_id: str) -> tuple[str, str] | None:
        """The account and region that own the API."""
        for (account, region, known_id), _api in apis.all_items():
            if known_id == api_id:
                return account, region
        return None

    return find


async def _invoke(integration: Mapping[str, Any], asked: Mapping[str, Any]) -> Answer:
    lambdas, apis = emulator.lambda_service, emulator.apigateway
    reference = apis._extract_lambda_ref_from_integration_uri(integration.get("integrationUri", ""))
    function, config, _ = lambdas._get_func_record_for_ref_in_scope(
        reference, account_id=asked["owner_account_id"], region=asked["owner_region"]
    )
    if function is None or config is None:
        return _sent(failed_answer())
    record = lambdas._execution_record_for_config(function, config)
    result = await apis.run_reentrant(
        lambdas._execute_function_with_config_scope, record, _event(asked), thread_name="http-api-invoke"
    )
    if result.get("throttle") or result.get("error"):
        return _sent(failed_answer())
    return _sent(http_answer(result.get("body")))


def _event(asked: Mapping[str, Any]) -> dict[str, Any]:
    api_id: str = asked["api_id"]
    headers = {name.lower(): value for name, value in asked["headers"].items()}
    call = HttpCall(
        method=asked["method"],
        path=asked["path"],
        query=emulator.apigateway._raw_query_string(asked["query_params"], asked.get("raw_query_string")),
        headers=headers,
        body=asked["body"] or b"",
    )
    domain = f"{api_id}.execute-api.{asked['owner_region']}.amazonaws.com"
    return http_event(
        call,
        HttpApi(api_id, asked["owner_account_id"], domain, asked["route_key"], asked["stage"]),
        request_id=str(uuid.uuid4()),
        now=datetime.now(UTC),
        path_parameters=asked.get("path_params"),
        authorizer=_authorizer(asked),
    )


def _authorizer(asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if (claims := asked.get("authorizer_claims")) is not None:
        said = {name: emulator.apigateway._jwt_claim_to_string(value) for name, value in claims.items()}
        return {"jwt": {"claims": said, "scopes": asked.get("authorizer_scopes") or []}}
    if (context := asked.get("authorizer_lambda_context")) is not None:
        return {"lambda": context}
    if (caller := asked.get("authorizer_iam")) is not None:
        return {"iam": caller}
    return None


def _sent(answer: Any) -> Answer:
    headers = dict(answer.headers)
    if answer.cookies:
        headers["set-cookie"] = list(answer.cookies)
    return answer.status, headers, answer.body
