"""`release audit verify` against whoever changes what GitHub shows, over HTTP to the forge of the sandbox."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release.adapters.clock import SystemClock
from release.adapters.github import GitHubForge
from release.adapters.github.client import Need
from release.core.forge.deployments import WantedDeployment
from release.core.forge.facts import ReleaseFacts, StatusFacts
from release.core.forge.releases import WantedAsset, WantedRelease, marker
from release.sandbox.session import Sandbox
from tests.cli.conftest import SANDBOXED, Cli, Ran, _somebody
from tests.cli.record_worlds import FILES_NAMED, PROD, Recorded
from tests.cli.worlds import FLEET

pytestmark = SANDBOXED
ADMINISTRATION = Need("preparing a test", "administration: write")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    with _somebody():
        return Recorded.whole(tmp_path_factory.mktemp("shown") / "fleet")


@pytest.fixture(scope="module")
def _shown(made: Recorded, sandbox: Sandbox) -> Recorded:
    """For what only reads: everything is recorded on the forge."""
    with _somebody():
        world = Recorded(made.fleet).at(sandbox)
        world.record(("dev", "qa", "uat", "prod"))
        return world


def be_at(world: Recorded, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Somebody whose shell names its repository on the forge, with a token."""
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)
    return world


@pytest.fixture
def shown(_shown: Recorded, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    return be_at(_shown, monkeypatch)


@pytest.fixture
def world(made: Recorded, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """For what changes the forge: the same repository under another name there, with prod recorded."""
    world = be_at(Recorded(made.fleet).at(sandbox), monkeypatch)
    world.record()
    return world


@pytest.fixture
def verify(cli: Cli, made: Recorded) -> Callable[..., Ran]:
    """Of the gold release, which is in prod; or of what is named."""

    def run(*words: str) -> Ran:
        return cli("audit", "verify", "--without-aws", "--json", *(words or ("v1.0.0",)), at=made.fleet.clone)

    return run


def checks(ran: Ran, *subjects: str) -> list[dict[str, Any]]:
    return [one for one in json.loads(ran.out)["checks"] if one["subject"] in subjects]


def wrong(ran: Ran) -> list[str]:
    assert ran.code == 3, ran.err + ran.out
    return [
        f"{one['place']}: {one['why']}"
        for one in json.loads(ran.out)["checks"]
        if one["result"] == "mismatch"
    ]


def forge(world: Recorded) -> GitHubForge:
    return GitHubForge.found(world.environ, None, SystemClock())


def published(world: Recorded) -> ReleaseFacts:
    found = forge(world).releases.published("v1.0.0")
    assert found is not None
    return found


def put(world: Recorded, name: str, data: bytes) -> None:
    """In the place of the file of this name, as whoever may write can."""
    release = published(world)
    for asset in release.assets:
        if asset.name == name:
            forge(world).releases.delete_asset(asset.id)
    forge(world).releases.upload(release, WantedAsset(name, "application/octet-stream", data))


# -- in order


def test_what_record_has_written_verifies_and_every_file_is_read(shown: Recorded, cli: Cli) -> None:
    ran = cli("audit", "verify", "--without-aws", "--json", at=shown.fleet.clone)

    assert ran.code == 0, ran.err
    (release,) = checks(ran, "release")
    assert (release["place"], release["result"]) == ("release v1.0.0", "holds")
    assert f"files: {len(FILES_NAMED)}, " in release["why"]
    deployments = checks(ran, "deployment")
    assert [(one["place"], one["result"]) for one in deployments] == [
        (f"fleet/{stage}", "holds") for stage in ("dev", "qa", "uat", "prod")
    ]
    assert "They prove nothing" in deployments[0]["why"]


def test_of_a_tag_that_is_named_only_what_belongs_to_it_is_compared(
    shown: Recorded, verify: Callable[..., Ran]
) -> None:
    ran = verify("v1.0.0-qa.1")

    assert ran.code == 0, ran.err
    assert [(one["place"], one["result"]) for one in checks(ran, "release", "deployment")] == [
        ("fleet/qa", "holds")
    ]


def test_immutable_releases_are_said_to_be(
    made: Recorded, sandbox: Sandbox, verify: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = be_at(Recorded(made.fleet).at(sandbox), monkeypatch)
    forge(world)._client.write("PUT", "immutable-releases", ADMINISTRATION, {})
    world.record()

    ran = verify()

    assert ran.code == 0, ran.err
    assert checks(ran, "release")[0]["why"].startswith("immutable; ")


def test_what_is_under_way_is_no_mismatch(
    made: Recorded, sandbox: Sandbox, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = be_at(made.copy(tmp_path / "fleet").at(sandbox), monkeypatch)
    world.record()
    world.bakes()

    assert cli("audit", "verify", "--without-aws", "v1.0.0", at=world.fleet.clone).code == 0


# -- releases


def test_a_release_that_was_never_made_or_was_deleted_is_missed(
    world: Recorded, verify: Callable[..., Ran]
) -> None:
    forge(world).releases.delete_release(published(world).id)

    ran = verify()

    assert wrong(ran) == ["release v1.0.0: it is not on GitHub; the ledger says that prod has run it"]
    assert "`release record` writes what is missing" in ran.lines("fix:")[0]


def test_a_release_that_became_a_draft_again_is_found(world: Recorded, verify: Callable[..., Ran]) -> None:
    number = published(world).id
    forge(world)._client.write("PATCH", f"releases/{number}", ADMINISTRATION, {"draft": True})

    assert "it is a draft, and not published" in wrong(verify())[0]


def test_a_release_that_was_published_before_they_became_immutable_is_named(
    world: Recorded, verify: Callable[..., Ran]
) -> None:
    forge(world)._client.write("PUT", "immutable-releases", ADMINISTRATION, {})

    (line,) = wrong(verify())
    assert line.startswith("release v1.0.0: it can be changed, and the repository wants immutable releases")


def test_a_release_that_was_made_for_another_commit_is_named(
    made: Recorded, sandbox: Sandbox, verify: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand, before `release record` came: it only adds what is missing."""
    world = be_at(Recorded(made.fleet).at(sandbox), monkeypatch)
    other = world.fleet.git("rev-parse", "HEAD^")
    words = WantedRelease("v1.0.0", other, "id", "a person's", False, True, ())
    draft = forge(world).releases.create_draft(words)
    forge(world).releases.publish(draft.id, words)
    world.record()

    (line,) = wrong(verify())
    assert line.startswith(f"release v1.0.0: it was made for commit {other}, and by the ledger it is of ")


def test_a_file_of_somebody_else_is_named(world: Recorded, verify: Callable[..., Ran]) -> None:
    put(world, "installer.exe", b"MZ")

    (line,) = wrong(verify())
    assert line.startswith("installer.exe of the release v1.0.0: release attaches no such file")


def test_every_file_that_is_gone_is_missed(world: Recorded, verify: Callable[..., Ran]) -> None:
    for asset in published(world).assets:
        forge(world).releases.delete_asset(asset.id)

    assert sorted(wrong(verify())) == [
        f"{name} of the release v1.0.0: it is not there" for name in FILES_NAMED
    ]


def test_an_upload_that_broke_off_is_named(world: Recorded, verify: Callable[..., Ran]) -> None:
    release = published(world)
    (asset,) = [one for one in release.assets if one.name == "sboms.zip"]
    forge(world).releases.delete_asset(asset.id)
    world.sandbox.forge.cut_upload(world.name, release.id, "sboms.zip")

    assert wrong(verify()) == [
        "sboms.zip of the release v1.0.0: its upload broke off: there is nothing in it"
    ]


def test_who_is_said_to_have_approved_is_compared_word_by_word(
    world: Recorded, verify: Callable[..., Ran]
) -> None:
    (asset,) = [one for one in published(world).assets if one.name == "audit.json"]
    data = forge(world).releases.asset(asset)
    put(world, "audit.json", data.replace(b'"actor":"ben"', b'"actor":"eve"'))

    (line,) = wrong(verify())
    assert line.startswith("audit.json of the release v1.0.0: its bytes have sha256 ")
    assert 'approvals[0].actor is "eve", and by the ledger "ben"' in line


def test_bytes_that_are_not_those_that_github_names_are_found(
    world: Recorded, verify: Callable[..., Ran]
) -> None:
    """Where GitHub keeps them, below its API: the digest that it tells is still the right one."""
    (asset,) = [one for one in published(world).assets if one.name == "manifest.json"]
    (stored,) = world.sandbox.root.rglob(str(asset.digest))
    good = stored.read_bytes()
    stored.write_bytes(b"[" + good[1:])
    try:
        lines = wrong(verify())
    finally:
        stored.write_bytes(good)

    assert len(lines) == 2
    assert "manifest.json of the release v1.0.0: its bytes have sha256" in lines[0]
    assert "the first other byte at 0 of" in lines[0]
    assert f"GitHub calls its sha256 {asset.digest}" in lines[1]


def test_a_release_of_what_has_failed_is_found(
    tmp_path: Path, sandbox: Sandbox, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = be_at(Recorded.begun(tmp_path / "fleet").at(sandbox), monkeypatch)
    commit = world.merge("feat: prices")
    world.to_prod(commit, world.built(commit), "1010", "v1.0.0", outcome="failed")
    world.record()
    words = WantedRelease("v1.0.0", commit, "id", "a person's", False, True, ())
    draft = forge(world).releases.create_draft(words)
    forge(world).releases.publish(draft.id, words)

    ran = cli("audit", "verify", "--without-aws", "--json", at=world.fleet.clone)

    assert wrong(ran) == [
        "release v1.0.0: it is published, and by the ledger it has not reached its stage with success"
    ]


def test_a_file_that_somebody_has_put_into_the_draft_is_not_published_with_it(
    made: Recorded, sandbox: Sandbox, verify: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = be_at(Recorded(made.fleet).at(sandbox), monkeypatch)
    releases = forge(world).releases
    words = WantedRelease("v1.0.0", "main", "id", marker("v1.0.0"), False, True, ())
    draft = releases.create_draft(words)
    for name in ("audit.json", "installer.exe"):
        releases.upload(draft, WantedAsset(name, "application/octet-stream", b"MZ"))

    world.record()

    assert world.releases() == [("v1.0.0", False, FILES_NAMED)]
    assert verify().code == 0


# -- deployments


def deployment(world: Recorded, promotion: str, commit: str) -> WantedDeployment:
    payload = {"schema": "lambda-release/deployment/1", "promotion": promotion, "region": "us-east-1"}
    status = StatusFacts("success", "forged", "")
    return WantedDeployment(
        promotion, "us-east-1", "prod", commit, "deploy:us-east-1", "forged", payload, True, status
    )


def test_a_deployment_that_the_ledger_does_not_know_is_named(world: Recorded, cli: Cli) -> None:
    commit = world.fleet.git("rev-parse", "HEAD")
    promotion = "20261121T235900Z-fleet-prod-forged"
    made = forge(world).deployments.create(deployment(world, promotion, commit))

    lines = wrong(cli("audit", "verify", "--without-aws", "--json", at=world.fleet.clone))

    assert lines[-1] == f"deployment {made.id} in prod: the ledger has no promotion {promotion} in us-east-1"


def test_a_status_that_somebody_has_set_is_named(world: Recorded, verify: Callable[..., Ran]) -> None:
    last = world.shown()["deployments"][-1]
    forge(world).deployments.add_status(last["id"], StatusFacts("failure", "no, it did not", ""))

    (line,) = wrong(verify())
    assert line.endswith("its status is failure, and by the ledger success")
    assert line.startswith("deployment of 20261121T102000Z-fleet-prod-00001020 in us-west-2")


def test_deployments_that_were_never_made_are_missed(world: Recorded, cli: Cli) -> None:
    lines = wrong(cli("audit", "verify", "--without-aws", "--json", at=world.fleet.clone))

    assert [line.partition(" in ")[0].rpartition("-fleet-")[2][:3] for line in lines] == ["dev", "qa-", "uat"]
    assert all(line.endswith("it is not there") for line in lines)


# -- what cannot be asked


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("GH_TOKEN", "", "GitHub wants a token"),
        ("GH_TOKEN", "ghs_unknown", "GitHub does not take the token"),
        ("GITHUB_REPOSITORY", "acme/nothing", "GitHub shows nothing there in acme/nothing"),
        pytest.param(  # it is asked again and again for seconds
            "GITHUB_API_URL", "http://127.0.0.1:1", "GitHub is out of reach", marks=pytest.mark.prove
        ),
        ("GITHUB_API_URL", "https://u:p@x", "no address to send a token to"),
    ],
)
def test_a_github_that_cannot_be_asked_is_never_taken_for_verified(
    variable: str,
    value: str,
    says: str,
    shown: Recorded,
    verify: Callable[..., Ran],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, value)

    ran = verify()

    assert ran.code == 4, ran.err
    (only,) = checks(ran, "release", "deployment")
    assert (only["result"], only["place"]) == ("unread", "GitHub") and says in only["why"]
    assert "--without-github" in ran.lines("fix:")[0]


def test_a_token_that_may_not_see_deployments_says_so_and_the_releases_are_compared(
    shown: Recorded, verify: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_TOKEN", shown.sandbox.forge.app_token(shown.name, contents="read"))

    ran = verify("v1.0.0")

    assert ran.code == 4
    assert [(one["place"], one["result"]) for one in checks(ran, "release", "deployment")] == [
        ("release v1.0.0", "holds"),
        ("fleet/dev", "unread"),
        ("fleet/qa", "unread"),
        ("fleet/uat", "unread"),
        ("fleet/prod", "unread"),
    ]
    assert "whether it should be, this token is not told" in checks(ran, "release")[0]["why"]


def test_a_pipeline_without_releases_on_github_misses_none(
    tmp_path: Path, sandbox: Sandbox, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = be_at(
        Recorded.begun(tmp_path / "fleet", FLEET + PROD + "releases: []\n").at(sandbox), monkeypatch
    )
    commit = world.merge("feat: prices")
    world.to_prod(commit, world.built(commit), "1010", "v1.0.0")
    world.record()

    ran = cli("audit", "verify", "--without-aws", "--json", at=world.fleet.clone)

    assert ran.code == 0, ran.err
    assert checks(ran, "release") == []
