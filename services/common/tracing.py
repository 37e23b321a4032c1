"""Subsegments for X-Ray: names and times of what a call does, and nothing of what it is about.

Powertools' Tracer needs aws-xray-sdk, and that one botocore in the archive: 14 MB, for a datagram of JSON to
the daemon beside the function. So this writes the datagram. Only calls that Lambda has sampled (5 % of them,
`tracing` in service.yaml) are traced; the others pay nothing.
https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon
"""

import json
import os
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_HEADER = b'{"format":"json","version":1}\n'
_parent: ContextVar[str | None] = ContextVar("parent", default=None)


@contextmanager
def subsegment(name: str, **annotations: str | bool) -> Iterator[None]:
    """Time what happens inside as `name`. A failure is marked by its class; its words stay inside.

    `annotations` are words that traces can be searched by: never data.
    """
    sampled = _sampled(os.environ.get("_X_AMZN_TRACE_ID", ""))
    if sampled is None:
        yield
        return
    trace, outer = sampled
    own = secrets.token_hex(8)
    segment: dict[str, object] = {
        "name": name,
        "id": own,
        "trace_id": trace,
        "parent_id": _parent.get() or outer,
        "type": "subsegment",
        "start_time": time.time(),
        "annotations": annotations,
    }
    mark = _parent.set(own)
    try:
        yield
    except BaseException as error:
        segment["fault"] = True
        segment["annotations"] = {**annotations, "exception": type(error).__name__}
        raise
    finally:
        _parent.reset(mark)
        segment["end_time"] = time.time()
        _send(segment)


def _sampled(header: str) -> tuple[str, str] | None:
    """(trace id, parent id) of `Root=1-…;Parent=…;Sampled=1`, None when the call is not sampled."""
    parts = dict(part.split("=", 1) for part in header.split(";") if "=" in part)
    if parts.get("Sampled") != "1" or not parts.get("Root") or not parts.get("Parent"):
        return None
    return parts["Root"], parts["Parent"]


def _send(segment: Mapping[str, object]) -> None:
    host, _, port = os.environ.get("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000").rpartition(":")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(_HEADER + json.dumps(segment).encode(), (host, int(port)))
    except (OSError, ValueError):
        return  # a trace that is lost is no reason to fail the call
