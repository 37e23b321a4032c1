"""What calls functions, and what becomes of what they could not handle."""

from collections.abc import Iterator, Mapping
from typing import Final

from release.core.infra_values import Template, mapping
from release.core.policies.policy import (
    Breach,
    Node,
    Policy,
    Resource,
    elements,
    is_dynamic,
    is_true,
    names_of,
    number,
    possible,
    resources,
    said,
)

_MAPPING: Final = "AWS::Lambda::EventSourceMapping"
# kind -> where it names the function; `*` is every element of a list
_CALLERS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    _MAPPING: (("FunctionName",),),
    "AWS::ApiGateway::Authorizer": (("AuthorizerUri",),),
    "AWS::ApiGateway::Method": (("Integration", "Uri"),),
    "AWS::ApiGatewayV2::Api": (("Target",),),
    "AWS::ApiGatewayV2::Authorizer": (("AuthorizerUri",),),
    "AWS::ApiGatewayV2::Integration": (("IntegrationUri",),),
    "AWS::Events::Rule": (("Targets", "*", "Arn"),),
    "AWS::Lambda::Permission": (("FunctionName",),),
    "AWS::Logs::SubscriptionFilter": (("DestinationArn",),),
    "AWS::Pipes::Pipe": (("Enrichment",), ("Target",)),
    "AWS::S3::Bucket": (("NotificationConfiguration", "LambdaConfigurations", "*", "Function"),),
    "AWS::SNS::Subscription": (("Endpoint",),),
    "AWS::SNS::Topic": (("Subscription", "*", "Endpoint"),),
    "AWS::Scheduler::Schedule": (("Target", "Arn"),),
    "AWS::SecretsManager::RotationSchedule": (("RotationLambdaARN",),),
}
# These are there before the alias is: a property of theirs may stand behind AliasExists, not they.
_BEFORE: Final = ("AWS::S3::Bucket", "AWS::SNS::Topic")
# These name the function and the alias in two properties.
_QUALIFIED: Final = ("AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Url")
_TIMES: Final = 6  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
_QUEUE_DEFAULT_SECONDS: Final = 30
_FUNCTION_DEFAULT_SECONDS: Final = 3


def _callers(template: Template) -> Iterator[tuple[Resource, tuple[str | int, ...], Node]]:
    """What calls a function, and how it names it."""
    functions = {one.name for one in resources(template, "AWS::Lambda::Function")}
    for caller in resources(template, *_CALLERS):
        for path in _CALLERS[caller.kind]:
            for where, named in _at(caller.properties, path, ()):
                # A parameter or an import may be anything: what only a caller of the stack knows passes.
                nameless = caller.kind == _MAPPING and not names_of(named) and not is_dynamic(named)
                if names_of(named) & functions or ":function:" in said(named) or nameless:
                    yield caller, where, named


def _at(
    value: Node, path: tuple[str, ...], where: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    for one in possible(value):
        if not path:
            yield where, one
        elif path[0] == "*":
            for place, element in enumerate(elements(one)):
                yield from _at(element, path[1:], (*where, place))
        else:
            yield from _at(mapping(one).get(path[0]), path[1:], (*where, path[0]))


def _on_alias(template: Template) -> Iterator[Breach]:
    for caller, where, named in _callers(template):
        if not _has_qualifier(named):
            yield caller.breach("calls the function past its alias", *where)
    for caller in resources(template, *_QUALIFIED):
        if not all(_is_alias(said(one)) for one in caller.values("Qualifier")):
            yield caller.breach("is of the function, and not of its alias", "Qualifier")


def _has_qualifier(named: Node) -> bool:
    """`…function:NAME:ALIAS`, `NAME:ALIAS`, `${Function.Arn}:ALIAS`, or the same within an invocation ARN."""
    if isinstance(named, Mapping) and not {"Fn::Sub", "Fn::Join"} & set(named):
        return not names_of(named) or "Fn::ImportValue" in named
    joined = elements(mapping(named).get("Fn::Join"))
    written = said(named) if len(joined) != 2 else said(joined[0]).join(map(said, elements(joined[1])))
    text = written.partition("/invocations")[0].rpartition("functions/")[2].replace("AWS::", "")
    tail = text.rpartition("}")[2] if text.count("}") and not text.startswith("arn:") else text
    if text.startswith("arn:") and text.count(":") < 7:
        return False
    return ":" in tail and _is_alias(tail.rpartition(":")[2])


def _is_alias(qualifier: str) -> bool:
    """A version stays behind when the alias moves."""
    return qualifier not in ("", "$LATEST") and not qualifier.isdigit()


def _behind(template: Template) -> Iterator[Breach]:
    conditions = mapping(template.get("Conditions"))
    behind = {name for name, one in conditions.items() if "AliasExists" in names_of(one)}
    # one condition may ask another
    while more := {
        name for name, one in conditions.items() if name not in behind and behind & set(said(one).split())
    }:
        behind |= more
    callers = [one for one, _, _ in _callers(template)] + list(resources(template, *_QUALIFIED))
    for caller in callers:
        if caller.kind not in _BEFORE and caller.body.get("Condition") not in behind:
            yield Breach(caller.path, f"{caller.name} is made before the alias that it names")


def _streams(template: Template) -> Iterator[Resource]:
    queues = {one.name for one in resources(template, "AWS::SQS::Queue")}
    for one in resources(template, _MAPPING):
        source = one.properties.get("EventSourceArn")
        if "StartingPosition" in one.properties or not (names_of(source) & queues or ":sqs:" in said(source)):
            yield one


def _destination(template: Template) -> Iterator[Breach]:
    for one in _streams(template):
        if not all(one.values("DestinationConfig", "OnFailure", "Destination")):
            yield one.breach("loses what could not be handled", "DestinationConfig")


def _bisect(template: Template) -> Iterator[Breach]:
    for one in _streams(template):
        endless = [n for n in one.values("MaximumRetryAttempts") if n is None or n == "-1"]
        if endless or not all(map(is_true, one.values("BisectBatchOnFunctionError"))):
            yield one.breach("lets one record stop a shard for a day", "BisectBatchOnFunctionError")


def _partial(template: Template) -> Iterator[Breach]:
    for one in resources(template, _MAPPING):
        if "ReportBatchItemFailures" not in said(one.properties.get("FunctionResponseTypes")).split():
            yield one.breach("repeats what has succeeded when one item fails", "FunctionResponseTypes")


def _visibility(template: Template) -> Iterator[Breach]:
    queues = {one.name: one for one in resources(template, "AWS::SQS::Queue")}
    functions = {one.name: one for one in resources(template, "AWS::Lambda::Function")}
    for one in resources(template, _MAPPING):
        for source in names_of(one.properties.get("EventSourceArn")) & queues.keys():
            for function in names_of(one.properties.get("FunctionName")) & functions.keys():
                timeout = _seconds(functions[function], "Timeout", _FUNCTION_DEFAULT_SECONDS)
                hidden = _seconds(queues[source], "VisibilityTimeout", _QUEUE_DEFAULT_SECONDS)
                if timeout is not None and hidden is not None and hidden < _TIMES * timeout:
                    what = f"shows a message again after {hidden:g} s; {function} may take {timeout:g} s"
                    yield queues[source].breach(what, "VisibilityTimeout")


def _seconds(resource: Resource, key: str, default: int) -> float | None:
    value = resource.properties.get(key)
    return default if value is None else number(value)


def _dead_letters(template: Template) -> Iterator[Breach]:
    takes: set[str] = set()  # what other resources give up goes there
    for one in resources(template):
        for key in ("RedrivePolicy", "DestinationConfig", "DeadLetterConfig"):
            takes |= names_of(one.properties.get(key))
        for path in (("Targets", "*", "DeadLetterConfig"), ("Target", "DeadLetterConfig")):
            for _, named in _at(one.properties, path, ()):
                takes |= names_of(named)
    for queue in resources(template, "AWS::SQS::Queue"):
        if queue.name not in takes and not all(queue.values("RedrivePolicy", "deadLetterTargetArn")):
            yield queue.breach("has no queue for what cannot be handled", "RedrivePolicy")


def _kept(template: Template) -> Iterator[Breach]:
    targets: set[str] = set()
    for one in resources(template, "AWS::SQS::Queue"):
        targets |= names_of(one.properties.get("RedrivePolicy"))
    for queue in resources(template, "AWS::SQS::Queue"):
        if queue.name in targets:
            kept = [number(one) if one else 345_600.0 for one in queue.values("MessageRetentionPeriod")]
            if any(one is not None and one < 1_209_600 for one in kept):
                yield queue.breach("forgets failures before anybody has looked", "MessageRetentionPeriod")


def _undelivered(template: Template) -> Iterator[Breach]:
    """Who calls without waiting tries for a day (https://docs.aws.amazon.com/eventbridge/latest/userguide/
    eb-rule-dlq.html) or a few minutes, and then nobody has the event any more.
    """
    for rule in resources(template, "AWS::Events::Rule"):
        for place, target in enumerate(elements(rule.properties.get("Targets"))):
            for one in possible(target):
                if not all(possible(mapping(mapping(one).get("DeadLetterConfig")).get("Arn"))):
                    yield rule.breach("loses events that were not taken", "Targets", place)
    for schedule in resources(template, "AWS::Scheduler::Schedule"):
        if not all(schedule.values("Target", "DeadLetterConfig", "Arn")):
            yield schedule.breach("loses events that were not taken", "Target")
    for told in resources(template, "AWS::SNS::Subscription"):
        calls = {"lambda", "http", "https"} & {said(one) for one in told.values("Protocol")}
        if calls and not all(told.values("RedrivePolicy")):
            yield told.breach("loses messages that were not taken", "RedrivePolicy")


POLICIES: Final = (
    Policy("R0801", "What calls a function names its alias", "write !Sub ${Function.Arn}:ALIAS", _on_alias),
    Policy(
        "R0802",
        "What names the alias stands behind AliasExists",
        "add Condition: HasAlias, which asks the parameter AliasExists (stack.j2)",
        _behind,
    ),
    Policy(
        "R0803", "A stream has a destination for failures", "set DestinationConfig (trigger.j2)", _destination
    ),
    Policy(
        "R0804",
        "A stream halves a batch that fails, and gives up",
        "set BisectBatchOnFunctionError: true and MaximumRetryAttempts",
        _bisect,
    ),
    Policy(
        "R0805",
        "A batch fails item by item",
        "set FunctionResponseTypes: [ReportBatchItemFailures]",
        _partial,
    ),
    Policy(
        "R0806",
        "A message stays hidden for six time-outs",
        "set VisibilityTimeout to six times the function's Timeout",
        _visibility,
    ),
    Policy("R0807", "A queue has one for failures", "set RedrivePolicy (queue.j2)", _dead_letters),
    Policy(
        "R0808",
        "Failures are kept for two weeks",
        "set MessageRetentionPeriod: 1209600",
        _kept,
    ),
    Policy(
        "R0809",
        "What calls without waiting has a queue for failures",
        "set DeadLetterConfig of the target, or RedrivePolicy of the subscription (queue.j2)",
        _undelivered,
    ),
)
