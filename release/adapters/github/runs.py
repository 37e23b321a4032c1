"""https://docs.github.com/en/rest/actions/workflow-runs, their jobs and approvals, and starting one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from release.adapters.github.client import Client, Need, part
from release.adapters.github.fields import listed, maybe, number, table, text
from release.core.forge.facts import Approval, JobFacts, RunFacts

_READ: Final = Need("reading workflow runs", "actions: read")
_APPROVALS: Final = Need("asking who has approved the run", "actions: read")
_START: Final = Need("starting a workflow", "actions: write")


class GitHubRuns:
    def __init__(self, client: Client) -> None:
        self._client = client

    def run(self, id: int, *, at_once: bool = False) -> RunFacts | None:
        ask = self._client.get_at_once if at_once else self._client.get_or_none
        found = ask(f"actions/runs/{id}", _READ)
        return None if found is None else _run(found)

    def runs(
        self, workflow: str, *, event: str | None = None, since: str | None = None
    ) -> Iterator[RunFacts]:
        query = {"event": event, "created": f">={since}" if since else None}
        asked = {key: value for key, value in query.items() if value is not None}
        path = f"actions/workflows/{part(workflow)}/runs"
        return map(_run, self._client.pages(path, _READ, under="workflow_runs", **asked))

    def jobs(self, run: int) -> Sequence[JobFacts]:
        items = self._client.pages(f"actions/runs/{run}/jobs", _READ, under="jobs", filter="latest")
        return [_job(item) for item in items]

    def approvals(self, run: int) -> Sequence[Approval]:
        """https://docs.github.com/en/rest/actions/workflow-runs#get-the-review-history-for-a-workflow-run:
        all of it in one page.
        """
        found = self._client.get(f"actions/runs/{run}/approvals", _APPROVALS)
        return [_approval(item) for item in found or ()]

    def waiting(self, run: int) -> Sequence[str]:
        """https://docs.github.com/en/rest/actions/workflow-runs#get-pending-deployments-for-a-workflow-run"""
        found = self._client.get(f"actions/runs/{run}/pending_deployments", _READ)
        return [text(table(one).get("environment"), "name") for one in found or ()]

    def dispatch(self, workflow: str, *, ref: str, inputs: Mapping[str, str]) -> int | None:
        body = {"ref": ref, "inputs": dict(inputs), "return_run_details": True}
        answer = self._client.write("POST", f"actions/workflows/{part(workflow)}/dispatches", _START, body)
        started = table(answer).get("workflow_run_id")
        return started if isinstance(started, int) else None


def _run(item: Any) -> RunFacts:
    return RunFacts(
        id=number(item, "id"),
        attempt=table(item).get("run_attempt") or 1,
        workflow=text(item, "path").partition("@")[0],
        event=text(item, "event"),
        status=text(item, "status"),
        conclusion=maybe(item, "conclusion"),
        commit=text(item, "head_sha"),
        branch=maybe(item, "head_branch"),
        title=text(item, "display_title"),
        actor=text(table(item).get("actor"), "login"),
        created_at=text(item, "created_at"),
        url=text(item, "html_url"),
    )


def _job(item: Any) -> JobFacts:
    return JobFacts(
        id=number(item, "id"),
        name=text(item, "name"),
        status=text(item, "status"),
        conclusion=maybe(item, "conclusion"),
        url=text(item, "html_url"),
    )


def _approval(item: Any) -> Approval:
    return Approval(
        login=text(table(item).get("user"), "login"),
        state=cast(Any, text(item, "state")),
        environments=tuple(text(one, "name") for one in listed(item, "environments")),
    )
