"""How an invocation runs: the alias picks a version by weight, a warm worker runs it, every metric counts it.

ministack ignores alias weights, knows metrics by FunctionName only, and runs Python handlers in its own
process pool.
"""

import base64
import contextvars
import hashlib
import json
import random
import re
import time
from dataclasses import dataclass
from typing import Any

from release.sandbox import emulator
from release.sandbox.compatibility import replace
from release.sandbox.emulator import Answer
from release.sandbox.execution import execution_environment
from release.sandbox.metrics import Metrics, Point
from release.sandbox.sources import FunctionLog, Sources
from release.sandbox.worker import Program
from release.sandbox.workers import NoWorkerFree, WorkerPool

_QUALIFIER = re.compile(r":(?:[0-9]+|[$]LATEST)$")


@dataclass(slots=True)
class _Execution:
    """What the Invoke that is under way has to answer besides the payload."""

    version: str | None = None
    pending: bool = False


_EXECUTION: contextvars.ContextVar[_Execution | None] = contextvars.ContextVar("execution", default=None)


class Invocations:
    """Runs functions for every source of events; `endpoint` is the URL that handlers reach AWS by.

    `sources` says which of them run from folders; what they print is written to `log`, too.
    """

    def __init__(
        self,
        pool: WorkerPool,
        endpoint: str,
        metrics: Metrics,
        *,
        sources: Sources | None = None,
        log: FunctionLog | None = None,
        seed: int = 1,
    ) -> None:
        self._pool = pool
        self._sources = sources
        self._log = log
        self._metrics = metrics
        self._endpoint = endpoint
        self._random = random.Random(seed)  # noqa: S311 - a canary in a test repeats

    def install(self) -> None:
        service = emulator.lambda_service
        self._resolve = replace(
            service, "_effective_func_record_for_qualifier", ("func", "qualifier"), self.resolve
        )
        self._execute = replace(service, "_execute_function", ("func", "event"), self.execute)
        self._execute_warm = replace(
            service, "_execute_function_warm", ("func", "event", "request_id"), self.execute_warm
        )
        self._invoke = replace(
            service, "_invoke", ("name", "event", "headers", "path_qualifier", "query_params"), self.invoke
        )
        # `execute` counts for every source; ministack counts only for some.
        parameters = ("function_name", "duration_ms", "error", "throttle")
        replace(service, "_emit_lambda_metrics", parameters, lambda *_, **__: None)

    def resolve(self, func: dict[str, Any] | None, qualifier: str | None) -> tuple[Any, Any]:
        """An alias keeps its own ARN, so that the execution knows that it was called through the alias."""
        record, config = self._resolve(func, qualifier)
        if func is None or record is None or qualifier not in (func.get("aliases") or {}):
            return record, config
        arn = f"{_QUALIFIER.sub('', func['config']['FunctionArn'])}:{qualifier}"
        config = {**config, "FunctionArn": arn}
        return {**record, "config": config}, config

    async def invoke(
        self,
        name: str,
        event: Any,
        headers: dict[str, str],
        path_qualifier: str | None = None,
        query_params: dict[str, Any] | None = None,
    ) -> Answer:
        execution = _Execution()
        token = _EXECUTION.set(execution)
        try:
            answer: Answer = await self._invoke(name, event, headers, path_qualifier, query_params)
        finally:
            _EXECUTION.reset(token)
        status, answered, body = answer
        if execution.pending:
            return emulator.refusal(
                "ResourceConflictException",
                "The operation cannot be performed at this time. "
                "The function is currently in the following state: Pending",
                409,
            )
        if execution.version and "X-Amz-Executed-Version" in answered:
            answered["X-Amz-Executed-Version"] = execution.version
        return status, answered, body

    def execute(self, func: dict[str, Any], event: Any) -> dict[str, Any]:
        config = func.get("config") or func
        if emulator.lambda_service._function_config_scope_mismatch(config):
            # The original enters again, in the account and region of the function.
            elsewhere: dict[str, Any] = self._execute(func, event)
            return elsewhere
        name, arn = config.get("FunctionName", "unknown"), config.get("FunctionArn", "")
        qualifier = arn.split(":")[7] if arn.count(":") > 6 else None
        base = emulator.lambda_service._functions.get(name) or func
        alias = (base.get("aliases") or {}).get(qualifier)
        if alias:
            version = self._pick_version(alias)
            record = base if version == "$LATEST" else base["versions"][version]
            func = {**record, "config": {**record["config"], "FunctionArn": arn}}
        func = {**func, "concurrency": base.get("concurrency")}
        version = func["config"].get("Version", "$LATEST")
        execution = _EXECUTION.get() or _Execution()
        execution.version = execution.version or version
        if func["config"].get("State") == "Pending":
            execution.pending = True
            return {
                "body": {"errorType": "ResourceConflictException", "errorMessage": "Pending"},
                "error": True,
            }
        started, began = time.time(), time.monotonic()
        result: dict[str, Any] = self._execute(func, event)
        duration_ms = (time.monotonic() - began) * 1000
        self._metrics.record(
            _points(name, qualifier, version if alias else None, result, duration_ms), started=started
        )
        return result

    def execute_warm(self, func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        config, code = func["config"], func.get("code_zip")
        if not code or not config.get("Runtime", "").startswith("python"):
            result: dict[str, Any] = self._execute_warm(func, event, request_id)
            self._pool.trim()  # ministack's own processes count against the same cap
            return result
        program = self._program(config, code)
        try:
            outcome = self._pool.invoke(
                program, request_id, json.dumps(event).encode(), config["FunctionArn"]
            )
        except NoWorkerFree:
            throttled: dict[str, Any] = emulator.lambda_service._throttle_response(
                reason_code="ConcurrentInvocationLimitExceeded",
                msg=f"Rate Exceeded: {config['FunctionName']}",
            )
            return throttled
        if self._log:
            name, version = config["FunctionName"], config.get("Version", "$LATEST")
            self._log.write(name, version, request_id, outcome.log, failed=outcome.failed)
        result = {"body": _document(outcome.payload), "log": outcome.log}
        if outcome.failed:
            result.update(error=True, function_error="Unhandled")
        return result

    def _pick_version(self, alias: dict[str, Any]) -> str:
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        drawn = self._random.random()
        for version, weight in weights.items():
            drawn -= float(weight)
            if drawn < 0:
                return str(version)
        return str(alias["FunctionVersion"])

    def _program(self, config: dict[str, Any], code: bytes) -> Program:
        lambdas = emulator.lambda_service
        account, region = lambdas._account_region_from_function_config(config)
        name, version = config["FunctionName"], config.get("Version", "$LATEST")
        environment = execution_environment(config, account=account, region=region, endpoint=self._endpoint)
        source = self._sources.of(account, region, name) if self._sources else None
        if self._sources and source:
            environment |= self._sources.environment(source)
            layers: tuple[bytes, ...] = ()
            digest = self._sources.state(source)
        else:
            fetched = (lambdas._resolve_layer_zip(layer) for layer in config.get("Layers") or [])
            layers = tuple(layer for layer in fetched if layer)
            zips = b"".join(hashlib.sha256(zipped).digest() for zipped in (code, *layers))
            digest = base64.b64encode(hashlib.sha256(zips).digest()).decode()
        return Program(
            version_arn=f"arn:aws:lambda:{region}:{account}:function:{name}:{version}",
            handler=config["Handler"],
            timeout_seconds=float(config.get("Timeout", 3)),
            environment=tuple(sorted(environment.items())),
            digest=digest,
            code=code,
            layers=layers,
            folders=source.folders if source else (),
        )


def _document(payload: bytes) -> Any:
    """What a handler answered; bytes that it gives need not be JSON."""
    try:
        return json.loads(payload or b"null")
    except ValueError:
        return payload.decode("utf-8", errors="replace")


def _points(
    name: str, qualifier: str | None, executed_version: str | None, result: dict[str, Any], duration_ms: float
) -> list[Point]:
    """The metrics of one invocation in every set of dimensions that AWS documents for it.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html. ExecutedVersion exists for
    aliases only, and a throttled invocation is neither an invocation nor an error.
    """
    by_function = {"FunctionName": name}
    by_resource = {**by_function, "Resource": f"{name}:{qualifier}" if qualifier else name}
    dimension_sets = [{}, by_function, by_resource]
    if executed_version is not None:
        dimension_sets.append({**by_resource, "ExecutedVersion": executed_version})
    if result.get("throttle"):
        values = [("Throttles", 1.0, "Count")]
    else:
        values = [
            ("Invocations", 1.0, "Count"),
            ("Errors", float(bool(result.get("error"))), "Count"),
            ("Throttles", 0.0, "Count"),
            ("Duration", duration_ms, "Milliseconds"),
        ]
    return [
        Point(metric, value, unit, dimensions)
        for metric, value, unit in values
        for dimensions in dimension_sets
    ]
