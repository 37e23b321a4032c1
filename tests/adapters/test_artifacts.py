"""Both stores of artifacts are held to the same contract: a folder, and S3 in the sandbox."""

import base64
import hashlib
import itertools
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from release.adapters.artifacts_folder import FolderArtifacts
from release.adapters.artifacts_s3 import S3Artifacts
from release.errors import Misconfigured, ReleaseError, Unavailable
from release.ports import Artifacts, S3Code, ZipFile
from release.sandbox.session import Sandbox

REGIONS = ("us-east-1", "us-west-2")
ACCOUNT = "999999999999"
DATA = b"some bytes"
DIGEST = hashlib.sha256(DATA).hexdigest()

_patterns = (f"acme-artifacts-{number}-{{region}}" for number in itertools.count(1))


class Buckets:
    """Two buckets of one test in the sandbox, and a store over them."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.pattern = next(_patterns)
        self.client = cache(self._client)
        for region in REGIONS:
            elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}}
            self.client(region).create_bucket(
                Bucket=self.bucket(region), **({} if region == "us-east-1" else elsewhere)
            )

    def bucket(self, region: str) -> str:
        return self.pattern.replace("{region}", region)

    def store(
        self, *, pattern: str | None = None, account: str = ACCOUNT, regions: tuple[str, ...] = REGIONS
    ) -> S3Artifacts:
        return S3Artifacts(
            lambda region: self._client(region, account=account),
            pattern or self.pattern,
            regions,
            owner=ACCOUNT,
        )

    def keys(self, region: str) -> list[str]:
        listed = self.client(region).list_objects_v2(Bucket=self.bucket(region))
        return [item["Key"] for item in listed.get("Contents", [])]

    def overwrite(self, region: str, key: str, data: bytes) -> None:
        self.client(region).put_object(Bucket=self.bucket(region), Key=key, Body=data)

    def remove(self, region: str, key: str) -> None:
        self.client(region).delete_object(Bucket=self.bucket(region), Key=key)

    def _client(self, region: str, account: str = ACCOUNT, endpoint: str | None = None) -> Any:
        return boto3.client(
            "s3",
            region_name=region,
            endpoint_url=endpoint or self.endpoint,
            aws_access_key_id=account,
            aws_secret_access_key="sandbox",
            config=Config(proxies={}, retries={"total_max_attempts": 2}, connect_timeout=2, read_timeout=5),
        )


@pytest.fixture
def buckets(sandbox: Sandbox) -> Iterator[Buckets]:
    yield Buckets(sandbox.endpoint)
    sandbox.faults([])


@pytest.fixture(params=["folder", "s3"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    if request.param == "folder":
        return FolderArtifacts(tmp_path / "store")
    buckets: Buckets = request.getfixturevalue("buckets")
    return buckets.store()


def refusal(act: Callable[[], object]) -> ReleaseError:
    with pytest.raises(ReleaseError) as refused:
        act()
    return refused.value


def test_bytes_come_back_by_their_digest(artifacts: Artifacts) -> None:
    assert artifacts.put(DATA, kind="template") == DIGEST
    assert artifacts.get(DIGEST, kind="template") == DATA


def test_the_same_bytes_may_be_put_again(artifacts: Artifacts) -> None:
    assert [artifacts.put(DATA, kind="zip") for _ in range(2)] == [DIGEST, DIGEST]


def test_every_region_holds_what_was_put(artifacts: Artifacts) -> None:
    assert not any(artifacts.holds(DIGEST, kind="zip", region=region) for region in REGIONS)
    artifacts.put(DATA, kind="zip")
    assert all(artifacts.holds(DIGEST, kind="zip", region=region) for region in REGIONS)
    assert not artifacts.holds(DIGEST, kind="manifest", region="us-east-1")


def test_what_was_never_put_is_lost(artifacts: Artifacts) -> None:
    error = refusal(lambda: artifacts.get(DIGEST, kind="manifest"))
    assert isinstance(error, Misconfigured)
    assert f"manifest/{DIGEST}" in str(error.see)


def test_an_index_entry_is_written_once(artifacts: Artifacts) -> None:
    assert artifacts.index("manifests", "fleet/abc/lambda") is None
    assert artifacts.index_once("manifests", "fleet/abc/lambda", "first") == "first"
    assert artifacts.index_once("manifests", "fleet/abc/lambda", "second") == "first"
    assert artifacts.index("manifests", "fleet/abc/lambda") == "first"
    assert artifacts.index("fingerprints", "fleet/abc/lambda") is None


def test_of_many_threads_one_wins_an_index_entry(artifacts: Artifacts) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: artifacts.index_once("manifests", "race", f"value {n}"), range(12)))
    assert len(set(answers)) == 1
    assert artifacts.index("manifests", "race") == answers[0]


def test_of_many_threads_that_put_the_same_none_fails(artifacts: Artifacts) -> None:
    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(lambda _: artifacts.put(DATA, kind="zip"), range(12))) == {DIGEST}


@pytest.mark.parametrize("digest", ["../../etc/passwd", "A" * 64, DIGEST[:-1], ""])
def test_a_forged_digest_names_no_other_place(artifacts: Artifacts, digest: str) -> None:
    with pytest.raises(ValueError, match="sha256"):
        artifacts.get(digest, kind="zip")


@pytest.mark.parametrize("key", ["../x", "a//b", "/a", "a/..", "a b", ""])
def test_a_forged_index_key_names_no_other_place(artifacts: Artifacts, key: str) -> None:
    with pytest.raises(ValueError, match="index entry"):
        artifacts.index("manifests", key)


def test_digests_are_found_by_how_they_begin(artifacts: Artifacts) -> None:
    digests = sorted(artifacts.put(f"{number}".encode(), kind="zip") for number in range(3))
    artifacts.put(b"0", kind="manifest")
    assert list(artifacts.digests("", kind="zip")) == digests
    assert list(artifacts.digests(digests[0][:8], kind="zip")) == digests[:1]
    assert list(artifacts.digests("f" * 64, kind="zip")) == []
    with pytest.raises(ValueError, match="beginning of a sha256"):
        artifacts.digests("../", kind="zip")


def test_entries_of_an_index_are_listed_with_when_they_were_written(artifacts: Artifacts) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=5)  # two clocks, and one of them in whole seconds
    for key in ("fleet/b/lambda", "fleet/a/lambda", "payments/a/lambda", "fleets/a/lambda"):
        artifacts.index_once("manifests", key, "x")
    artifacts.index_once("fingerprints", "f", "x")
    assert [one.key for one in artifacts.indexed("manifests", "fleet")] == [
        "fleet/a/lambda",
        "fleet/b/lambda",
    ]
    assert len(artifacts.indexed("manifests")) == 4
    assert all(begun <= one.written for one in artifacts.indexed("manifests"))
    assert list(artifacts.indexed("manifests", "nobody")) == []


# The folder


def _race(folder: Path, number: int, answers: Any) -> None:
    answers.put(FolderArtifacts(folder).index_once("manifests", "race", f"value {number}"))


def test_of_many_processes_one_wins_an_index_entry_in_a_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    processes = [context.Process(target=_race, args=(tmp_path, n, answers)) for n in range(8)]
    for process in processes:
        process.start()
    said = {answers.get(timeout=20) for _ in processes}
    for process in processes:
        process.join()
    assert len(said) == 1


def test_damaged_bytes_in_a_folder_are_noticed(tmp_path: Path) -> None:
    store = FolderArtifacts(tmp_path)
    store.put(DATA, kind="zip")
    path = tmp_path / f"zip/{DIGEST}.zip"
    path.chmod(0o644)
    path.write_bytes(b"other bytes")
    for act in (
        lambda: store.get(DIGEST, kind="zip"),
        lambda: store.put(DATA, kind="zip"),
        lambda: store.holds(DIGEST, kind="zip", region="us-east-1"),
    ):
        error = refusal(act)
        assert "is damaged" in error.cause
        assert error.see == str(path)


def test_bytes_that_are_damaged_after_they_were_looked_at_are_noticed(tmp_path: Path) -> None:
    store = FolderArtifacts(tmp_path)
    store.put(DATA, kind="zip")
    assert store.holds(DIGEST, kind="zip", region="us-east-1")
    path = tmp_path / f"zip/{DIGEST}.zip"
    path.chmod(0o644)
    path.write_bytes(DATA[:-1])
    assert "is damaged" in refusal(lambda: store.holds(DIGEST, kind="zip", region="us-east-1")).cause


def test_an_index_entry_in_a_folder_that_is_no_text_is_damaged(tmp_path: Path) -> None:
    store = FolderArtifacts(tmp_path)
    store.index_once("fingerprints", "f", "won")
    path = tmp_path / "index/fingerprints/f"
    path.chmod(0o644)
    path.write_bytes(b"\xff")
    assert "is damaged" in refusal(lambda: store.index("fingerprints", "f")).cause
    assert "is damaged" in refusal(lambda: store.index_once("fingerprints", "f", "mine")).cause


def test_an_index_entry_in_a_bucket_that_is_no_text_is_damaged(buckets: Buckets) -> None:
    store = buckets.store()
    store.index_once("fingerprints", "f", "won")
    buckets.overwrite(REGIONS[0], "index/fingerprints/f", b"\xff")
    error = refusal(lambda: store.index("fingerprints", "f"))
    assert "is damaged" in error.cause
    assert error.see == f"s3://{buckets.bucket(REGIONS[0])}/index/fingerprints/f"


def test_a_folder_keeps_nothing_but_what_was_put(tmp_path: Path) -> None:
    store = FolderArtifacts(tmp_path)
    store.put(DATA, kind="zip")
    store.put(DATA, kind="zip")
    store.index_once("manifests", "a/b", "x")
    store.index_once("manifests", "a/b", "y")
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["index/manifests/a/b", f"zip/{DIGEST}.zip"]


def test_a_folder_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    store = FolderArtifacts(tmp_path / "store")
    for act in (lambda: store.put(DATA, kind="zip"), lambda: store.index("manifests", "a")):
        assert "cannot be used" in refusal(act).cause


def test_lambda_takes_a_zip_from_the_folder_as_a_file(tmp_path: Path) -> None:
    code = FolderArtifacts(tmp_path).code(DIGEST, "us-east-1")
    assert code == ZipFile(tmp_path / f"zip/{DIGEST}.zip")


# S3


def test_the_same_keys_are_in_every_bucket_and_the_index_in_the_first(buckets: Buckets) -> None:
    store = buckets.store()
    store.put(DATA, kind="zip")
    store.index_once("manifests", "fleet/abc/host:3.11-linux-x86_64", DIGEST)
    assert buckets.keys("us-east-1") == [
        "index/manifests/fleet/abc/host:3.11-linux-x86_64",
        f"zip/{DIGEST}.zip",
    ]
    assert buckets.keys("us-west-2") == [f"zip/{DIGEST}.zip"]


def test_lambda_takes_a_zip_from_the_bucket_of_its_own_region(buckets: Buckets) -> None:
    code = buckets.store().code(DIGEST, "us-west-2")
    assert code == S3Code(buckets.bucket("us-west-2"), f"zip/{DIGEST}.zip")


def test_a_region_that_lost_its_copy_is_filled_by_the_next_put(buckets: Buckets) -> None:
    store = buckets.store()
    store.put(DATA, kind="zip")
    buckets.remove("us-west-2", f"zip/{DIGEST}.zip")
    assert not store.holds(DIGEST, kind="zip", region="us-west-2")
    store.put(DATA, kind="zip")
    assert store.holds(DIGEST, kind="zip", region="us-west-2")


def test_bytes_are_read_from_another_region_when_the_nearest_lost_them(buckets: Buckets) -> None:
    store = buckets.store()
    store.put(DATA, kind="manifest")
    buckets.overwrite("us-east-1", f"manifest/{DIGEST}", b"other bytes")
    assert store.get(DIGEST, kind="manifest") == DATA


def test_bytes_that_no_region_has_are_lost_with_each_place_named(buckets: Buckets) -> None:
    store = buckets.store()
    store.put(DATA, kind="manifest")
    buckets.overwrite("us-east-1", f"manifest/{DIGEST}", b"other bytes")
    buckets.remove("us-west-2", f"manifest/{DIGEST}")
    error = refusal(lambda: store.get(DIGEST, kind="manifest"))
    places = [f"s3://{buckets.bucket(region)}/manifest/{DIGEST}" for region in REGIONS]
    assert error.details == (
        f"{places[0]} (us-east-1) is damaged: its bytes have another digest",
        f"{places[1]} (us-west-2) is not there",
    )


def test_an_index_is_found_when_another_region_has_become_the_first(buckets: Buckets) -> None:
    buckets.store().index_once("manifests", "a", "old")
    turned = buckets.store(regions=REGIONS[::-1])
    assert turned.index("manifests", "a") == "old"
    assert turned.index_once("manifests", "a", "new") == "old"
    assert [one.key for one in turned.indexed("manifests")] == ["a"]


LARGE = bytes(range(256)) * 4 * 1024 * 9  # 9 MB


def test_large_bytes_are_sent_once_and_copied_by_s3(buckets: Buckets, sandbox: Sandbox) -> None:
    sandbox.forget_calls()
    digest = buckets.store().put(LARGE, kind="zip")
    assert buckets.store().get(digest, kind="zip") == LARGE
    kept = buckets.client("us-west-2").get_object(Bucket=buckets.bucket("us-west-2"), Key=f"zip/{digest}.zip")
    assert kept["Body"].read() == LARGE
    assert kept["Metadata"] == {"sha256": digest}
    puts = [call for call in sandbox.calls() if call["method"] == "PUT" and digest in call["path"]]
    assert len(puts) == 2
    buckets.store().put(LARGE, kind="zip")
    assert len(buckets.keys("us-west-2")) == 1


def test_large_bytes_are_sent_where_s3_cannot_copy(buckets: Buckets, sandbox: Sandbox) -> None:
    refuse = {"service": "s3", "method": "PUT", "region": "us-west-2", "times": 1}
    sandbox.faults([refuse | {"status": 501, "code": "NotImplemented"}])
    digest = buckets.store().put(LARGE, kind="zip")
    assert buckets.store().holds(digest, kind="zip", region="us-west-2")


def test_large_foreign_bytes_are_noticed_and_kept(buckets: Buckets) -> None:
    key = f"zip/{hashlib.sha256(LARGE).hexdigest()}.zip"
    buckets.overwrite("us-west-2", key, b"other bytes")
    error = refusal(lambda: buckets.store().put(LARGE, kind="zip"))
    assert f"{buckets.bucket('us-west-2')}/{key} (us-west-2) is there already" in error.cause
    kept = buckets.client("us-west-2").get_object(Bucket=buckets.bucket("us-west-2"), Key=key)["Body"].read()
    assert kept == b"other bytes"


@pytest.mark.parametrize(
    ("stated", "held"),
    [
        ({"ChecksumSHA256": base64.b64encode(bytes.fromhex(DIGEST)).decode()}, True),
        ({"ChecksumSHA256": base64.b64encode(bytes(32)).decode(), "Metadata": {"sha256": DIGEST}}, False),
        ({"ChecksumSHA256": "made-of-parts-3", "Metadata": {"sha256": DIGEST}}, True),
        ({"Metadata": {"sha256": "0" * 64}}, False),
    ],
)
def test_what_s3_says_of_the_bytes_counts_before_what_we_noted(stated: dict[str, Any], held: bool) -> None:
    """In the words of AWS, which the sandbox does not use: it states no checksum."""
    client = boto3.client("s3", "us-east-1", aws_access_key_id=ACCOUNT, aws_secret_access_key="x")
    with Stubber(client) as stubbed:
        asked = {"Bucket": "b", "Key": f"zip/{DIGEST}.zip", "ChecksumMode": "ENABLED"}
        stubbed.add_response("head_object", {"ContentLength": len(DATA)} | stated, asked)
        store = S3Artifacts(lambda region: client, "b", REGIONS)
        if held:
            assert store.holds(DIGEST, kind="zip", region="us-east-1")
        else:
            error = refusal(lambda: store.holds(DIGEST, kind="zip", region="us-east-1"))
            assert f"s3://b/zip/{DIGEST}.zip (us-east-1) is not what its name says" in error.cause
            assert "--refill" in error.fix


def test_a_copy_that_a_person_restored_is_read_when_nothing_else_tells(buckets: Buckets) -> None:
    key = f"zip/{DIGEST}.zip"
    buckets.overwrite("us-east-1", key, DATA)
    assert buckets.store().holds(DIGEST, kind="zip", region="us-east-1")


def test_foreign_bytes_under_our_key_are_neither_accepted_nor_overwritten(buckets: Buckets) -> None:
    key = f"zip/{DIGEST}.zip"
    buckets.overwrite("us-west-2", key, b"other byte")
    error = refusal(lambda: buckets.store().put(DATA, kind="zip"))
    place = f"s3://{buckets.bucket('us-west-2')}/{key} (us-west-2)"
    assert error.cause == f"{place} is there already and is not what its name says"
    kept = buckets.client("us-west-2").get_object(Bucket=buckets.bucket("us-west-2"), Key=key)["Body"].read()
    assert kept == b"other byte"


def test_a_put_whose_answer_was_lost_is_known_again(buckets: Buckets, sandbox: Sandbox) -> None:
    lost = {
        "service": "s3",
        "method": "PUT",
        "path": f"zip/{DIGEST}",
        "times": 1,
        "when": "after",
        "status": 503,
    }
    sandbox.faults([lost])
    assert buckets.store().put(DATA, kind="zip") == DIGEST
    sandbox.faults([])
    assert all(buckets.store().holds(DIGEST, kind="zip", region=region) for region in REGIONS)


def test_an_index_write_whose_answer_was_lost_is_ours(buckets: Buckets, sandbox: Sandbox) -> None:
    sandbox.faults([{"service": "s3", "method": "PUT", "times": 1, "when": "after", "status": 503}])
    assert buckets.store().index_once("manifests", "a", "ours") == "ours"


def test_a_put_that_meets_another_one_is_tried_again(buckets: Buckets, sandbox: Sandbox) -> None:
    conflict = {
        "service": "s3",
        "method": "PUT",
        "times": 2,
        "status": 409,
        "code": "ConditionalRequestConflict",
    }
    sandbox.faults([conflict])
    assert buckets.store().put(DATA, kind="zip") == DIGEST


def test_a_bucket_that_is_not_there_says_how_to_create_it(buckets: Buckets) -> None:
    store = buckets.store(pattern="nobody-made-this-{region}")
    error = refusal(lambda: store.put(DATA, kind="zip"))
    assert isinstance(error, Misconfigured)
    assert "there is no bucket nobody-made-this-us-east-1" in error.cause
    assert "create it" in error.fix


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (403, "AccessDenied", Misconfigured, "was denied"),
        (400, "ExpiredToken", Misconfigured, "not valid"),
        (403, "SignatureDoesNotMatch", Misconfigured, "not valid"),
        (503, "SlowDown", Unavailable, "is busy"),
        (500, "InternalError", Unavailable, "is busy"),
        (301, "PermanentRedirect", Misconfigured, "is not in us-east-1"),
        (400, "InvalidRequest", Misconfigured, "S3 refused"),
    ],
)
def test_what_s3_refuses_is_explained(status: int, code: str, kind: type[ReleaseError], words: str) -> None:
    client = boto3.client("s3", "us-east-1", aws_access_key_id=ACCOUNT, aws_secret_access_key="x")
    with Stubber(client) as stubbed:
        stubbed.add_client_error("get_object", code, http_status_code=status)
        error = refusal(lambda: S3Artifacts(lambda region: client, "b", REGIONS).index("manifests", "a"))
    assert type(error) is kind
    assert words in error.cause


def test_another_accounts_credentials_are_refused(buckets: Buckets) -> None:
    buckets.store().put(DATA, kind="zip")
    error = refusal(lambda: buckets.store(account="123456789012").get(DIGEST, kind="zip"))
    assert isinstance(error, Misconfigured)
    assert "no region has" not in error.cause and "restore" not in error.fix


def test_s3_out_of_reach_is_worth_another_try(buckets: Buckets) -> None:
    store = S3Artifacts(
        lambda region: buckets._client(region, endpoint="http://127.0.0.1:9"), buckets.pattern, REGIONS
    )
    for act in (lambda: store.get(DIGEST, kind="zip"), lambda: store.index_once("manifests", "a", "x")):
        assert isinstance(refusal(act), Unavailable)
