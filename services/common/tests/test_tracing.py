"""Subsegments as the X-Ray daemon gets them: a real socket on loopback stands in for it."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from common.middleware.tracing import trace_calls
from common.tracing import subsegment

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled="


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setenv("_X_AMZN_TRACE_ID", f"{TRACE}1")
        yield listener


def received(daemon: socket.socket) -> dict[str, Any]:
    header, _, body = daemon.recv(65_535).partition(b"\n")
    assert json.loads(header) == {"format": "json", "version": 1}
    segment: dict[str, Any] = json.loads(body)
    return segment


def test_a_sampled_call_is_a_tree_of_names_and_times(daemon: socket.socket, bench: Any) -> None:
    @trace_calls(core=lambda: bench.core)
    def handle(event: Any, context: Any) -> str:
        with subsegment("audit_table"):
            return "Jane"

    assert handle({"who": "Jane"}, bench.context) == "Jane"

    inner, outer = received(daemon), received(daemon)
    assert (inner["name"], outer["name"]) == ("audit_table", f"## {bench.core.settings.service}")
    assert (inner["parent_id"], outer["parent_id"]) == (outer["id"], "53995c3f42cd8ad8")
    assert {inner["trace_id"], outer["trace_id"]} == {"1-5759e988-bd862e3fe1be46a994272793"}
    assert re.fullmatch("[0-9a-f]{16}", inner["id"]) and inner["start_time"] <= inner["end_time"]
    assert outer["annotations"]["Service"] == bench.core.settings.service
    assert "Jane" not in json.dumps([inner, outer])


def test_a_failure_is_marked_by_its_class_alone(daemon: socket.socket) -> None:
    with pytest.raises(ValueError, match="Jane"), subsegment("database"):
        raise ValueError("Jane")

    segment = received(daemon)
    assert segment["fault"] is True and segment["annotations"] == {"exception": "ValueError"}
    assert "Jane" not in json.dumps(segment)


@pytest.mark.parametrize("header", [f"{TRACE}0", "", "Sampled=1", "nonsense"])
def test_a_call_that_is_not_sampled_sends_nothing(
    daemon: socket.socket, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    with subsegment("database"):
        pass
    daemon.setblocking(False)
    with pytest.raises(BlockingIOError):
        daemon.recv(1)


@pytest.mark.parametrize("address", ["127.0.0.1:x", "255.255.255.255:2000"])  # no port; nobody may send there
def test_a_daemon_that_cannot_be_told_fails_no_call(
    daemon: socket.socket, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", address)
    with subsegment("database"):
        pass
