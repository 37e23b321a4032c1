"""The AWS of a sandbox on this machine, whatever AWS the environment of the caller speaks of."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import botocore.session

from release.adapters.aws import Aws
from release.adapters.aws.errors import translated
from release.adapters.lambda_functions import LambdaFunctions
from release.adapters.stacks import CloudFormationStacks
from release.core.models import Place
from release.core.snapshot import Invocation

_LONGEST_CALL_SECONDS = 930.0  # a function may run for 15 minutes


class SandboxAws(Aws):
    """Clients for one endpoint and account, without anything of the caller's own configuration."""

    def __init__(self, endpoint: str, account: str) -> None:
        super().__init__()
        self._keys = {
            "endpoint_url": endpoint,
            "aws_access_key_id": account,
            "aws_secret_access_key": "sandbox",
        }

    def _role(self, place: Place) -> str | None:
        return None

    def _session(self, role: str | None, region: str) -> botocore.session.Session:
        def nobodys() -> botocore.session.Session:
            found: Any = botocore.session.Session
            session: botocore.session.Session = found(
                session_vars={
                    "profile": (None, None, None, None),
                    "config_file": (None, None, os.devnull, None),
                    "credentials_file": (None, None, os.devnull, None),
                }
            )
            return session

        return self._sessions.get(None, nobodys)

    def _make_client(
        self, role: str | None, region: str, service: str, attempts: int, read_timeout: float, **keys: Any
    ) -> Any:
        return super()._make_client(role, region, service, attempts, read_timeout, **self._keys, **keys)


class LocalCloud:
    """What `release local` does in the sandbox, in one place of it. Raises Misconfigured and Unavailable."""

    def __init__(self, endpoint: str, place: Place) -> None:
        self._aws = SandboxAws(endpoint, place.account)
        self._place = place
        self.stacks = CloudFormationStacks(self._aws)
        self.functions = LambdaFunctions(self._aws)

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
            found: Mapping[str, Any] = self._client("lambda").get_function_configuration(
                FunctionName=function, Qualifier=qualifier
            )
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
