"""Releases of the forge: drafts, published, immutable and burned ones, and their files."""

import hashlib
from typing import Any

import pytest

from tests.sandbox.forge.conftest import Repo, git


def test_a_published_release_makes_its_tag_in_the_git_remote(repo: Repo) -> None:
    first = git(repo.remote, "rev-parse", "main~1")
    made = repo.release("v1.0.0", target_commitish=first, name="One")

    assert repo.head("refs/tags/v1.0.0^{commit}") == first
    assert (made["draft"], made["prerelease"], made["immutable"]) == (False, False, False)
    assert made["created_at"] == "2026-01-02T03:04:05Z"  # the commit's
    assert made["published_at"] > made["created_at"]
    assert made["html_url"].endswith(f"/_forge/{repo.name}/releases/tag/v1.0.0")
    assert repo.ok("GET", "/releases/tags/v1.0.0") == made


def test_a_tag_that_is_there_is_kept_whatever_the_target(repo: Repo) -> None:
    git(repo.tree, "tag", "-a", "-m", "v1", "payments/v1.0.0", "main~1")
    git(repo.tree, "push", "--quiet", str(repo.remote), "refs/tags/payments/v1.0.0")
    before = repo.head("refs/tags/payments/v1.0.0")
    made = repo.release("payments/v1.0.0", target_commitish="main")

    assert repo.head("refs/tags/payments/v1.0.0") == before
    for path in ("/releases/tags/payments/v1.0.0", "/releases/tags/payments%2Fv1.0.0"):
        assert repo.ok("GET", path)["id"] == made["id"]


def test_a_draft_makes_no_tag_and_is_not_found_by_it(repo: Repo) -> None:
    draft = repo.release("v1.0.0", draft=True)

    assert git(repo.remote, "tag") == ""
    assert draft["published_at"] is None
    assert "/untagged-" in draft["html_url"]
    assert repo.refused("GET", "/releases/tags/v1.0.0") == (404, "Not Found")
    assert repo.refused("GET", "/releases/latest") == (404, "Not Found")
    # a lost answer leaves two of them
    assert repo.release("v1.0.0", draft=True)["id"] != draft["id"]
    repo.ok("PATCH", f"/releases/{draft['id']}", json={"draft": False})
    assert repo.ok("GET", "/releases/tags/v1.0.0")["id"] == draft["id"]
    assert git(repo.remote, "tag") == "v1.0.0"


def test_drafts_are_for_those_who_may_write(repo: Repo) -> None:
    draft = repo.release("v1.0.0", draft=True)
    reader = repo.as_token(repo.sandbox.forge.app_token(repo.name, contents="read"))
    writer = repo.as_token(repo.sandbox.forge.app_token(repo.name, contents="write"))

    assert reader.ok("GET", "/releases") == []
    assert reader.refused("GET", f"/releases/{draft['id']}") == (404, "Not Found")
    assert [one["id"] for one in writer.ok("GET", "/releases")] == [draft["id"]]


def test_a_tag_is_published_once(repo: Repo) -> None:
    repo.release("v1.0.0")
    expected = (422, "Validation Failed; tag_name already_exists")
    assert repo.refused("POST", "/releases", json={"tag_name": "v1.0.0"}) == expected
    second = repo.release("v1.0.0", draft=True)
    assert repo.refused("PATCH", f"/releases/{second['id']}", json={"draft": False}) == expected
    assert repo.ok("GET", f"/releases/{second['id']}")["draft"] is True


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tag_name": "v1", "target_commitish": "nothing"}, "target_commitish invalid"),
        ({"tag_name": "v1", "target_commitish": "refs/pull/1/head"}, "target_commitish invalid"),
        ({"tag_name": "a..b"}, "tag_name is not well-formed"),
        ({"tag_name": "-x"}, "tag_name is not well-formed"),
        ({"tag_name": "v1", "body": "x" * 125_001}, "body is too long (maximum is 125000 characters)"),
        ({"tag_name": "v1", "draft": "yes"}, "draft: 'yes' is not of type 'boolean'"),
        ({"tag_name": "v1", "make_latest": True}, "make_latest"),
        ({"tag_name": "v1", "tagg": 1}, "'tagg' was unexpected"),
        ({"name": "no tag"}, "'tag_name' is a required property"),
    ],
)
def test_what_cannot_be_released_is_refused(repo: Repo, fields: dict[str, Any], words: str) -> None:
    status, said = repo.refused("POST", "/releases", json=fields)

    assert status == 422
    assert words in said
    assert repo.ok("GET", "/releases") == []
    assert git(repo.remote, "tag") == ""


def test_a_body_of_125000_characters_is_taken(repo: Repo) -> None:
    assert len(repo.release(body="é" * 125_000)["body"]) == 125_000


def test_the_latest_is_the_one_that_was_last_called_so(repo: Repo) -> None:
    def latest() -> str:
        return str(repo.ok("GET", "/releases/latest")["tag_name"])

    repo.release("v1.0.0")
    two = repo.release("v2.0.0")
    assert latest() == "v2.0.0"
    repo.release("v3.0.0-rc.1", prerelease=True)
    repo.release("v1.0.1", make_latest="false")
    assert latest() == "v2.0.0"
    repo.release("v1.0.2")
    assert latest() == "v1.0.2"
    repo.release("v1.0.3", make_latest="legacy")  # all are of the same day
    assert latest() == "v2.0.0"
    repo.ok("DELETE", f"/releases/{two['id']}")
    assert latest() != "v2.0.0"


def test_pages_are_linked_and_hold_100_at_most(repo: Repo) -> None:
    for number in range(1, 104):
        repo.release(f"v0.0.{number}", draft=True)
    first = repo.ask("GET", "/releases", params={"per_page": 1000})
    last = repo.client.get(first.links["last"]["url"])

    assert len(first.json()) == 100
    assert set(first.links) == {"next", "last"}
    assert set(last.links) == {"prev", "first"}
    assert len(last.json()) == 3
    assert first.links["next"]["url"].startswith(f"{repo.sandbox.forge.api}/repos/")
    assert len(repo.ok("GET", "/releases")) == 30
    tags = [one["tag_name"] for page in (first, last) for one in page.json()]
    assert tags[0] == "v0.0.103" and len(set(tags)) == 103
    assert repo.ask("GET", "/releases", params={"per_page": 100, "page": 3}).json() == []


def test_a_file_is_kept_with_its_digest_and_read_from_elsewhere(repo: Repo) -> None:
    release = repo.release(draft=True)
    content = bytes(range(256))
    asset = repo.upload(release, "audit v1 (final).json", content).json()

    assert asset["name"] == "audit.v1.final.json"
    assert (asset["size"], asset["state"]) == (256, "uploaded")
    assert asset["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert repo.ok("GET", f"/releases/{release['id']}/assets") == [asset]
    assert repo.ok("GET", f"/releases/{release['id']}")["assets"] == [asset]
    assert repo.client.get(asset["url"]).json() == asset
    sent_on = repo.client.get(asset["url"], headers={"Accept": "application/octet-stream"})
    assert sent_on.status_code == 302
    assert repo.client.get(sent_on.headers["location"]).content == content


def test_a_name_is_taken_once_also_by_an_upload_that_was_cut(repo: Repo) -> None:
    release = repo.release(draft=True)
    repo.sandbox.forge.cut_upload(repo.name, release["id"], "audit.json")
    (left,) = repo.ok("GET", f"/releases/{release['id']}/assets")

    assert (left["state"], left["size"], left["digest"]) == ("open", 0, None)
    assert repo.upload(release, "audit.json").json()["errors"][0]["code"] == "already_exists"
    assert repo.client.get(left["url"], headers={"Accept": "application/octet-stream"}).status_code == 404
    repo.ok("DELETE", f"/releases/assets/{left['id']}")
    assert repo.upload(release, "audit.json").status_code == 201
    assert repo.upload(release, "empty.json", b"").status_code == 422


def test_uploads_have_a_host_of_their_own(repo: Repo) -> None:
    release = repo.release(draft=True)
    path = f"/releases/{release['id']}/assets"

    assert repo.refused("POST", path, params={"name": "a"}, content=b"{}")[0] == 404
    elsewhere = f"{repo.sandbox.forge.site}/api/uploads/repos/{repo.name}/releases"
    assert repo.client.get(elsewhere).status_code == 404


def test_an_immutable_release_keeps_its_files_and_its_tag(repo: Repo) -> None:
    repo.ok("PUT", "/immutable-releases")
    draft = repo.release(draft=True)
    asset = repo.upload(draft, "audit.json").json()
    path = f"/releases/{draft['id']}"
    assert draft["immutable"] is False
    assert repo.ok("PATCH", path, json={"draft": False})["immutable"] is True

    late = repo.upload(draft, "late.json")
    assert (late.status_code, late.json()["message"]) == (
        422,
        "Cannot upload assets to an immutable release.",
    )
    assert repo.refused("DELETE", f"/releases/assets/{asset['id']}")[0] == 422
    assert repo.refused("PATCH", f"/releases/assets/{asset['id']}", json={"name": "b.json"})[0] == 422
    for change, field in (
        ({"tag_name": "v2.0.0"}, "tag_name"),
        ({"target_commitish": "other"}, "target_commitish"),
        ({"draft": True}, "state"),
    ):
        status, said = repo.refused("PATCH", path, json=change)
        assert (status, f"{field} cannot be changed when release is immutable" in said) == (422, True)
    # what people read stays open
    assert repo.ok("PATCH", path, json={"name": "One", "body": "more"})["body"] == "more"
    repo.ok("DELETE", "/immutable-releases")  # unfreezes nothing
    assert repo.upload(draft, "late.json").status_code == 422
    assert repo.ok("GET", path)["tag_name"] == "v1.0.0"
    assert [one["name"] for one in repo.ok("GET", path)["assets"]] == ["audit.json"]


def test_without_the_setting_a_published_release_takes_files(repo: Repo) -> None:
    release = repo.release()
    asset = repo.upload(release, "audit.json")
    assert asset.status_code == 201
    repo.ok("DELETE", f"/releases/assets/{asset.json()['id']}")


def test_the_tag_of_a_deleted_immutable_release_is_burned(repo: Repo) -> None:
    repo.ok("PUT", "/immutable-releases")
    repo.ok("DELETE", f"/releases/{repo.release('v1.0.0')['id']}")
    git(repo.remote, "tag", "-d", "v1.0.0")
    repo.ok("DELETE", "/immutable-releases")

    assert (
        "tag_name was used by an immutable release"
        in repo.refused("POST", "/releases", json={"tag_name": "v1.0.0"})[1]
    )
    draft = repo.release("v1.0.0", draft=True)
    assert repo.refused("PATCH", f"/releases/{draft['id']}", json={"draft": False})[0] == 422
    assert git(repo.remote, "tag") == ""
    repo.ok("DELETE", f"/releases/{repo.release('v2.0.0')['id']}")
    repo.release("v2.0.0")  # was not immutable
