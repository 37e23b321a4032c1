"""Workflow runs: dispatched, waiting for reviewers, approved; nothing runs here, a test says what became of
them.

https://docs.github.com/rest/actions/workflow-runs and https://docs.github.com/rest/actions/workflows
"""

from collections.abc import Mapping
from typing import Any

from release.sandbox.forge import environments, shapes
from release.sandbox.forge.dispatch_inputs import inputs_of, parsed
from release.sandbox.forge.git_objects import GitObjects
from release.sandbox.forge.state import ForgeState, Job, Review, Run, now
from release.sandbox.forge.wire import Answer, Asked, Refused, not_found, paged

_FOLDER = ".github/workflows/"


class Runs:
    def __init__(self, state: ForgeState) -> None:
        self._state = state

    def listed(self, asked: Asked) -> Answer:
        """Newest first; of one workflow where the path names it."""
        found = [one for one in reversed(asked.repository.runs) if _is_asked_for(one, asked)]
        workflow = asked.question.parameters.get("workflow_id")
        if workflow is not None:
            path = self._workflow(asked, workflow)
            found = [one for one in found if one.workflow == path]
        page, links = paged(asked.question, found)
        shown = [self._shown(asked, one) for one in page]
        return Answer(200, {"total_count": len(found), "workflow_runs": shown}, headers=links)

    def get(self, asked: Asked) -> Answer:
        return Answer(200, self._shown(asked, _found(asked)))

    def jobs(self, asked: Asked) -> Answer:
        run = _found(asked)
        page, links = paged(asked.question, run.jobs)
        shown = [self._job_shown(asked, run, one) for one in page]
        return Answer(200, {"total_count": len(run.jobs), "jobs": shown}, headers=links)

    def approvals(self, asked: Asked) -> Answer:
        """Newest first."""
        run, place = _found(asked), asked.question.place
        shown = []
        for review in reversed(run.reviews):
            named = [environments.find(asked.repository, name) for name in review.environments]
            shown.append(
                {
                    "state": review.state,
                    "comment": review.comment,
                    "user": shapes.person(self._state, asked, review.user),
                    "environments": [
                        environments.brief(place, asked.repository, one) for one in named if one
                    ],
                }
            )
        return Answer(200, shown)

    def pending(self, asked: Asked) -> Answer:
        run, shown = _found(asked), []
        for name in run.waiting_for:
            environment = environments.find(asked.repository, name)
            if environment is None:
                continue
            brief = environments.brief(asked.question.place, asked.repository, environment)
            kept = ("id", "node_id", "name", "url", "html_url")
            shown.append(
                {
                    "environment": {key: brief[key] for key in kept},
                    "wait_timer": environment.wait_timer,
                    "wait_timer_started_at": run.created_at,
                    "current_user_can_approve": _may_review(asked, run, name),
                    "reviewers": environments.reviewers(self._state, asked, environment),
                }
            )
        return Answer(200, shown)

    def review(self, asked: Asked) -> Answer:
        """Approves or rejects; the deployments of what was approved are made by the jobs, so none are
        here.
        """
        run, body = _found(asked), asked.body
        by_id = {one.id: one.name for one in asked.repository.environments}
        names = [by_id.get(number, "") for number in body["environment_ids"]]
        for name in names:
            if name not in run.waiting_for:
                raise Refused(422, "There are no pending deployment requests to approve or reject")
            if not _may_review(asked, run, name):
                raise Refused(422, "You are not allowed to approve or reject deployments to this environment")
        run.reviews.append(Review(asked.caller.name, body["state"], body["comment"], names))
        run.waiting_for = [one for one in run.waiting_for if one not in names]
        if body["state"] == "rejected":
            run.status, run.conclusion = "completed", "failure"
        elif not run.waiting_for:
            run.status = "queued"
        run.updated_at = now()
        return Answer(200, [])

    def dispatch(self, asked: Asked) -> Answer:
        """A run that is queued, for a test to go on with. Its id is told only where the request asks for
        it.
        """
        body, git = asked.body, GitObjects(asked.repository.remote)
        path = self._workflow(asked, asked.name("workflow_id"))
        name: str = body["ref"].removeprefix("refs/heads/").removeprefix("refs/tags/")
        commit = git.resolve(body["ref"])
        if commit is None or commit == name:  # a branch or a tag, not a commit
            raise Refused(422, f"No ref found for: {body['ref']}")
        workflow = parsed(git.file(commit, path))
        inputs = inputs_of(workflow, body.get("inputs", {}))
        run = self.add(
            asked.repository,
            workflow=path,
            title=str(workflow.get("name", path)),
            event="workflow_dispatch",
            branch=name,
            sha=commit,
            actor=asked.caller.name,
            inputs=inputs,
        )
        if not body.get("return_run_details"):
            return Answer(204)
        address = f"{asked.api}/actions/runs/{run.id}"
        page = f"{asked.html}/actions/runs/{run.id}"
        return Answer(200, {"workflow_run_id": run.id, "run_url": address, "html_url": page})

    def add(
        self,
        repository: Any,
        *,
        workflow: str,
        title: str,
        event: str,
        branch: str,
        sha: str,
        actor: str,
        status: str = "queued",
        conclusion: str | None = None,
        triggering_actor: str | None = None,
        attempt: int = 1,
        inputs: Mapping[str, Any] | None = None,
        waiting_for: tuple[str, ...] = (),
        run_id: int | None = None,
    ) -> Run:
        at = now()
        number = 1 + sum(one.workflow == workflow for one in repository.runs)
        run = Run(
            id=run_id or self._state.new_id(),
            number=number,
            attempt=attempt,
            workflow=workflow,
            title=title,
            event=event,
            status=status,
            conclusion=conclusion,
            branch=branch,
            sha=sha,
            actor=actor,
            triggering_actor=triggering_actor or actor,
            created_at=at,
            updated_at=at,
            inputs=dict(inputs or {}),
            waiting_for=list(waiting_for),
        )
        repository.runs.append(run)
        return run

    def _workflow(self, asked: Asked, name: str) -> str:
        """The path of a workflow by its file's name: it must be on the default branch."""
        git = GitObjects(asked.repository.remote)
        head = git.resolve(git.default_branch())
        path = _FOLDER + name
        if "/" in name or head is None or git.file(head, path) is None:
            raise not_found()
        return path

    def _shown(self, asked: Asked, run: Run) -> dict[str, Any]:
        address, html = f"{asked.api}/actions/runs/{run.id}", f"{asked.html}/actions/runs/{run.id}"
        git = GitObjects(asked.repository.remote)
        repository = shapes.minimal_repository(self._state, asked.question.place, asked.repository)
        is_known = git.resolve(run.sha) is not None
        # The id of a workflow is that of its file; one number for each is enough here.
        workflow_id = self._state.id_of(f"workflow:{asked.repository.name}:{run.workflow}")
        return {
            "id": run.id,
            "node_id": shapes.node_id("WorkflowRun", run.id),
            "name": run.title,
            "display_title": run.title,
            "head_branch": run.branch,
            "head_sha": run.sha,
            "head_commit": shapes.simple_commit(git.commit(run.sha)) if is_known else None,
            "path": run.workflow,
            "run_number": run.number,
            "run_attempt": run.attempt,
            "run_started_at": run.created_at,
            "event": run.event,
            "status": run.status,
            "conclusion": run.conclusion,
            "workflow_id": workflow_id,
            "workflow_url": f"{asked.api}/actions/workflows/{workflow_id}",
            "url": address,
            "html_url": html,
            "pull_requests": [],
            "created_at": run.created_at,
            "updated_at": run.updated_at,
            "actor": shapes.person(self._state, asked, run.actor),
            "triggering_actor": shapes.person(self._state, asked, run.triggering_actor),
            "jobs_url": f"{address}/jobs",
            "logs_url": f"{address}/logs",
            "check_suite_url": f"{asked.api}/check-suites/{run.id}",
            "artifacts_url": f"{address}/artifacts",
            "cancel_url": f"{address}/cancel",
            "rerun_url": f"{address}/rerun",
            "previous_attempt_url": f"{address}/attempts/{run.attempt - 1}" if run.attempt > 1 else None,
            "repository": repository,
            "head_repository": repository,
        }

    def _job_shown(self, asked: Asked, run: Run, job: Job) -> dict[str, Any]:
        return {
            "id": job.id,
            "node_id": shapes.node_id("Job", job.id),
            "run_id": run.id,
            "run_attempt": run.attempt,
            "run_url": f"{asked.api}/actions/runs/{run.id}",
            "head_sha": run.sha,
            "head_branch": run.branch,
            "url": f"{asked.api}/actions/jobs/{job.id}",
            "html_url": f"{asked.html}/actions/runs/{run.id}/job/{job.id}",
            "check_run_url": f"{asked.api}/check-runs/{job.id}",
            "name": job.name,
            "workflow_name": run.title,
            "status": job.status,
            "conclusion": job.conclusion,
            "created_at": job.started_at,
            "started_at": job.started_at,
            "completed_at": job.completed_at,
            "labels": ["ubuntu-latest"],
            "runner_id": None,
            "runner_name": None,
            "runner_group_id": None,
            "runner_group_name": None,
            "steps": [],
        }


def _found(asked: Asked) -> Run:
    number = asked.number("run_id")
    for run in asked.repository.runs:
        if run.id == number:
            return run
    raise not_found()


def _is_asked_for(run: Run, asked: Asked) -> bool:
    query = asked.query
    fields = (("event", run.event), ("actor", run.actor), ("branch", run.branch), ("head_sha", run.sha))
    # "status" of the query is a status or a conclusion
    return all(query.get(name, have) == have for name, have in fields) and (
        "status" not in query or query["status"] in (run.status, run.conclusion)
    )


def _may_review(asked: Asked, run: Run, name: str) -> bool:
    environment = environments.find(asked.repository, name)
    if environment is None or asked.caller.login not in environment.reviewers:
        return False
    started = (run.actor, run.triggering_actor)
    return not (environment.prevent_self_review and asked.caller.login in started)
