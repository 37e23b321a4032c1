"""Pull requests and what is said in them: https://docs.github.com/rest/pulls and /rest/issues/comments"""

from typing import Any

from release.sandbox.forge import people, shapes
from release.sandbox.forge.state import Comment, ForgeState, Pull, now
from release.sandbox.forge.wire import Answer, Asked, Refused, invalid, not_found, paged


class Discussions:
    def __init__(self, state: ForgeState) -> None:
        self._state = state

    def of_commit(self, asked: Asked) -> Answer:
        """Those that the commit came from: it is of their branch, or is what they became."""
        sha = asked.name("commit_sha")
        found = [one for one in asked.repository.pulls if sha == one.merged_as or sha in one.commits]
        page, links = paged(asked.question, found)
        return Answer(200, [self._shown(asked, one) for one in page], headers=links)

    def pull(self, asked: Asked) -> Answer:
        pull = self._pull(asked, "pull_number")
        commits = len(pull.commits)
        counts = dict.fromkeys(("review_comments", "additions", "deletions", "changed_files"), 0)
        return Answer(
            200,
            {
                **self._shown(asked, pull),
                **counts,
                "comments": len(pull.comments),
                "commits": commits,
                "maintainer_can_modify": False,
                "merged": pull.merged_as is not None,
                "mergeable": None,
                "mergeable_state": "unknown",
                "merged_by": shapes.person(self._state, asked, pull.user) if pull.merged_as else None,
            },
        )

    def comments(self, asked: Asked) -> Answer:
        """Oldest first."""
        pull = self._pull(asked, "issue_number")
        since = asked.query.get("since", "")
        found = [one for one in pull.comments if one.updated_at >= since]
        page, links = paged(asked.question, found)
        return Answer(200, [self._comment_shown(asked, pull, one) for one in page], headers=links)

    def comment(self, asked: Asked) -> Answer:
        return Answer(200, self._comment_shown(asked, *self._comment(asked)))

    def create_comment(self, asked: Asked) -> Answer:
        pull = self._pull(asked, "issue_number")
        comment = Comment(self._state.new_id(), asked.caller.name, _said(asked), now(), now())
        pull.comments.append(comment)
        address = f"{asked.api}/issues/comments/{comment.id}"
        return Answer(201, self._comment_shown(asked, pull, comment), headers={"Location": address})

    def update_comment(self, asked: Asked) -> Answer:
        pull, comment = self._comment(asked)
        _require_author(asked, comment)
        comment.body, comment.updated_at = _said(asked), now()
        return Answer(200, self._comment_shown(asked, pull, comment))

    def delete_comment(self, asked: Asked) -> Answer:
        pull, comment = self._comment(asked)
        _require_author(asked, comment)
        pull.comments.remove(comment)
        return Answer(204)

    def _pull(self, asked: Asked, parameter: str) -> Pull:
        number = asked.number(parameter)
        for pull in asked.repository.pulls:
            if pull.number == number:
                return pull
        raise not_found()

    def _comment(self, asked: Asked) -> tuple[Pull, Comment]:
        number = asked.number("comment_id")
        for pull in asked.repository.pulls:
            for comment in pull.comments:
                if comment.id == number:
                    return pull, comment
        raise not_found()

    def _shown(self, asked: Asked, pull: Pull) -> dict[str, Any]:
        address, issue = f"{asked.api}/pulls/{pull.number}", f"{asked.api}/issues/{pull.number}"
        page = f"{asked.html}/pull/{pull.number}"
        links = {
            "self": address,
            "html": page,
            "issue": issue,
            "comments": f"{issue}/comments",
            "review_comments": f"{address}/comments",
            "review_comment": f"{asked.api}/pulls/comments{{/number}}",
            "commits": f"{address}/commits",
            "statuses": f"{asked.api}/statuses/{pull.commits[-1]}",
        }
        closed_at = pull.created_at if pull.merged_as else None
        return {
            "id": pull.id,
            "node_id": shapes.node_id("PullRequest", pull.id),
            "number": pull.number,
            "title": pull.title,
            "body": None,
            "state": "closed" if pull.merged_as else "open",
            "locked": False,
            "draft": False,
            "user": shapes.person(self._state, asked, pull.user),
            "author_association": "MEMBER",
            "head": self._end(asked, pull.head, pull.commits[-1]),
            "base": self._end(asked, pull.base, pull.merged_as or pull.commits[0]),
            "merge_commit_sha": pull.merged_as,
            "merged_at": closed_at,
            "closed_at": closed_at,
            "created_at": pull.created_at,
            "updated_at": pull.created_at,
            "assignee": None,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "labels": [],
            "milestone": None,
            "auto_merge": None,
            "active_lock_reason": None,
            "url": address,
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "issue_url": issue,
            "commits_url": links["commits"],
            "review_comments_url": links["review_comments"],
            "review_comment_url": links["review_comment"],
            "comments_url": links["comments"],
            "statuses_url": links["statuses"],
            "_links": {name: {"href": link} for name, link in links.items()},
        }

    def _end(self, asked: Asked, branch: str, sha: str) -> dict[str, Any]:
        owner, place = asked.repository.owner, asked.question.place
        return {
            "label": f"{owner}:{branch}",
            "ref": branch,
            "sha": sha,
            "user": shapes.user(self._state, place, owner, "Organization"),
            "repo": shapes.repository(self._state, place, asked.repository),
        }

    def _comment_shown(self, asked: Asked, pull: Pull, comment: Comment) -> dict[str, Any]:
        return {
            "id": comment.id,
            "node_id": shapes.node_id("IssueComment", comment.id),
            "url": f"{asked.api}/issues/comments/{comment.id}",
            "html_url": f"{asked.html}/pull/{pull.number}#issuecomment-{comment.id}",
            "issue_url": f"{asked.api}/issues/{pull.number}",
            "body": comment.body,
            "user": shapes.person(self._state, asked, comment.user),
            "created_at": comment.created_at,
            "updated_at": comment.updated_at,
            "author_association": "NONE" if comment.user == shapes.BOT else "MEMBER",
        }


def _said(asked: Asked) -> str:
    body: str = asked.body["body"]
    if not body.strip():
        raise invalid("IssueComment", "data", "unprocessable", "Body cannot be blank")
    return body


def _require_author(asked: Asked, comment: Comment) -> None:
    """Who may write may change what others said."""
    if asked.caller.name != comment.user and people.level_in(asked.repository, asked.caller) == "read":
        raise Refused(403, "Resource not accessible")
