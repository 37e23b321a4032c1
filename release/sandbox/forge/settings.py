"""A repository and what is set for it: rulesets, immutable releases, Actions, OIDC subjects, CODEOWNERS,
refs.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from release.sandbox.forge import people, shapes
from release.sandbox.forge.git_objects import GitObjects, Ref
from release.sandbox.forge.state import ForgeState, Ruleset, now
from release.sandbox.forge.wire import Answer, Asked, Refused, not_found, paged

_CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
_OWNER = re.compile(r"@[A-Za-z0-9-]+(/[A-Za-z0-9._-]+)?|[^@\s]+@[^@\s]+\.[^@\s]+")


class Settings:
    def __init__(self, state: ForgeState) -> None:
        self._state = state

    def repository(self, asked: Asked) -> Answer:
        """https://docs.github.com/rest/repos/repos#get-a-repository"""
        repository = asked.repository
        document = shapes.repository(self._state, asked.question.place, repository)
        document |= dict.fromkeys(("network_count", "subscribers_count"), 0)
        if asked.caller.login is not None:
            level = people.level_in(repository, asked.caller)
            document["permissions"] = {
                "admin": level == "admin",
                "maintain": level == "admin",
                "push": level != "read",
                "triage": level != "read",
                "pull": True,
            }
        return Answer(200, document)

    def immutable_releases(self, asked: Asked) -> Answer:
        """https://docs.github.com/rest/repos/repos#check-if-immutable-releases-are-enabled-for-a-repository"""
        if not asked.repository.immutable_releases:
            raise not_found()
        return Answer(200, {"enabled": True, "enforced_by_owner": False})

    def enable_immutable_releases(self, asked: Asked) -> Answer:
        asked.repository.immutable_releases = True
        return Answer(204)

    def disable_immutable_releases(self, asked: Asked) -> Answer:
        """Those that are immutable stay so."""
        asked.repository.immutable_releases = False
        return Answer(204)

    def actions(self, asked: Asked) -> Answer:
        return Answer(200, {"enabled": True, "allowed_actions": "all", "sha_pinning_required": False})

    def workflow_permissions(self, asked: Asked) -> Answer:
        return Answer(
            200,
            {
                "default_workflow_permissions": asked.repository.default_workflow_permissions,
                "can_approve_pull_request_reviews": asked.repository.can_approve_pull_requests,
            },
        )

    def set_workflow_permissions(self, asked: Asked) -> Answer:
        repository, body = asked.repository, asked.body or {}
        repository.default_workflow_permissions = body.get(
            "default_workflow_permissions", repository.default_workflow_permissions
        )
        repository.can_approve_pull_requests = body.get(
            "can_approve_pull_request_reviews", repository.can_approve_pull_requests
        )
        return Answer(204)

    def subject(self, asked: Asked) -> Answer:
        """https://docs.github.com/rest/actions/oidc"""
        claims = asked.repository.subject_claims
        if claims is None:
            return Answer(200, {"use_default": True})
        return Answer(200, {"use_default": False, "include_claim_keys": list(claims)})

    def set_subject(self, asked: Asked) -> Answer:
        claims = asked.body.get("include_claim_keys")
        if not asked.body["use_default"] and not claims:
            raise Refused(422, "include_claim_keys is required where use_default is false")
        asked.repository.subject_claims = None if asked.body["use_default"] else claims
        return Answer(201, {})

    def rulesets(self, asked: Asked) -> Answer:
        """Without their rules, as GitHub lists them."""
        wanted = asked.query.get("targets")
        found = [one for one in asked.repository.rulesets if not wanted or one.target in wanted.split(",")]
        page, links = paged(asked.question, found)
        return Answer(200, [self._ruleset_shown(asked, one, whole=False) for one in page], headers=links)

    def ruleset(self, asked: Asked) -> Answer:
        return Answer(200, self._ruleset_shown(asked, _found_ruleset(asked), whole=True))

    def create_ruleset(self, asked: Asked) -> Answer:
        body = asked.body
        ruleset = Ruleset(
            id=self._state.new_id(),
            name=body["name"],
            target=body.get("target", "branch"),
            enforcement=body["enforcement"],
            bypass_actors=body.get("bypass_actors", []),
            conditions=body.get("conditions"),
            rules=body.get("rules", []),
            created_at=now(),
        )
        if any(one.name == ruleset.name for one in asked.repository.rulesets):
            raise Refused(422, "Name must be unique")
        asked.repository.rulesets.append(ruleset)
        return Answer(201, self._ruleset_shown(asked, ruleset, whole=True))

    def delete_ruleset(self, asked: Asked) -> Answer:
        asked.repository.rulesets.remove(_found_ruleset(asked))
        return Answer(204)

    def ref(self, asked: Asked) -> Answer:
        """One ref by its full name."""
        name = f"refs/{asked.name('ref')}"
        for ref in GitObjects(asked.repository.remote).refs(name):
            if ref.name == name:
                return Answer(200, _ref_shown(asked, ref))
        raise not_found()

    def matching_refs(self, asked: Asked) -> Answer:
        """All whose names begin so: https://docs.github.com/rest/git/refs#list-matching-references"""
        found = GitObjects(asked.repository.remote).refs(f"refs/{asked.name('ref')}")
        return Answer(200, [_ref_shown(asked, ref) for ref in found])

    def codeowners_errors(self, asked: Asked) -> Answer:
        """https://docs.github.com/rest/repos/repos#list-codeowners-errors"""
        git = GitObjects(asked.repository.remote)
        commit = git.resolve(asked.query.get("ref") or git.default_branch())
        for path in _CODEOWNERS:
            text = git.file(commit, path) if commit else None
            if text is not None:
                return Answer(200, {"errors": list(_codeowners_errors(path, text.splitlines()))})
        raise not_found()

    def _ruleset_shown(self, asked: Asked, ruleset: Ruleset, *, whole: bool) -> dict[str, Any]:
        address = f"{asked.api}/rulesets/{ruleset.id}"
        shown = {
            "id": ruleset.id,
            "node_id": shapes.node_id("RepositoryRuleset", ruleset.id),
            "name": ruleset.name,
            "target": ruleset.target,
            "source_type": "Repository",
            "source": asked.repository.name,
            "enforcement": ruleset.enforcement,
            "_links": {"self": {"href": address}, "html": {"href": f"{asked.html}/rules/{ruleset.id}"}},
            "created_at": ruleset.created_at,
            "updated_at": ruleset.created_at,
        }
        if whole:
            shown |= {"conditions": ruleset.conditions or {}, "rules": ruleset.rules}
            # "bypass_actors … only returned if the user … has write access to the ruleset"
            if asked.caller.login and people.level_in(asked.repository, asked.caller) == "admin":
                shown["bypass_actors"] = ruleset.bypass_actors
        return shown


def _found_ruleset(asked: Asked) -> Ruleset:
    number = asked.number("ruleset_id")
    for ruleset in asked.repository.rulesets:
        if ruleset.id == number:
            return ruleset
    raise not_found()


def _ref_shown(asked: Asked, ref: Ref) -> dict[str, Any]:
    kind = "commits" if ref.kind == "commit" else "tags"
    return {
        "ref": ref.name,
        "node_id": f"ref:{ref.name}",
        "url": f"{asked.api}/git/{ref.name}",
        "object": {"type": ref.kind, "sha": ref.sha, "url": f"{asked.api}/git/{kind}/{ref.sha}"},
    }


def _codeowners_errors(path: str, lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        _, *owners = line.partition("#")[0].split() or [""]
        for owner in owners:
            if not _OWNER.fullmatch(owner):
                column = line.index(owner) + 1
                suggestion = "make sure that it is @user, @organization/team or an e-mail address"
                yield {
                    "line": number,
                    "column": column,
                    "source": line,
                    "kind": "Invalid owner",
                    "suggestion": suggestion,
                    "message": f"Invalid owner on line {number}: {suggestion}",
                    "path": path,
                }
