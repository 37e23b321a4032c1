"""Queues and streams that services contend for, whatever words their templates have for one source."""

import pytest

from release.adapters.template_reader import read_template
from release.core.models import Place
from release.core.sources import Consumer, consumers, exports, line_of, shared

EAST = Place("4", "us-east-1")
QUEUE = "arn:aws:sqs:us-east-1:4:orders-prod"
OWNER = """
Parameters: {AliasExists: {Type: String, Default: "false"}}
Conditions: {HasAlias: !Equals [!Ref AliasExists, "true"]}
Resources:
  Orders: {Type: AWS::SQS::Queue, Properties: {QueueName: orders-prod}}
  Items: {Type: AWS::DynamoDB::Table, Properties: {TableName: items-prod}}
  Clicks: {Type: AWS::Kinesis::Stream, Properties: {Name: !Sub "clicks-${AWS::StackName}"}}
  Nameless: {Type: AWS::SQS::Queue}
  Trigger:
    Type: AWS::Lambda::EventSourceMapping
    Condition: HasAlias
    Properties: {EventSourceArn: SOURCE}
Outputs:
  Queue: {Value: !GetAtt Orders.Arn, Export: {Name: !Sub "${AWS::StackName}-queue"}}
  Inner: {Value: !GetAtt Orders.Arn}
  Other: {Value: !Ref Unknown, Export: {Name: other}}
"""


def of(service: str, source: str, more: str = "") -> list[Consumer]:
    """The mapping of a service whose template takes from `source`, as it is written."""
    text = OWNER.replace("SOURCE", source + (f", {more}" if more else ""))
    template = read_template(text, service)
    return list(consumers(template, service=service, stack=f"{service}-prod", place=EAST))


STREAM = "StartingPosition: LATEST"


@pytest.mark.parametrize(
    "source",
    [
        QUEUE,
        "!GetAtt Orders.Arn",
        "!GetAtt [Orders, Arn]",
        '!Sub "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:orders-prod"',
        '!Sub "${Orders.Arn}"',
        '!Sub ["arn:aws:sqs:${AWS::Region}:4:${Name}", {Name: orders-prod}]',
        '!Join [":", [arn, !Ref AWS::Partition, sqs, !Ref AWS::Region, !Ref AWS::AccountId, orders-prod]]',
        "!ImportValue orders-prod-queue",
        '!ImportValue {"Fn::Sub": "orders-${X}", "X": 1}',
    ],
)
def test_a_queue_is_the_same_in_whatever_words_it_is_named(source: str) -> None:
    exported = {
        (EAST.region, name): value
        for name, value in exports(read_template(OWNER, "orders"), stack="orders-prod", place=EAST).items()
    }
    found = shared([*of("orders", QUEUE), *of("stock", source)], exported, {})
    if "${X}" in source:  # what only CloudFormation knows is told of nobody
        assert found == ()
        return
    (blocker,) = found
    assert blocker.code == "shared-source"
    assert "orders and stock both consume the queue orders-prod in us-east-1" in blocker.message


def test_both_places_are_said_and_a_region_more_is_no_finding_more() -> None:
    two = [*of("orders", QUEUE), *of("stock", QUEUE)]
    west = [
        Consumer(one.service, one.name, "us-west-2", one.kind, one.source.replace("east-1", "west-2"))
        for one in two
    ]
    where = {("orders", "Trigger"): "services/orders/template.yaml.j2:7"}
    (blocker,) = shared([*two, *west], {}, where)
    assert "in us-east-1, us-west-2" in blocker.message
    assert blocker.message.endswith("services/orders/template.yaml.j2:7 (Trigger), stock (Trigger)")


@pytest.mark.parametrize(
    "source",
    [
        "!GetAtt Nameless.Arn",
        "!Ref Unknown",
        "!GetAtt Clicks.Arn",
        f"{QUEUE}-other",
        "!If [A, b, c]",
        "[a, b]",
        "{Fn::Sub: {a: b}}",
        '!Join [":", [a, !Ref Unknown]]',
        "!Join [!Ref Unknown, [a]]",
        '!Sub "${Unknown}"',
    ],
)
def test_what_is_not_known_to_be_the_same_is_no_finding(source: str) -> None:
    assert shared([*of("orders", source), *of("stock", source.replace("-other", "-more"))], {}, {}) == ()


def test_a_parameter_of_the_parameter_store_is_one_source() -> None:
    declared = "Parameters: {Queue: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /orders/queue}, "
    text = OWNER.replace("Parameters: {", declared).replace("SOURCE", "!Ref Queue")
    found = [
        one
        for service in ("orders", "stock")
        for one in consumers(
            read_template(text, service), service=service, stack=f"{service}-prod", place=EAST
        )
    ]
    assert [one.source for one in found] == ["parameter /orders/queue"] * 2
    assert len(shared(found, {}, {})) == 1


def test_a_stream_has_room_for_two_and_its_label_tells_nothing() -> None:
    labelled = "arn:aws:dynamodb:us-east-1:4:table/items-prod/stream/2026-11-21T09:50:01.000"
    one, other = of("orders", "!GetAtt Items.StreamArn", STREAM), of("stock", labelled, STREAM)
    assert [item.source for item in (*one, *other)] == ["dynamodb:us-east-1:4:table/items-prod/stream"] * 2
    assert shared([*one, *other], {}, {}) == ()
    (blocker,) = shared([*one, *other, *of("audit", labelled, STREAM)], {}, {})
    assert (
        "3 functions of audit and orders and stock read the stream table/items-prod/stream" in blocker.message
    )


@pytest.mark.parametrize(
    ("source", "more"),
    [
        ("arn:aws:kinesis:us-east-1:4:stream/clicks/consumer/stock:1", STREAM),  # enhanced fan-out
        ("arn:aws:kafka:us-east-1:4:cluster/c/1", f"{STREAM}, Topics: [a]"),
        ("arn:aws:rds:us-east-1:4:cluster:docs", f"{STREAM}, DocumentDBEventSourceConfig: {{}}"),
        (QUEUE, 'Enabled: "false"'),
    ],
)
def test_what_has_a_place_of_its_own_in_a_source_contends_with_nobody(source: str, more: str) -> None:
    everybody = [one for name in ("a", "b", "c") for one in of(name, source, more)]
    assert shared(everybody, {}, {}) == ()


def test_queues_of_one_broker_are_told_apart() -> None:
    broker = "arn:aws:mq:us-east-1:4:broker:b:1"
    assert shared([*of("a", broker, "Queues: [x]"), *of("b", broker, "Queues: [y]")], {}, {}) == ()
    assert len(shared([*of("a", broker, "Queues: [x]"), *of("b", broker, "Queues: [x]")], {}, {})) == 1


def test_one_service_may_consume_its_own_source_twice() -> None:
    assert shared(of("orders", QUEUE) * 2, {}, {}) == ()


def test_a_resource_is_found_where_it_is_written_not_where_it_is_referred_to() -> None:
    text = """{# Trigger is the trigger #}
  Role: {Arn: !GetAtt Trigger.Arn, Of: !Ref Trigger}
  MyTrigger: {}
{{ trigger.queue("Trigger", "api", "Orders") }}
"""
    assert line_of(text, "Trigger") == 4
    assert line_of(text, "MyTrigger") == 3
    assert line_of(text, "OrdersTrigger") is None
