"""Files of releases: uploaded, listed, read, renamed and deleted, until their release is immutable.

https://docs.github.com/rest/releases/assets
"""

import hashlib
import re
from pathlib import Path
from typing import Any

from release.sandbox.forge import shapes
from release.sandbox.forge.state import Asset, ForgeState, Release, now
from release.sandbox.forge.wire import Answer, Asked, Refused, invalid, not_found, paged

# What GitHub does not leave in a name: a run of it, dots as well, becomes one dot.
_REPLACED = re.compile(r"[^\w@+-]+", re.ASCII)
_MOST_ASSETS = 1000


class Assets:
    """The files of all releases; their bytes are kept in `folder` by their digest."""

    def __init__(self, state: ForgeState, folder: Path) -> None:
        self._state = state
        self._folder = folder

    def of_release(self, asked: Asked) -> Answer:
        release = found_release(asked)
        page, links = paged(asked.question, release.assets)
        return Answer(200, [self.shown(asked, release, one) for one in page], headers=links)

    def upload(self, asked: Asked) -> Answer:
        release = found_release(asked)
        content: bytes = asked.body
        name = _REPLACED.sub(".", asked.query["name"])
        if release.immutable:
            raise Refused(422, "Cannot upload assets to an immutable release.")
        if any(one.name == name for one in release.assets):
            raise invalid("ReleaseAsset", "name", "already_exists")
        if len(release.assets) >= _MOST_ASSETS:
            raise Refused(422, f"Releases are limited to {_MOST_ASSETS} assets.")
        if not content:
            raise invalid("ReleaseAsset", "size", "custom", "size must be greater than or equal to 1")
        kind = asked.question.headers.get("content-type", "application/octet-stream")
        asset = self._added(release, name, asked.query.get("label"), kind, len(content), asked.caller.name)
        asset.digest = self._keep(content)
        return Answer(201, self.shown(asked, release, asset))

    def cut_upload(self, release: Release, name: str, uploader: str) -> Asset:
        """What is left of an upload whose connection broke: a name that nobody else can have any more."""
        asset = self._added(release, name, None, "application/octet-stream", 0, uploader)
        asset.state = "starter"
        return asset

    def get(self, asked: Asked) -> Answer:
        release, asset = self._found(asked)
        if "application/octet-stream" not in asked.question.headers.get("accept", ""):
            return Answer(200, self.shown(asked, release, asset))
        if asset.digest is None:
            raise not_found()
        # Elsewhere, as with GitHub, which leads to its storage.
        where = f"{asked.question.place.site}/storage/{asset.digest.partition(':')[2]}"
        return Answer(302, headers={"Location": where})

    def stored(self, sha256: str) -> bytes | None:
        path = self._folder / sha256
        return path.read_bytes() if re.fullmatch("[0-9a-f]{64}", sha256) and path.is_file() else None

    def update(self, asked: Asked) -> Answer:
        release, asset = self._found(asked)
        name = _REPLACED.sub(".", asked.body.get("name", asset.name))
        if release.immutable and name != asset.name:
            raise Refused(422, "Cannot update assets of an immutable release.")
        if any(one.name == name and one is not asset for one in release.assets):
            raise invalid("ReleaseAsset", "name", "already_exists")
        asset.name = name
        asset.label = asked.body.get("label", asset.label)
        return Answer(200, self.shown(asked, release, asset))

    def delete(self, asked: Asked) -> Answer:
        release, asset = self._found(asked)
        if release.immutable:
            raise Refused(422, "Cannot delete assets from an immutable release.")
        release.assets.remove(asset)
        return Answer(204)

    def shown(self, asked: Asked, release: Release, asset: Asset) -> dict[str, Any]:
        return {
            "id": asset.id,
            "node_id": shapes.node_id("ReleaseAsset", asset.id),
            "url": f"{asked.api}/releases/assets/{asset.id}",
            "browser_download_url": f"{asked.html}/releases/download/{release.tag}/{asset.name}",
            "name": asset.name,
            "label": asset.label,
            # GitHub's prose calls it "starter", its description knows "open" alone
            "state": "uploaded" if asset.state == "uploaded" else "open",
            "content_type": asset.content_type,
            "size": asset.size,
            "digest": asset.digest,
            "download_count": 0,
            "created_at": asset.created_at,
            "updated_at": asset.created_at,
            "uploader": shapes.person(self._state, asked, asset.uploader),
        }

    def _found(self, asked: Asked) -> tuple[Release, Asset]:
        number = asked.number("asset_id")
        for release in asked.repository.releases:
            for asset in release.assets:
                if asset.id == number:
                    return release, asset
        raise not_found()

    def _added(
        self, release: Release, name: str, label: str | None, kind: str, size: int, uploader: str
    ) -> Asset:
        asset = Asset(self._state.new_id(), name, label, kind, size, None, uploader, now())
        release.assets.append(asset)
        return asset

    def _keep(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / sha256).write_bytes(content)
        return f"sha256:{sha256}"


def found_release(asked: Asked) -> Release:
    number = asked.number("release_id")
    for release in asked.repository.releases:
        if release.id == number:
            return release
    raise not_found()
