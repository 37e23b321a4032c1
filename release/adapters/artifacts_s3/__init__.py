"""The artifact store in S3: one account, a bucket in every region. Implements ports.Artifacts.

Bytes are put into every region at build, each under its digest and only if nothing is there (`If-None-Match:
*`). Digests are checked at both ends: S3 compares what arrives with the SHA-256 that we send, and we compare
what it says to have, or what it gives us. The write-once index is written in the first region alone: one
place decides who won. It is looked for in the others, too, so that a region may be put before the first.
"""

import base64
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from release.adapters.artifacts_s3.refusals import DENIED, MISSING, RACING, TAKEN, code_of, explain
from release.core import canonical
from release.core.store_layout import digest_of, index_key, index_prefix, object_key, object_prefix
from release.errors import Misconfigured, ReleaseError
from release.ports import Code, Indexed, S3Code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Codes of a store that cannot copy, or not like this; the bytes are sent there instead.
_NO_COPY = frozenset({"NotImplemented", "InvalidRequest", "InvalidArgument", "501"}) | DENIED
_COPIED_FROM = 8 * 1024 * 1024  # bytes; above this S3 copies between its regions, and nothing is sent twice
_RACES = 20  # tries of a put that meets another one
_RACE_WAIT = 0.1  # seconds between them


class S3Artifacts:
    """`client_for` gives a client for a region, safe to use from several threads (botocore clients are).

    `bucket` is a pattern with `{region}`; `regions` are all that any stage uses, the nearest first; `owner`
    is the account that must own the buckets, so that nobody can offer one of the same name. Every method
    raises Misconfigured (no bucket, access denied, lost or damaged bytes) and Unavailable (S3 is out of reach
    or busy).
    """

    def __init__(
        self,
        client_for: "Callable[[str], S3Client]",
        bucket: str,
        regions: Sequence[str],
        *,
        owner: str | None = None,
    ) -> None:
        self._client_for = client_for
        self._pattern = bucket
        self._regions = tuple(regions)
        self._owner: Mapping[str, Any] = {"ExpectedBucketOwner": owner} if owner else {}

    def put(self, data: bytes, *, kind: str) -> str:
        digest = canonical.sha256(data)
        key = object_key(kind, digest)
        copied = len(data) > _COPIED_FROM
        put, others = self._regions[:1] if copied else self._regions, self._regions[1:] if copied else ()
        with ThreadPoolExecutor(max_workers=len(self._regions)) as pool:
            for done in [pool.submit(self._put_in, region, key, data, digest) for region in put]:
                done.result()
            for done in [pool.submit(self._copy_to, region, key, data, digest) for region in others]:
                done.result()
        return digest

    def get(self, digest: str, *, kind: str) -> bytes:
        key = object_key(kind, digest)
        trouble: list[ReleaseError] = []
        nobody_answered = True
        for region in self._regions:
            try:
                data = self._read(region, key)
            except ReleaseError as error:
                trouble.append(error)
                continue
            if data is not None and canonical.sha256(data) == digest:
                return data
            nobody_answered = False
            state = "is not there" if data is None else "is damaged: its bytes have another digest"
            trouble.append(self._lost(region, key, state))
        # Without credentials nothing is known to be lost, and nothing is to be restored.
        if len(trouble) == 1 or (nobody_answered and len({error.exit_code for error in trouble}) == 1):
            raise trouble[0]
        raise Misconfigured(
            f"no region has the {kind} {digest[:12]}",
            fix=_RESTORE,
            see=f"s3://{self._bucket(self._regions[0])}/{key}",
            details=[error.cause for error in trouble],
        )

    def holds(self, digest: str, *, kind: str, region: str) -> bool:
        key = object_key(kind, digest)
        found = self._head(region, key)
        if found is None:
            return False
        if not self._is(digest, found, region, key):
            raise self._lost(region, key, "is not what its name says")
        return True

    def proves(self, digest: str, *, kind: str, region: str) -> bool:
        key = object_key(kind, digest)
        data = self._read(region, key)
        if data is None:
            return False
        if canonical.sha256(data) != digest:
            raise self._lost(region, key, "is not what its name says")
        return True

    def digests(self, prefix: str, *, kind: str) -> Sequence[str]:
        start = object_prefix(kind, prefix)
        keys = {key for region in self._regions for key, _ in self._listed(region, start)}
        return sorted({digest for key in keys if (digest := digest_of(key)) is not None})

    def index(self, name: str, key: str) -> str | None:
        place = index_key(name, key)
        for region in self._regions:
            if (data := self._read(region, place)) is not None:
                return self._text(data, region, place)
        return None

    def index_once(self, name: str, key: str, value: str) -> str:
        region, place, data = self._regions[0], index_key(name, key), value.encode()
        if len(self._regions) > 1 and (known := self.index(name, key)) is not None:
            return known
        if self._put_new(region, place, data, canonical.sha256(data)):
            return value
        winner = self._read(region, place)
        if winner is None:
            raise self._lost(region, place, "was written and removed again at the same moment")
        return self._text(winner, region, place)

    def indexed(self, name: str, under: str = "") -> Sequence[Indexed]:
        start = index_prefix(name, under)
        found = {
            key: written for region in reversed(self._regions) for key, written in self._listed(region, start)
        }
        base = len(index_prefix(name))
        return [Indexed(key[base:], written) for key, written in sorted(found.items())]

    def code(self, digest: str, region: str) -> Code:
        return S3Code(bucket=self._bucket(region), key=object_key("zip", digest))

    def _put_in(self, region: str, key: str, data: bytes, digest: str) -> None:
        if not self._put_new(region, key, data, digest):
            self._expect(digest, region, key)

    def _copy_to(self, region: str, key: str, data: bytes, digest: str) -> None:
        """Let S3 copy from the first region. `If-None-Match` of CopyObject guards against others at the same
        moment; https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
        """
        if self._head(region, key) is None:
            source = self._regions[0]
            owner = self._owner and {"ExpectedSourceBucketOwner": self._owner["ExpectedBucketOwner"]}
            try:
                self._client(region).copy_object(
                    Bucket=self._bucket(region),
                    Key=key,
                    CopySource={"Bucket": self._bucket(source), "Key": key},
                    ChecksumAlgorithm="SHA256",
                    IfNoneMatch="*",
                    **self._owner,
                    **owner,
                )
            except ClientError as error:
                code = code_of(error)
                if code in _NO_COPY or code in RACING:
                    return self._put_in(region, key, data, digest)
                if code not in TAKEN:
                    raise self._explain(error, region) from error
            except BotoCoreError as error:
                raise self._explain(error, region) from error
        self._expect(digest, region, key)

    def _expect(self, digest: str, region: str, key: str) -> None:
        """Raises Misconfigured unless what is there is what its name says."""
        found = self._head(region, key)
        if found is None or not self._is(digest, found, region, key):
            raise self._lost(region, key, "is there already and is not what its name says")

    def _is(self, digest: str, found: Any, region: str, key: str) -> bool:
        """By S3's own checksum, else by what we noted when we put it, else by its bytes."""
        checksum = str(found.get("ChecksumSHA256", ""))
        if checksum and "-" not in checksum:  # with a dash it is one over the parts of an upload
            return checksum == _base64(digest)
        noted = found.get("Metadata", {}).get("sha256")
        if noted is not None and found["ContentLength"]:
            return bool(noted == digest)
        return canonical.sha256(self._read(region, key) or b"") == digest

    def _listed(self, region: str, prefix: str) -> Iterator[tuple[str, Any]]:
        """(key, when it was written) of all that begins like this."""
        try:
            pages = self._client(region).get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket(region), Prefix=prefix, **self._owner):
                for item in page.get("Contents", []):
                    yield item["Key"], item["LastModified"]
        except (ClientError, BotoCoreError) as error:
            raise self._explain(error, region) from error

    def _put_new(self, region: str, key: str, data: bytes, digest: str) -> bool:
        """Put unless there is something under this key; False when there is, maybe by our own put whose
        answer was lost.
        """
        for tries_left in reversed(range(_RACES)):
            try:
                self._client(region).put_object(
                    Bucket=self._bucket(region),
                    Key=key,
                    Body=data,
                    IfNoneMatch="*",
                    ChecksumSHA256=_base64(digest),
                    Metadata={"sha256": digest},
                    **self._owner,
                )
                return True
            except ClientError as error:
                code = code_of(error)
                if code in TAKEN:
                    return False
                if code not in RACING or not tries_left:
                    raise self._explain(error, region) from error
                time.sleep(_RACE_WAIT)
            except BotoCoreError as error:
                raise self._explain(error, region) from error
        raise AssertionError("the last try returns or raises")

    def _read(self, region: str, key: str) -> bytes | None:
        try:
            answer = self._client(region).get_object(Bucket=self._bucket(region), Key=key, **self._owner)
            return answer["Body"].read()
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and code_of(error) in MISSING:
                return None
            raise self._explain(error, region) from error

    def _head(self, region: str, key: str) -> Any:
        try:
            return self._client(region).head_object(
                Bucket=self._bucket(region), Key=key, ChecksumMode="ENABLED", **self._owner
            )
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and code_of(error) in MISSING:
                return None
            raise self._explain(error, region) from error

    def _client(self, region: str) -> "S3Client":
        return self._client_for(region)

    def _bucket(self, region: str) -> str:
        return self._pattern.replace("{region}", region)

    def _text(self, data: bytes, region: str, key: str) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise self._lost(region, key, "is damaged: it is no text") from error

    def _lost(self, region: str, key: str, state: str) -> Misconfigured:
        place = f"s3://{self._bucket(region)}/{key}"
        return Misconfigured(f"{place} ({region}) {state}", fix=_RESTORE, see=place)

    def _explain(self, error: ClientError | BotoCoreError, region: str) -> ReleaseError:
        return explain(error, bucket=self._bucket(region), region=region)


_RESTORE = (
    "restore it: `release build --refill` copies what is missing from another region; remove first what is "
    "damaged, or bring back an older version (aws s3api list-object-versions); it is never built again"
)


def _base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()
