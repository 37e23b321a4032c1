"""A fleet whose traffic moves step by step: its services have callers, alarms, and calls that may fail."""

import json
from collections.abc import Mapping
from typing import Any

from tests.e2e import texts
from tests.e2e.fleet import World
from tests.e2e.texts import LINE, PRIMARY, REPLICA, SERVICE

# `orders` answers an HTTP API, `stock` takes messages from a queue.
CALLED, FED = "orders", "stock"

# Short time-outs allow short bakes; with callers, one that a new process meets on a busy machine.
_TIMEOUT_SECONDS, _QUIET_TIMEOUT_SECONDS = 3, 1
_ROLLOUT = '{{canary: [{steps}], bake: {bake}, min_samples: 20, alarms: ["{{function}}-errors"]}}'
HANDLER = '''\
"""Says which release it is, and fails the share of its calls that FAILS names for its region."""

import os
import random

RELEASE = "1"
FAILS = {}


def handler(event, context):
    if event.get("health_check"):
        return {"statusCode": 200, "body": RELEASE}
    if event.get("fail") or random.random() < FAILS.get(os.environ["AWS_REGION"], 0):
        raise RuntimeError("this call fails")
    for record in event.get("Records", ()):
        print("done", record["body"], RELEASE, record["attributes"]["ApproximateReceiveCount"])
    return {"statusCode": 200, "body": RELEASE}
'''
# The alarm is for people, and slower than the verdict. The route is open: load needs no signatures.
_WATCHED_AND_CALLED = """\
{% set fn = functions["api"] %}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: "{{ fn.name }}-errors"
      Namespace: AWS/Lambda
      MetricName: Errors
      Dimensions:
        - {Name: FunctionName, Value: "{{ fn.name }}"}
        - {Name: Resource, Value: "{{ fn.name }}:{{ alias }}"}
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 40
      ComparisonOperator: GreaterThanOrEqualToThreshold
      TreatMissingData: notBreaching
{% if service.name == "orders" %}
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: "{{ fn.name }}", ProtocolType: HTTP}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: $default, AutoDeploy: true}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Condition: HasAlias
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub "${ApiFunction.Arn}:{{ alias }}"
      PayloadFormatVersion: "2.0"
  Route:
    Type: AWS::ApiGatewayV2::Route
    Condition: HasAlias
    Properties:
      ApiId: !Ref Api
      RouteKey: GET /orders/{id}
      Target: !Sub integrations/${Integration}
{% endif %}
{% if service.name == "stock" %}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: "{{ fn.name }}", VisibilityTimeout: 3}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Condition: HasAlias
    Properties:
      FunctionName: !Sub "${ApiFunction.Arn}:{{ alias }}"
      EventSourceArn: !GetAtt Queue.Arn
      BatchSize: 1
{% endif %}
"""
TEMPLATE = texts.TEMPLATE.replace("events.amazonaws.com", "apigateway.amazonaws.com") + _WATCHED_AND_CALLED


def quiet(name: str) -> dict[str, str]:
    """The files of one service that nobody is to call but the release itself."""
    return service(name, timeout=_QUIET_TIMEOUT_SECONDS)


def service(name: str, timeout: int = _TIMEOUT_SECONDS) -> dict[str, str]:
    """The files of one service."""
    settings = SERVICE.replace("timeout: 10", f"timeout: {timeout}").format(name=name)
    return texts.service(name) | {
        f"services/{name}/service.yaml": settings,
        f"services/{name}/template.yaml.j2": TEMPLATE,
        f"services/{name}/{name}/handler.py": HANDLER,
    }


def rollout(steps: str = "10, 50, 100", bake: str = "3s") -> str:
    """A canary that is judged by its callers and its alarm."""
    return _ROLLOUT.format(steps=steps, bake=bake)


def probed(steps: str) -> str:
    """A canary without callers, as short as it may be."""
    return f"{{canary: [{steps}], bake: 1s, min_samples: 3, probe: true}}"


def line(primary: str, replica: str) -> dict[str, str]:
    """Stages whose last one has these rollouts in its two regions."""
    prod = f"{{{PRIMARY}: {primary}, {REPLICA}: {replica}}}"
    return {
        "dev": LINE["dev"],
        "qa": LINE["qa"],
        "prod": f"{{name: prod, channel: gold, after: qa, rollout: {prod}}}",
    }


def failing(**shares: float) -> str:
    """A handler that fails these shares of its calls: `us_east_1=0.2`."""
    fails = {region.replace("_", "-"): share for region, share in shares.items()}
    return HANDLER.replace("FAILS = {}", f"FAILS = {fails!r}")


def weights(alias: Mapping[str, Any]) -> Mapping[str, float]:
    """The additional versions of an alias, as AWS shows it."""
    found: Mapping[str, float] = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return found


def processed(world: World, region: str) -> dict[str, int]:
    """Message -> the try in which it was taken, as the logs of `stock` in prod say it."""
    logs = world.fleet.client("logs", world.accounts["prod"], region)
    # Start and end of each call are three more lines, and the sandbox tells of 10,000 without a second page.
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{FED}-prod", filterPattern="done"
    )
    lines = [event["message"] for page in pages for event in page["events"]]
    words = [line.split() for line in lines if line.startswith("done ")]
    return {message: int(tries) for _, message, _release, tries in words}


def fail_calls(world: World, name: str, times: int, region: str = PRIMARY) -> None:
    """Calls through the alias that fail whatever serves, until the function's alarm fires."""
    functions = world.functions("prod", region)
    for _ in range(times):
        answer = functions.invoke(
            FunctionName=f"{name}-prod", Qualifier="live", Payload=json.dumps({"fail": True}).encode()
        )
        assert "FunctionError" in answer
    alarms = world.fleet.client("cloudwatch", world.accounts["prod"], region)
    asked: Mapping[str, list[str]] = {"AlarmNames": [f"{name}-prod-errors"]}
    world.until(lambda: alarms.describe_alarms(**asked)["MetricAlarms"][0]["StateValue"] == "ALARM")
