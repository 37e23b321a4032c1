"""What `release local` does in the AWS of a sandbox on this machine."""

from collections.abc import Iterable, Mapping
from typing import Any

from release.adapters.aws import Aws
from release.adapters.aws.errors import translated
from release.core.models import Place
from release.core.snapshot import Invocation
from release.ports import Functions, Stacks

_LONGEST_CALL_SECONDS = 930.0  # a function may run for 15 minutes


class LocalCloud:
    """What `release local` does in the sandbox, in one place of it. Raises Misconfigured and Unavailable."""

    def __init__(self, aws: Aws, place: Place, *, stacks: Stacks, functions: Functions) -> None:
        self._aws = aws
        self._place = place
        self.stacks = stacks
        self.functions = functions

    def resources(self, stack: str) -> Mapping[str, tuple[str, str]]:
        """Logical id -> type and physical id."""
        with translated(self._place, f"reading the resources of {stack}"):
            shown = self._client("cloudformation").describe_stack_resources(StackName=stack)
        return {
            one["LogicalResourceId"]: (one["ResourceType"], one.get("PhysicalResourceId", ""))
            for one in shown["StackResources"]
        }

    def routes(self, api: str) -> tuple[str, ...]:
        """Routes of an HTTP API, sorted: "GET /price"."""
        with translated(self._place, f"reading the routes of {api}"):
            pages = self._client("apigatewayv2").get_paginator("get_routes").paginate(ApiId=api)
            return tuple(sorted(route["RouteKey"] for page in pages for route in page["Items"]))

    def tables(self) -> frozenset[str]:
        with translated(self._place, "listing tables"):
            pages = self._client("dynamodb").get_paginator("list_tables").paginate()
            return frozenset(name for page in pages for name in page["TableNames"])

    def put_items(self, table: str, items: Iterable[Mapping[str, Any]]) -> None:
        """Items in DynamoDB's words; what has the same key is replaced."""
        with translated(self._place, f"putting items into {table}"):
            for one in items:
                self._client("dynamodb").put_item(TableName=table, Item=one)

    def configuration(self, function: str, qualifier: str) -> Mapping[str, Any]:
        """As Lambda shows it."""
        with translated(self._place, f"reading the configuration of {function}"):
            answer = self._client("lambda").get_function(FunctionName=function, Qualifier=qualifier)
            found: Mapping[str, Any] = answer["Configuration"]
            return found

    def invoke(self, function: str, qualifier: str, payload: bytes) -> Invocation:
        with translated(self._place, f"invoking {function}"):
            client = self._aws.client(self._place, "lambda", attempts=1, read_timeout=_LONGEST_CALL_SECONDS)
            answer = client.invoke(FunctionName=function, Qualifier=qualifier, Payload=payload)
            return Invocation(
                status=answer["StatusCode"],
                function_error=answer.get("FunctionError"),
                executed_version=answer.get("ExecutedVersion"),
                payload=answer["Payload"].read(),
            )

    def _client(self, service: str) -> Any:
        return self._aws.client(self._place, service)
