"""Releases: drafts, published ones, immutable ones, and which is the latest.

https://docs.github.com/rest/releases/releases and
https://docs.github.com/code-security/concepts/supply-chain-security/immutable-releases
"""

import re
from typing import Any

from release.sandbox.forge import people, shapes
from release.sandbox.forge.assets import Assets, found_release
from release.sandbox.forge.git_objects import GitObjects
from release.sandbox.forge.state import ForgeState, Release, Repository, now
from release.sandbox.forge.wire import Answer, Asked, Refused, invalid, not_found, paged


class Releases:
    def __init__(self, state: ForgeState, assets: Assets) -> None:
        self._state = state
        self._assets = assets

    def listed(self, asked: Asked) -> Answer:
        """Newest first; drafts are for those who may write."""
        seen = [one for one in asked.repository.releases if not one.draft or _may_write(asked)]
        newest_first = sorted(seen, key=lambda one: (one.created_at, one.id), reverse=True)
        page, links = paged(asked.question, newest_first)
        return Answer(200, [self._shown(asked, one) for one in page], headers=links)

    def get(self, asked: Asked) -> Answer:
        release = found_release(asked)
        if release.draft and not _may_write(asked):
            raise not_found()
        return Answer(200, self._shown(asked, release))

    def by_tag(self, asked: Asked) -> Answer:
        """A published one: a draft has no tag yet."""
        found = _published(asked.repository, asked.name("tag"))
        if found is None:
            raise not_found()
        return Answer(200, self._shown(asked, found))

    def latest(self, asked: Asked) -> Answer:
        repository = asked.repository
        full = [one for one in repository.releases if not one.draft and not one.prerelease]
        if not full:
            raise not_found()
        chosen = [one for one in full if one.id == repository.latest]
        newest = max(full, key=lambda one: (one.created_at, one.id))
        return Answer(200, self._shown(asked, chosen[0] if chosen else newest))

    def create(self, asked: Asked) -> Answer:
        body = asked.body
        git = GitObjects(asked.repository.remote)
        release = Release(
            id=self._state.new_id(),
            tag=body["tag_name"],
            target=body.get("target_commitish") or git.default_branch(),
            name=body.get("name"),
            body=body.get("body"),
            draft=body.get("draft", False),
            prerelease=body.get("prerelease", False),
            author=asked.caller.name,
            created_at=now(),
        )
        if not git.is_tag_name(release.tag):
            raise invalid("Release", "tag_name", "custom", "tag_name is not well-formed")
        if not release.draft:
            self._publish(asked.repository, release)
        asked.repository.releases.append(release)
        _note_latest(asked, release, body.get("make_latest", "true") if not release.draft else None)
        address = f"{asked.api}/releases/{release.id}"
        return Answer(201, self._shown(asked, release), headers={"Location": address})

    def update(self, asked: Asked) -> Answer:
        release, body = found_release(asked), asked.body
        tag, target = body.get("tag_name", release.tag), body.get("target_commitish", release.target)
        draft = body.get("draft", release.draft)
        if release.immutable:
            for field, changed in (
                ("tag_name", tag != release.tag),
                ("target_commitish", target != release.target),
                ("state", draft),
            ):
                if changed:
                    message = f"{field} cannot be changed when release is immutable"
                    raise invalid("Release", field, "custom", message)
        if not GitObjects(asked.repository.remote).is_tag_name(tag):
            raise invalid("Release", "tag_name", "custom", "tag_name is not well-formed")
        published_now = release.draft and not draft
        moved = tag != release.tag and not draft
        before = (release.tag, release.target)
        release.tag, release.target = tag, target
        if published_now or moved:
            try:
                self._publish(asked.repository, release)
            except Refused:
                release.tag, release.target = before
                raise
        if draft:
            release.published_at = None
        release.draft = draft
        release.name = body.get("name", release.name)
        release.body = body.get("body", release.body)
        release.prerelease = body.get("prerelease", release.prerelease)
        release.updated_at = now()
        _note_latest(asked, release, body.get("make_latest", "true" if published_now else None))
        return Answer(200, self._shown(asked, release))

    def delete(self, asked: Asked) -> Answer:
        release, repository = found_release(asked), asked.repository
        if release.immutable:
            repository.burned_tags.append(release.tag)
        repository.releases.remove(release)
        return Answer(204)

    def _publish(self, repository: Repository, release: Release) -> None:
        """Gives the release its tag, which it makes where there is none. Raises Refused, and has changed
        nothing.
        """
        other = _published(repository, release.tag)
        if other is not None and other is not release:
            raise invalid("Release", "tag_name", "already_exists")
        if release.tag in repository.burned_tags:
            raise invalid("Release", "tag_name", "custom", "tag_name was used by an immutable release")
        git = GitObjects(repository.remote)
        commit = git.tag(release.tag)
        if commit is None:
            commit = git.resolve(release.target)
            if commit is None:
                raise invalid("Release", "target_commitish")
            if not git.create_tag(release.tag, commit):
                raise invalid("Release", "tag_name", "custom", "Published releases must have a valid tag")
        # "the date of the commit used for the release, and not the date when the release was drafted"
        release.created_at = git.commit(commit).committer[2]
        release.published_at = now()
        release.draft = False
        release.immutable = repository.immutable_releases

    def _shown(self, asked: Asked, release: Release) -> dict[str, Any]:
        address = f"{asked.api}/releases/{release.id}"
        uploads = f"{asked.question.place.uploads}/repos/{asked.repository.name}/releases/{release.id}"
        page = f"untagged-{release.id:020x}" if release.draft else release.tag
        return {
            "id": release.id,
            "node_id": shapes.node_id("Release", release.id),
            "url": address,
            "assets_url": f"{address}/assets",
            "upload_url": f"{uploads}/assets{{?name,label}}",
            "html_url": f"{asked.html}/releases/tag/{page}",
            "tarball_url": None if release.draft else f"{asked.api}/tarball/{release.tag}",
            "zipball_url": None if release.draft else f"{asked.api}/zipball/{release.tag}",
            "tag_name": release.tag,
            "target_commitish": release.target,
            "name": release.name,
            "body": release.body,
            "draft": release.draft,
            "prerelease": release.prerelease,
            "immutable": release.immutable,
            "created_at": release.created_at,
            "published_at": release.published_at,
            "updated_at": release.updated_at,
            "author": shapes.person(self._state, asked, release.author),
            "assets": [self._assets.shown(asked, release, one) for one in release.assets],
        }


def _may_write(asked: Asked) -> bool:
    if asked.caller.login is None:
        return asked.caller.permissions.get("contents") == "write"
    return people.level_in(asked.repository, asked.caller) != "read"


def _published(repository: Repository, tag: str) -> Release | None:
    return next((one for one in repository.releases if one.tag == tag and not one.draft), None)


def _note_latest(asked: Asked, release: Release, wish: str | None) -> None:
    """`wish` is make_latest of the request. Drafts and prereleases cannot be the latest."""
    repository = asked.repository
    if release.draft or release.prerelease:
        if repository.latest == release.id:
            repository.latest = None
    elif wish == "true":
        repository.latest = release.id
    elif wish == "false":
        if repository.latest == release.id:
            repository.latest = None
    elif wish == "legacy":
        full = [one for one in repository.releases if not one.draft and not one.prerelease]
        repository.latest = max(full, key=lambda one: (one.created_at, _numbers(one.tag), one.id)).id


def _numbers(tag: str) -> list[int]:
    return [int(digits) for digits in re.findall("[0-9]+", tag)[:3]]
