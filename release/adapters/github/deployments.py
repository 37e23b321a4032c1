"""https://docs.github.com/en/rest/deployments/deployments, and their statuses."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from release.adapters.github.client import Client, Need
from release.adapters.github.fields import number, table, text
from release.core.forge.deployments import WantedDeployment
from release.core.forge.facts import DeploymentFacts, DeploymentState, StatusFacts

_READ: Final = Need("reading deployments", "deployments: read")
_WRITE: Final = Need("recording a deployment", "deployments: write")


class GitHubDeployments:
    def __init__(self, client: Client) -> None:
        self._client = client

    def of(self, environment: str, *, since: str) -> Sequence[DeploymentFacts]:
        found = []
        for item in self._client.pages("deployments", _READ, environment=environment):
            one = _deployment(item)
            if one.created_at < since:  # GitHub lists the newest first
                break
            found.append(one)
        return found

    def status(self, deployment: int) -> StatusFacts | None:
        newest = self._client.get(f"deployments/{deployment}/statuses", _READ, per_page=1)
        if not newest:
            return None
        one = newest[0]
        state = cast(DeploymentState, text(one, "state"))
        return StatusFacts(state, text(one, "description"), text(one, "log_url"))

    def create(self, wanted: WantedDeployment) -> DeploymentFacts:
        body = {
            "ref": wanted.commit,
            "task": wanted.task,
            # What may be deployed, the gates have decided: GitHub is to ask no checks and to merge nothing.
            "auto_merge": False,
            "required_contexts": [],
            "environment": wanted.environment,
            "payload": dict(wanted.payload),
            "description": wanted.description,
            "transient_environment": False,
            "production_environment": wanted.production,
        }
        return _deployment(self._client.write("POST", "deployments", _WRITE, body))

    def add_status(self, deployment: int, status: StatusFacts) -> None:
        body: dict[str, Any] = {
            "state": status.state,
            "description": status.description,
            "auto_inactive": False,  # GitHub knows no regions; core/forge/deployments.py says why
        }
        if status.log_url:
            body["log_url"] = status.log_url
        self._client.write("POST", f"deployments/{deployment}/statuses", _WRITE, body)


def _deployment(item: Any) -> DeploymentFacts:
    return DeploymentFacts(
        id=number(item, "id"),
        environment=text(item, "environment"),
        commit=text(item, "sha"),
        created_at=text(item, "created_at"),
        payload=_payload(table(item).get("payload")),
    )


def _payload(value: Any) -> Mapping[str, Any]:
    """An object, which GitHub gives back as one or as its text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return table(value)
