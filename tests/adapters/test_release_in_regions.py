"""A release in the buckets of several regions: filled at build, also where a region joins later."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from release.build.release_build import BuildResult
from release.errors import Misconfigured
from release.sandbox.session import Sandbox
from tests.adapters.test_artifacts import REGIONS, Buckets
from tests.build import fleet
from tests.build.plain_repo import PlainRepo
from tests.build.test_release_build import Unusable, build


@pytest.fixture
def buckets(sandbox: Sandbox) -> Iterator[Buckets]:
    yield Buckets(sandbox.endpoint)
    sandbox.faults([])


@pytest.fixture
def repo(tmp_path: Path) -> PlainRepo:
    return PlainRepo.create(tmp_path / "repo")


def objects(buckets: Buckets, region: str) -> set[str]:
    return {key for key in buckets.keys(region) if not key.startswith("index/")}


def built(repo: PlainRepo, buckets: Buckets, commit: str, *regions: str, **changed: object) -> BuildResult:
    """A build whose stages, and whose store, have these regions."""
    facts = {"pipeline": fleet.pipeline(regions=regions)} | changed
    return build(repo, buckets.store(regions=regions), commit, **facts)


def test_a_region_that_joins_later_is_filled_with_known_releases(repo: PlainRepo, buckets: Buckets) -> None:
    commit = repo.commit(fleet.files())
    first = built(repo, buckets, commit, REGIONS[0])
    assert objects(buckets, REGIONS[1]) == set()
    again = built(repo, buckets, commit, *REGIONS, builder=Unusable(), templates=Unusable())
    assert again.digest == first.digest
    assert objects(buckets, REGIONS[1]) == objects(buckets, REGIONS[0])
    assert len(objects(buckets, REGIONS[1])) == 1 + 3 + 4  # manifest; zip and papers; two stages


def test_what_is_relied_on_is_in_the_new_region_too(repo: PlainRepo, buckets: Buckets) -> None:
    """The manifest of what a stage runs is known to be in one region only."""
    first = built(repo, buckets, repo.commit(fleet.files()), REGIONS[0])
    commit = repo.commit({"README.md": "next"})
    built(repo, buckets, commit, *REGIONS, builder=Unusable(), base=(first.digest,))
    lacking = objects(buckets, REGIONS[0]) - objects(buckets, REGIONS[1])
    assert lacking == {f"manifest/{first.digest}"}


def test_a_region_may_be_put_before_the_first(repo: PlainRepo, buckets: Buckets) -> None:
    commit = repo.commit(fleet.files())
    first = built(repo, buckets, commit, *REGIONS)
    turned = built(repo, buckets, commit, *REGIONS[::-1], builder=Unusable())
    assert (turned.known, turned.digest) == (True, first.digest)


def test_a_copy_that_a_region_has_lost_comes_back_with_a_refill(repo: PlainRepo, buckets: Buckets) -> None:
    commit = repo.commit(fleet.files())
    artifact = built(repo, buckets, commit, *REGIONS).manifest.services["orders"].artifact
    buckets.remove(REGIONS[0], f"zip/{artifact}.zip")
    built(repo, buckets, commit, *REGIONS)
    assert f"zip/{artifact}.zip" not in buckets.keys(REGIONS[0])
    built(repo, buckets, commit, *REGIONS, refill=True)
    assert f"zip/{artifact}.zip" in buckets.keys(REGIONS[0])


def test_a_damaged_object_is_named_with_bucket_key_region_and_a_way_out(
    repo: PlainRepo, buckets: Buckets
) -> None:
    commit = repo.commit(fleet.files())
    artifact = built(repo, buckets, commit, *REGIONS).manifest.services["orders"].artifact
    buckets.overwrite(REGIONS[1], f"zip/{artifact}.zip", b"other bytes")
    with pytest.raises(Misconfigured) as refused:
        built(repo, buckets, commit, *REGIONS, refill=True)
    place = f"s3://{buckets.bucket(REGIONS[1])}/zip/{artifact}.zip"
    assert refused.value.cause == f"{place} (us-west-2) is not what its name says"
    assert refused.value.see == place
    assert "list-object-versions" in refused.value.fix
