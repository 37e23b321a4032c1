"""Events as AWS sends them, for trying a handler: of an HTTP API, of a table's stream, of a queue."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from release.core.attribute_values import item
from release.core.http_api import HttpApi, HttpCall, http_event, matched
from release.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an event says that it is from."""

    account: str
    region: str
    now: datetime  # in UTC


def apigateway(call: HttpCall, origin: Origin, *, route: str | None = None) -> dict[str, Any]:
    """One request, payload format 2.0. `route` like "GET /config/{userId}"; None: that of the path itself.

    Raises Misconfigured where the route does not take the request.
    """
    taken = route or f"{call.method} {call.path}"
    parameters = matched(taken, call.method, call.path) if route else {}
    if parameters is None:
        raise Misconfigured(
            f"the route {taken} does not take {call.method} {call.path}",
            fix="give a --path that fits: every {name} stands for one part of it",
        )
    api = HttpApi("local", origin.account, f"local.execute-api.{origin.region}.amazonaws.com", taken)
    headers = {"host": api.domain, "user-agent": "release-local", **call.headers}
    described = HttpCall(call.method, call.path, call.query, headers, call.body)
    return http_event(
        described, api, request_id=str(uuid.uuid4()), now=origin.now, path_parameters=parameters
    )


def stream(
    table: str,
    keys: Mapping[str, Any],
    origin: Origin,
    *,
    new: Mapping[str, Any] | None = None,
    old: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One change of an item: INSERT without `old`, REMOVE without `new`, else MODIFY. Images hold the keys.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    change: dict[str, Any] = {
        "ApproximateCreationDateTime": int(origin.now.timestamp()),
        "Keys": item(keys),
        "SequenceNumber": str(uuid.uuid4().int)[:21],
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    for name, image in (("NewImage", new), ("OldImage", old)):
        if image is not None:
            change[name] = item({**keys, **image})
    change["SizeBytes"] = sum(len(str(one)) for one in change.values())
    record = {
        "eventID": uuid.uuid4().hex,
        "eventName": "REMOVE" if new is None else "INSERT" if old is None else "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": origin.region,
        "dynamodb": change,
        "eventSourceARN": f"arn:aws:dynamodb:{origin.region}:{origin.account}:table/{table}"
        f"/stream/{origin.now:%Y-%m-%dT%H:%M:%S.000}",
    }
    return {"Records": [record]}


def sqs(queue: str, bodies: Sequence[str], origin: Origin) -> dict[str, Any]:
    """Messages of a queue, delivered for the first time.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    sent = str(int(origin.now.timestamp() * 1000))
    return {
        "Records": [
            {
                "messageId": str(uuid.uuid4()),
                "receiptHandle": uuid.uuid4().hex,
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": sent,
                    "SenderId": origin.account,
                    "ApproximateFirstReceiveTimestamp": sent,
                },
                "messageAttributes": {},
                "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{origin.region}:{origin.account}:{queue}",
                "awsRegion": origin.region,
            }
            for body in bodies
        ]
    }
