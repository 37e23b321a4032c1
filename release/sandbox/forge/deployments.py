"""Deployments and what became of them: https://docs.github.com/rest/deployments"""

from typing import Any

from release.sandbox.forge import environments, shapes
from release.sandbox.forge.git_objects import GitObjects
from release.sandbox.forge.state import Deployment, DeploymentStatus, Environment, ForgeState, now
from release.sandbox.forge.wire import Answer, Asked, Refused, not_found, paged


class Deployments:
    def __init__(self, state: ForgeState) -> None:
        self._state = state

    def listed(self, asked: Asked) -> Answer:
        """Newest first, of those that the query names."""
        found = [one for one in reversed(asked.repository.deployments) if _is_asked_for(one, asked)]
        page, links = paged(asked.question, found)
        return Answer(200, [self._shown(asked, one) for one in page], headers=links)

    def get(self, asked: Asked) -> Answer:
        return Answer(200, self._shown(asked, _found(asked)))

    def create(self, asked: Asked) -> Answer:
        body, git = asked.body, GitObjects(asked.repository.remote)
        ref: str = body["ref"]
        sha = git.resolve(ref)
        if sha is None:
            raise Refused(422, f"No ref found for: {ref}")
        main = git.default_branch()
        head = git.resolve(main)
        if body.get("auto_merge", True) and head and not git.contains(sha, head):
            # It would be merged, or deployed as it is where it cannot be: neither is what a promotion wants.
            raise Refused(409, f"Conflict merging {main} into {ref}.")
        if contexts := body.get("required_contexts"):
            # Nobody sends the forge statuses of commits.
            errors = [{"resource": "Deployment", "field": "required_contexts", "code": "invalid"}]
            raise Refused(
                409, f"Conflict: Commit status checks failed for {ref}: {', '.join(contexts)}", errors
            )
        environment = body.get("environment", "production")
        at = now()
        deployment = Deployment(
            id=self._state.new_id(),
            sha=sha,
            ref=ref,
            task=body.get("task", "deploy"),
            payload=body.get("payload", ""),
            environment=environment,
            description=body.get("description", ""),
            transient=body.get("transient_environment", False),
            production=body.get("production_environment", environment == "production"),
            creator=asked.caller.name,
            created_at=at,
            updated_at=at,
        )
        asked.repository.deployments.append(deployment)
        if environments.find(asked.repository, environment) is None:
            unprotected = Environment(self._state.new_id(), environment, at, at)
            asked.repository.environments.append(unprotected)
        address = f"{asked.api}/deployments/{deployment.id}"
        return Answer(201, self._shown(asked, deployment), headers={"Location": address})

    def delete(self, asked: Asked) -> Answer:
        """An inactive one, or the only one of the repository."""
        deployment, others = _found(asked), len(asked.repository.deployments) > 1
        if others and _state_of(deployment) not in ("inactive", None):
            raise Refused(422, "We cannot delete an active deployment unless it is the only deployment.")
        asked.repository.deployments.remove(deployment)
        return Answer(204)

    def statuses(self, asked: Asked) -> Answer:
        """Newest first."""
        deployment = _found(asked)
        page, links = paged(asked.question, deployment.statuses[::-1])
        return Answer(200, [self._status_shown(asked, deployment, one) for one in page], headers=links)

    def create_status(self, asked: Asked) -> Answer:
        deployment, body = _found(asked), asked.body
        before = deployment.statuses[-1].environment if deployment.statuses else deployment.environment
        status = self._added(
            asked,
            deployment,
            body["state"],
            description=body.get("description", ""),
            environment=body.get("environment", before),
            # "Setting log_url will automatically set target_url to the same value."
            log_url=body.get("log_url") or body.get("target_url", ""),
            environment_url=body.get("environment_url", ""),
        )
        if status.state == "success" and body.get("auto_inactive", True):
            self._end_earlier(asked, deployment, status.environment)
        address = f"{asked.api}/deployments/{deployment.id}/statuses/{status.id}"
        return Answer(201, self._status_shown(asked, deployment, status), headers={"Location": address})

    def _end_earlier(self, asked: Asked, deployment: Deployment, environment: str) -> None:
        """The deployments before this one that served the same environment are inactive now.

        "all prior non-transient, non-production environment deployments with the same repository and
        `environment` name … only added to deployments that had a `success` state"
        """
        for other in asked.repository.deployments:
            if other is deployment:
                return
            served = other.statuses[-1].environment if other.statuses else other.environment
            excepted = other.transient or other.production
            if served == environment and not excepted and _state_of(other) == "success":
                self._added(asked, other, "inactive", environment=served)

    def _added(
        self,
        asked: Asked,
        deployment: Deployment,
        state: str,
        *,
        environment: str,
        description: str = "",
        log_url: str = "",
        environment_url: str = "",
    ) -> DeploymentStatus:
        status = DeploymentStatus(
            id=self._state.new_id(),
            state=state,
            creator=asked.caller.name,
            description=description,
            environment=environment,
            log_url=log_url,
            environment_url=environment_url,
            created_at=now(),
        )
        deployment.statuses.append(status)
        deployment.updated_at = status.created_at
        return status

    def _shown(self, asked: Asked, deployment: Deployment) -> dict[str, Any]:
        address = f"{asked.api}/deployments/{deployment.id}"
        return {
            "id": deployment.id,
            "node_id": shapes.node_id("Deployment", deployment.id),
            "url": address,
            "statuses_url": f"{address}/statuses",
            "repository_url": asked.api,
            "sha": deployment.sha,
            "ref": deployment.ref,
            "task": deployment.task,
            "payload": deployment.payload,
            "original_environment": deployment.environment,
            "environment": deployment.statuses[-1].environment
            if deployment.statuses
            else deployment.environment,
            "description": deployment.description,
            "creator": shapes.person(self._state, asked, deployment.creator),
            "created_at": deployment.created_at,
            "updated_at": deployment.updated_at,
            "transient_environment": deployment.transient,
            "production_environment": deployment.production,
        }

    def _status_shown(self, asked: Asked, deployment: Deployment, status: DeploymentStatus) -> dict[str, Any]:
        address = f"{asked.api}/deployments/{deployment.id}"
        return {
            "id": status.id,
            "node_id": shapes.node_id("DeploymentStatus", status.id),
            "url": f"{address}/statuses/{status.id}",
            "deployment_url": address,
            "repository_url": asked.api,
            "state": status.state,
            "creator": shapes.person(self._state, asked, status.creator),
            "description": status.description,
            "environment": status.environment,
            "target_url": status.log_url,
            "log_url": status.log_url,
            "environment_url": status.environment_url,
            "created_at": status.created_at,
            "updated_at": status.created_at,
        }


def _found(asked: Asked) -> Deployment:
    number = asked.number("deployment_id")
    for deployment in asked.repository.deployments:
        if deployment.id == number:
            return deployment
    raise not_found()


def _state_of(deployment: Deployment) -> str | None:
    return deployment.statuses[-1].state if deployment.statuses else None


def _is_asked_for(deployment: Deployment, asked: Asked) -> bool:
    fields = ("sha", "ref", "task", "environment")
    wanted = [(asked.query[name], getattr(deployment, name)) for name in fields if name in asked.query]
    # "none" is how the description writes the default
    return all(want in ("none", have) for want, have in wanted)
