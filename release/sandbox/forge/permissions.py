"""What each operation needs: the permission of a job's token, and the role of a person.

https://docs.github.com/rest/authentication/permissions-required-for-github-apps and
https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#permissions
"""

from collections.abc import Mapping
from dataclasses import dataclass

from release.sandbox.forge.state import Level

# What `permissions:` of a workflow knows, as far as it matters here.
SCOPES = frozenset(
    ("actions", "attestations", "checks", "contents", "deployments", "id-token", "issues", "packages")
    + ("pages", "pull-requests", "security-events", "statuses")
)
EVERY_JOBS = "metadata"  # a job may always read it


@dataclass(frozen=True, slots=True)
class Need:
    """`permission` (or `other`) and `level` of a job; `role` of a person where it is not the same level.

    `people_only`: no token of Actions can have it. `permission` None: whoever is known may.
    """

    permission: str | None
    level: Level = "read"
    role: Level | None = None
    people_only: bool = False
    other: str | None = None


_READ_CONTENTS = Need("contents")
_WRITE_CONTENTS = Need("contents", "write")
_READ_DEPLOYMENTS = Need("deployments")
_WRITE_DEPLOYMENTS = Need("deployments", "write")
_READ_ACTIONS = Need("actions")
_SETTINGS = Need("administration", "read", "admin", people_only=True)
_READ_COMMENTS = Need("issues", other="pull-requests")
# Who may read may comment, and change what they said themselves.
_WRITE_COMMENTS = Need("issues", "write", "read", other="pull-requests")

NEEDS: Mapping[str, Need] = {
    "repos/list-releases": _READ_CONTENTS,
    "repos/create-release": _WRITE_CONTENTS,
    "repos/get-latest-release": _READ_CONTENTS,
    "repos/get-release-by-tag": _READ_CONTENTS,
    "repos/get-release": _READ_CONTENTS,
    "repos/update-release": _WRITE_CONTENTS,
    "repos/delete-release": _WRITE_CONTENTS,
    "repos/list-release-assets": _READ_CONTENTS,
    "repos/upload-release-asset": _WRITE_CONTENTS,
    "repos/get-release-asset": _READ_CONTENTS,
    "repos/update-release-asset": _WRITE_CONTENTS,
    "repos/delete-release-asset": _WRITE_CONTENTS,
    "repos/check-immutable-releases": _SETTINGS,
    "repos/enable-immutable-releases": _SETTINGS,
    "repos/disable-immutable-releases": _SETTINGS,
    "repos/list-deployments": _READ_DEPLOYMENTS,
    "repos/create-deployment": _WRITE_DEPLOYMENTS,
    "repos/get-deployment": _READ_DEPLOYMENTS,
    "repos/delete-deployment": _WRITE_DEPLOYMENTS,
    "repos/list-deployment-statuses": _READ_DEPLOYMENTS,
    "repos/create-deployment-status": _WRITE_DEPLOYMENTS,
    "repos/get-all-environments": _READ_ACTIONS,
    "repos/get-environment": _READ_ACTIONS,
    "repos/create-or-update-environment": _SETTINGS,
    "repos/delete-an-environment": _SETTINGS,
    "repos/list-deployment-branch-policies": _READ_ACTIONS,
    "repos/create-deployment-branch-policy": _SETTINGS,
    "repos/get-repo-rulesets": Need("metadata"),
    "repos/get-repo-ruleset": Need("metadata"),
    "repos/create-repo-ruleset": _SETTINGS,
    "repos/delete-repo-ruleset": _SETTINGS,
    "repos/get": Need("metadata"),
    "actions/get-github-actions-permissions-repository": _SETTINGS,
    "actions/get-github-actions-default-workflow-permissions-repository": _SETTINGS,
    "actions/set-github-actions-default-workflow-permissions-repository": _SETTINGS,
    "actions/get-custom-oidc-sub-claim-for-repo": _READ_ACTIONS,
    "actions/set-custom-oidc-sub-claim-for-repo": Need("actions", "write", "admin"),
    "actions/list-workflow-runs-for-repo": _READ_ACTIONS,
    "actions/get-workflow-run": _READ_ACTIONS,
    "actions/list-jobs-for-workflow-run": _READ_ACTIONS,
    "actions/get-reviews-for-run": _READ_ACTIONS,
    "actions/get-pending-deployments-for-run": _READ_ACTIONS,
    "actions/review-pending-deployments-for-run": Need("deployments", "write", people_only=True),
    "actions/list-workflow-runs": _READ_ACTIONS,
    "actions/create-workflow-dispatch": Need("actions", "write"),
    "repos/list-pull-requests-associated-with-commit": Need("pull-requests"),
    "pulls/get": Need("pull-requests"),
    "issues/list-comments": _READ_COMMENTS,
    "issues/create-comment": _WRITE_COMMENTS,
    "issues/get-comment": _READ_COMMENTS,
    "issues/update-comment": _WRITE_COMMENTS,
    "issues/delete-comment": _WRITE_COMMENTS,
    "git/get-ref": _READ_CONTENTS,
    "git/list-matching-refs": _READ_CONTENTS,
    "repos/codeowners-errors": _READ_CONTENTS,
    "users/get-authenticated": Need(None, people_only=True),
    "rate-limit/get": Need(None),
}
