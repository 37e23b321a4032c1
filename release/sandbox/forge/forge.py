"""The forge itself: every operation by its name, and the way of a request through all the checks to its
answer.
"""

import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from release.sandbox.forge import oidc, people, routes
from release.sandbox.forge.accounts import Accounts
from release.sandbox.forge.assets import Assets
from release.sandbox.forge.deployments import Deployments
from release.sandbox.forge.discussions import Discussions
from release.sandbox.forge.environments import Environments
from release.sandbox.forge.releases import Releases
from release.sandbox.forge.routes import UPLOAD, Operation
from release.sandbox.forge.runs import Runs
from release.sandbox.forge.settings import Settings
from release.sandbox.forge.setup import Setup
from release.sandbox.forge.state import ForgeState
from release.sandbox.forge.wire import Answer, Asked, Caller, Place, Question, Refused, not_found, refusal

if TYPE_CHECKING:
    from release.sandbox.forge.contract import Contract

# https://docs.github.com/rest/about-the-rest-api/api-versions
API_VERSIONS = ("2022-11-28",)


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to the API: `raw_path` below it, headers by names in lower case."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))


class Forge:
    """One at a time: who asks waits for who asked before. Files of releases are kept in `folder`."""

    def __init__(self, state: ForgeState, folder: Path, site: str) -> None:
        self._state = state
        self._place = Place(site)
        self._lock = threading.Lock()
        self._contract: Contract | None = None
        self._answered = 0
        self._assets = Assets(state, folder)
        self._accounts = Accounts(state)
        runs = Runs(state)
        self.setup = Setup(state, self._assets, runs, self._accounts)
        self._of_repositories = _of_repositories(state, self._assets, runs)
        self._of_accounts: Mapping[str, Callable[[Question], Answer]] = {
            "users/get-authenticated": self._accounts.me,
            "rate-limit/get": self._accounts.rate_limit,
        }

    @property
    def operations(self) -> frozenset[str]:
        return frozenset((*self._of_repositories, *self._of_accounts))

    def document(self) -> dict[str, Any]:
        """Everything that is to be saved."""
        with self._lock:
            return self._state.document()

    def door(self, method: str, arguments: Any) -> Any:
        with self._lock:
            return self.setup.answer(method, arguments)

    def stored(self, sha256: str) -> Answer:
        """The bytes of a file, where the API has led to them."""
        content = self._assets.stored(sha256)
        if content is None:
            return refusal(not_found())
        return Answer(200, content=content, headers={"Content-Type": "application/octet-stream"})

    def id_token(self, authorization: str | None, query: Mapping[str, str]) -> Answer:
        """What ACTIONS_ID_TOKEN_REQUEST_URL answers to a job."""
        scheme, _, request_token = (authorization or "").partition(" ")
        with self._lock:
            identity = self._state.job_identities.get(request_token)
            if scheme.lower() != "bearer" or identity is None:
                return refusal(Refused(401, "Bad credentials"))
            name = identity.claims["repository"]
            repository = self._state.repositories[name.lower()]
            audience = query.get("audience") or f"https://github.com/{repository.owner}"
            return Answer(200, {"value": oidc.token(self._state.secret, repository, identity, audience)})

    def claims_of(self, id_token: str) -> dict[str, Any]:
        """What such a token says. Raises InvalidToken or ExpiredToken."""
        return oidc.claims_of(self._state.secret, id_token)

    def answer(self, request: Request) -> Answer:
        with self._lock:
            caller: Caller | None = None
            try:
                caller = self._caller(request)
                answer = self._answer(request, caller)
            except Refused as refused:
                answer = refusal(refused)
            self._answered += 1
            headers = {
                "X-GitHub-Request-Id": f"SANDBOX:{self._answered:06X}",
                "X-GitHub-Api-Version-Selected": API_VERSIONS[0],
            }
            headers |= self._accounts.headers(caller) if caller else {}
            return Answer(answer.status, answer.document, answer.content, {**headers, **answer.headers})

    def _caller(self, request: Request) -> Caller:
        """Who asks, in a request that GitHub would listen to at all."""
        if not request.headers.get("user-agent"):
            raise Refused(
                403,
                "Request forbidden by administrative rules. "
                "Please make sure your request has a User-Agent header",
            )
        version = request.headers.get("x-github-api-version", API_VERSIONS[0])
        if version not in API_VERSIONS:
            raise Refused(400, f"{version} is not a supported API version: {', '.join(API_VERSIONS)}")
        return people.caller(self._state, request.headers.get("authorization"))

    def _answer(self, request: Request, caller: Caller) -> Answer:
        operation = routes.operation(request.method, request.raw_path)
        if operation is None:
            shown = f"{request.method} {request.raw_path}"
            self.setup.note_violation("request", "", shown, "the forge of the sandbox has no such operation")
            raise Refused(404, f"Not Found: the forge of the sandbox has no {shown}")
        if operation.id != "rate-limit/get" and not self._accounts.count(caller):
            raise Refused(403, f"API rate limit exceeded for user ID {self._state.id_of(caller.name)}.")
        contract = self._loaded()
        name = "/".join(operation.parameters.get(part, "") for part in ("owner", "repo"))
        shown = f"{request.method} {operation.path}"
        try:
            contract.require_request(operation, request.query, request.headers, request.body)
        except Refused as refused:
            self.setup.note_violation("request", name, shown, str(refused.errors or refused.message))
            raise
        answer = self._carried_out(operation, request, caller, name)
        problem = contract.broken(operation, request.query, request.headers, request.body, answer)
        if problem is None:
            return answer
        self.setup.note_violation("answer", name, shown, problem)
        raise Refused(
            500, f"the forge of the sandbox broke GitHub's description of {operation.id}: {problem}"
        )

    def _carried_out(self, operation: Operation, request: Request, caller: Caller, name: str) -> Answer:
        body: Any = request.body
        if operation.id != UPLOAD:
            body = json.loads(request.body) if request.body else None
        question = Question(
            operation=operation.id,
            path=operation.path,
            parameters=operation.parameters,
            query=request.query,
            headers=request.headers,
            body=body,
            caller=caller,
            place=self._place,
        )
        try:
            if operation.id in self._of_accounts:
                people.require(operation.id, caller, None)
                return self._of_accounts[operation.id](question)
            repository = self._state.repositories.get(name.lower())
            if repository is None:
                raise not_found()
            people.require(operation.id, caller, repository)
            return self._of_repositories[operation.id](Asked(question, repository))
        except Refused as refused:
            return refusal(refused)

    def _loaded(self) -> "Contract":
        if self._contract is None:
            # jsonschema would compile the grammar of IRIs where that is installed, which takes more than a
            # second, and nothing in GitHub's description is one.
            sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
            from release.sandbox.forge.contract import Contract

            self._contract = Contract()
        return self._contract


def _of_repositories(
    state: ForgeState, assets: Assets, runs: Runs
) -> Mapping[str, Callable[[Asked], Answer]]:
    releases, deployments = Releases(state, assets), Deployments(state)
    environments, settings, discussions = Environments(state), Settings(state), Discussions(state)
    workflow_permissions = "github-actions-default-workflow-permissions-repository"
    return {
        "repos/list-releases": releases.listed,
        "repos/create-release": releases.create,
        "repos/get-latest-release": releases.latest,
        "repos/get-release-by-tag": releases.by_tag,
        "repos/get-release": releases.get,
        "repos/update-release": releases.update,
        "repos/delete-release": releases.delete,
        "repos/list-release-assets": assets.of_release,
        UPLOAD: assets.upload,
        "repos/get-release-asset": assets.get,
        "repos/update-release-asset": assets.update,
        "repos/delete-release-asset": assets.delete,
        "repos/check-immutable-releases": settings.immutable_releases,
        "repos/enable-immutable-releases": settings.enable_immutable_releases,
        "repos/disable-immutable-releases": settings.disable_immutable_releases,
        "repos/list-deployments": deployments.listed,
        "repos/create-deployment": deployments.create,
        "repos/get-deployment": deployments.get,
        "repos/delete-deployment": deployments.delete,
        "repos/list-deployment-statuses": deployments.statuses,
        "repos/create-deployment-status": deployments.create_status,
        "repos/get-all-environments": environments.listed,
        "repos/get-environment": environments.get,
        "repos/create-or-update-environment": environments.put,
        "repos/delete-an-environment": environments.delete,
        "repos/list-deployment-branch-policies": environments.policies,
        "repos/create-deployment-branch-policy": environments.create_policy,
        "repos/get-repo-rulesets": settings.rulesets,
        "repos/get-repo-ruleset": settings.ruleset,
        "repos/create-repo-ruleset": settings.create_ruleset,
        "repos/delete-repo-ruleset": settings.delete_ruleset,
        "repos/get": settings.repository,
        "actions/get-github-actions-permissions-repository": settings.actions,
        f"actions/get-{workflow_permissions}": settings.workflow_permissions,
        f"actions/set-{workflow_permissions}": settings.set_workflow_permissions,
        "actions/get-custom-oidc-sub-claim-for-repo": settings.subject,
        "actions/set-custom-oidc-sub-claim-for-repo": settings.set_subject,
        "actions/list-workflow-runs-for-repo": runs.listed,
        "actions/list-workflow-runs": runs.listed,
        "actions/get-workflow-run": runs.get,
        "actions/list-jobs-for-workflow-run": runs.jobs,
        "actions/get-reviews-for-run": runs.approvals,
        "actions/get-pending-deployments-for-run": runs.pending,
        "actions/review-pending-deployments-for-run": runs.review,
        "actions/create-workflow-dispatch": runs.dispatch,
        "repos/list-pull-requests-associated-with-commit": discussions.of_commit,
        "pulls/get": discussions.pull,
        "issues/list-comments": discussions.comments,
        "issues/create-comment": discussions.create_comment,
        "issues/get-comment": discussions.comment,
        "issues/update-comment": discussions.update_comment,
        "issues/delete-comment": discussions.delete_comment,
        "git/get-ref": settings.ref,
        "git/list-matching-refs": settings.matching_refs,
        "repos/codeowners-errors": settings.codeowners_errors,
    }
