"""https://docs.github.com/en/rest/releases/releases, and their files."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from release.adapters.github.client import Client, Need, part
from release.adapters.github.fields import is_true, listed, number, table, text
from release.core import canonical
from release.core.forge.facts import AssetFacts, ReleaseFacts
from release.core.forge.releases import WantedAsset, WantedRelease
from release.errors import AnswerLost

_READ: Final = Need("reading releases", "contents: read")
_WRITE: Final = Need("writing a release", "contents: write")
_SHA256: Final = "sha256:"


class GitHubReleases:
    def __init__(self, client: Client) -> None:
        self._client = client

    def published(self, tag: str) -> ReleaseFacts | None:
        found = self._client.get_or_none(f"releases/tags/{part(tag)}", _READ)
        return None if found is None else self._with_digests(_release(found))

    def drafts(self, tag: str) -> Sequence[ReleaseFacts]:
        every = map(_release, self._client.pages("releases", _READ))
        return [self._with_digests(one) for one in every if one.draft and one.tag == tag]

    def asset(self, asset: AssetFacts) -> bytes:
        return self._client.download(f"releases/assets/{asset.id}", _READ)

    def create_draft(self, wanted: WantedRelease) -> ReleaseFacts:
        body = {
            "tag_name": wanted.tag,
            "target_commitish": wanted.commit,
            "name": wanted.tag,
            "body": wanted.body,
            "draft": True,
            "prerelease": wanted.prerelease,
        }
        return _release(self._client.write("POST", "releases", _WRITE, body))

    def upload(self, release: ReleaseFacts, asset: WantedAsset) -> AssetFacts:
        answer = self._client.upload(
            release.upload_url, _WRITE, asset.data, asset.content_type, name=asset.name
        )
        stored = _asset(answer)
        if stored.digest is None:
            stored = self._with_digest(stored)
        if not stored.uploaded or stored.digest != asset.digest:
            raise AnswerLost(
                f"GitHub has stored something else than {asset.name}: sha256 {stored.digest}",
                fix="run the same command again: it uploads the file anew",
            )
        return stored

    def delete_asset(self, asset: int) -> None:
        self._client.delete(f"releases/assets/{asset}", _WRITE)

    def delete_release(self, release: int) -> None:
        self._client.delete(f"releases/{release}", _WRITE)

    def publish(self, release: int, wanted: WantedRelease) -> ReleaseFacts:
        body = {
            "name": wanted.tag,
            "body": wanted.body,
            "draft": False,
            "prerelease": wanted.prerelease,
            "make_latest": "true" if wanted.latest else "false",
        }
        return _release(self._client.write("PATCH", f"releases/{release}", _WRITE, body))

    def _with_digests(self, release: ReleaseFacts) -> ReleaseFacts:
        return replace(release, assets=tuple(map(self._with_digest, release.assets)))

    def _with_digest(self, asset: AssetFacts) -> AssetFacts:
        """GitHub has told digests since 2025-06; a server of one's own may be older."""
        if asset.digest is not None or not asset.uploaded:
            return asset
        return replace(asset, digest=canonical.sha256(self.asset(asset)))


def _release(item: Any) -> ReleaseFacts:
    return ReleaseFacts(
        id=number(item, "id"),
        tag=text(item, "tag_name"),
        name=text(item, "name"),
        body=text(item, "body"),
        draft=is_true(item, "draft"),
        prerelease=is_true(item, "prerelease"),
        immutable=is_true(item, "immutable"),
        url=text(item, "html_url"),
        upload_url=text(item, "upload_url").partition("{")[0],
        assets=tuple(map(_asset, listed(item, "assets"))),
        target=text(item, "target_commitish"),
    )


def _asset(item: Any) -> AssetFacts:
    digest = text(item, "digest")
    return AssetFacts(
        id=number(item, "id"),
        name=text(item, "name"),
        size=table(item).get("size") or 0,
        digest=digest.removeprefix(_SHA256) if digest.startswith(_SHA256) else None,
        uploaded=text(item, "state") == "uploaded",
    )
