"""HTTP APIs: the event that a function gets for a request, and what the caller gets for its answer."""

import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventV2Model

from release.sandbox.session import Sandbox
from tests.sandbox.calls import create_function
from tests.sandbox.conftest import Client

ANSWERS = """
import json
def handler(event, context):
    if event["pathParameters"]["what"] == "failure":
        raise RuntimeError("not for callers")
    if event["pathParameters"]["what"] == "nonsense":
        return {"statusCode": "soon"}
    body = json.dumps(event)
    return {"statusCode": 201, "headers": {"X-Count": 1}, "cookies": ["a=1", "b=2"], "body": body}
"""
Call = Callable[..., tuple[http.client.HTTPResponse, bytes]]


@pytest.fixture
def call(client: Client, account: str, sandbox: Sandbox) -> Call:
    """One request to an API with one route, behind a function that answers with its event."""
    function = create_function(client("lambda"), account, ANSWERS)
    apis = client("apigatewayv2")
    api = apis.create_api(Name="echo", ProtocolType="HTTP")["ApiId"]
    integration = apis.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=function["FunctionArn"],
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    apis.create_route(ApiId=api, RouteKey="ANY /echo/{what}", Target=f"integrations/{integration}")
    apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)

    def called(method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        connection = http.client.HTTPConnection(sandbox.endpoint.removeprefix("http://"), timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, f"/_aws/execute-api/{api}/$default{path}", body, named)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    return called


def test_a_request_comes_as_payload_2_and_the_answer_goes_as_it_says(call: Call) -> None:
    answer, body = call(
        "POST", "/echo/a%20b?x=1&x=%26", b"\xff", Cookie="c=1; d=2", Content_Type="application/octet-stream"
    )

    event = json.loads(body)
    parse(event=event, model=APIGatewayProxyEventV2Model)
    assert (answer.status, answer.headers["x-count"]) == (201, "1")
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert (event["rawPath"], event["rawQueryString"]) == ("/echo/a b", "x=1&x=%26")
    assert event["queryStringParameters"] == {"x": "1,&"}
    assert event["pathParameters"] == {"what": "a b"}
    assert event["cookies"] == ["c=1", "d=2"] and "cookie" not in event["headers"]
    assert (event["body"], event["isBase64Encoded"]) == ("/w==", True)


@pytest.mark.parametrize("what", ["failure", "nonsense"])
def test_a_function_that_fails_is_a_500_that_says_nothing_of_it(call: Call, what: str) -> None:
    answer, body = call("GET", f"/echo/{what}")

    assert (answer.status, body) == (500, b'{"message":"Internal Server Error"}')
