"""People, organisations, repositories and commits as they stand in many of GitHub's answers."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from release.sandbox.forge.git_objects import Commit, GitObjects
from release.sandbox.forge.state import ForgeState, Repository
from release.sandbox.forge.wire import Asked, Place

BOT = "github-actions[bot]"
_USER_ADDRESSES = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_REPOSITORY_ADDRESSES = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}

_COUNTS = (
    *("forks", "forks_count", "open_issues", "open_issues_count", "size"),
    *("stargazers_count", "watchers", "watchers_count"),
)
_FEATURES = ("has_discussions", "has_downloads", "has_issues", "has_pages", "has_projects", "has_wiki")


def node_id(kind: str, number: int) -> str:
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


def user(state: ForgeState, place: Place, login: str, kind: str = "User") -> dict[str, Any]:
    """A `simple-user`: a person, an organisation, or the app of GitHub Actions."""
    number = state.id_of(login)
    name = quote(login)  # the brackets of an app's login are no part of an address
    address = f"{place.api}/users/{name}"
    return {
        "login": login,
        "id": number,
        "node_id": node_id(kind, number),
        "avatar_url": f"{place.site}/avatars/{number}",
        "gravatar_id": "",
        "url": address,
        "html_url": f"{place.site}/{name}",
        "type": "Bot" if login.endswith("[bot]") else kind,
        "site_admin": False,
        **{key: f"{address}{rest}" for key, rest in _USER_ADDRESSES.items()},
    }


def minimal_repository(state: ForgeState, place: Place, repository: Repository) -> dict[str, Any]:
    address = f"{place.api}/repos/{repository.name}"
    return {
        "id": repository.id,
        "node_id": node_id("Repository", repository.id),
        "name": repository.name.partition("/")[2],
        "full_name": repository.name,
        "owner": user(state, place, repository.owner, "Organization"),
        "private": repository.private,
        "html_url": f"{place.site}/{repository.name}",
        "description": None,
        "fork": False,
        "url": address,
        **{key: f"{address}{rest}" for key, rest in _REPOSITORY_ADDRESSES.items()},
    }


def repository(state: ForgeState, place: Place, of: Repository) -> dict[str, Any]:
    git = GitObjects(of.remote)
    branch = git.default_branch()
    head = git.resolve(branch)
    clone = f"{place.site}/{of.name}.git"
    return {
        **minimal_repository(state, place, of),
        "default_branch": branch,
        "archived": False,
        "disabled": False,
        "visibility": "private" if of.private else "public",
        "created_at": of.created_at,
        "updated_at": of.created_at,
        "pushed_at": git.commit(head).committer[2] if head else of.created_at,
        "clone_url": clone,
        "svn_url": f"{place.site}/{of.name}",
        "git_url": clone.replace("http://", "git://", 1),
        "ssh_url": f"git@127.0.0.1:{of.name}.git",
        "homepage": None,
        "language": None,
        "license": None,
        "mirror_url": None,
        **dict.fromkeys(_COUNTS, 0),
        **dict.fromkeys(_FEATURES, False),
    }


def simple_commit(commit: Commit) -> dict[str, Any]:
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "message": commit.message,
        "timestamp": commit.committer[2],
        "author": _signature(commit.author),
        "committer": _signature(commit.committer),
    }


def person(state: ForgeState, asked: Asked, login: str) -> dict[str, Any]:
    return user(state, asked.question.place, login)


def _signature(signature: tuple[str, str, str]) -> Mapping[str, str]:
    return {"name": signature[0], "email": signature[1]}
