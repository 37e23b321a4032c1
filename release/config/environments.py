"""`pipelines/environments.yaml`: where functions and artifacts live."""

from collections.abc import Mapping
from dataclasses import dataclass

from release.config import notifications, reader, values
from release.config.problems import Problems, shown
from release.config.reader import Fields, Value
from release.core.models import BucketStore, Environment, FolderStore, Source
from release.core.recipients import Recipient

FILE = "pipelines/environments.yaml"
DEFAULT_ALIAS = "live"


@dataclass(frozen=True, slots=True)
class Where:
    """What the file says. `declared` holds environments with errors too: nobody shall call them unknown."""

    environments: Mapping[str, Environment]
    declared: frozenset[str] | None  # None: the file cannot be read, so that any name may be right
    artifacts: BucketStore | FolderStore | None
    alias: str | None
    recipients: tuple[Recipient, ...] = ()
    notifications: Value | None = None  # as it stands in the file: names in it are checked later


def read(data: bytes | None, problems: Problems, *, missing: bool) -> Where:
    """`missing`: the file is not there; without that, why it has no content is among the problems already."""
    if data is None:
        if missing:
            problems.add(
                Source(FILE, 1, ""), "the file is missing", "write it: artifacts, alias and environments"
            )
        return Where({}, None, None, None)
    value = reader.read_file(FILE, data, problems)
    known = reader.fields(value, ("artifacts", "environments"), ("alias", "alerts", "notifications"))
    entries = reader.table(known.get("environments"))
    if entries is not None and not entries:
        known["environments"].wrong("names no environment", "add one, as in dev: {account: …, regions: […]}")
    environments = {
        name: environment
        for name, entry in (entries or {}).items()
        if (environment := _environment(name, entry)) is not None
    }
    regions = tuple(dict.fromkeys(region for each in environments.values() for region in each.regions))
    alias = reader.text(known.get("alias"), values.ALIAS)
    return Where(
        environments,
        None if entries is None else frozenset(entries),
        _artifacts(known.get("artifacts"), regions),
        alias if "alias" in known else DEFAULT_ALIAS,
        notifications.read(known.get("notifications"), known.get("alerts")),
        known.get("notifications"),
    )


def declared_at(data: bytes) -> Mapping[str, Source]:
    """Where each environment stands in a file that has been read without problems."""
    known = reader.table(reader.read_file(FILE, data, Problems())) or {}
    entries = reader.table(known.get("environments")) or {}
    return {name: entry.source for name, entry in entries.items()}


def _environment(name: str, entry: Value) -> Environment | None:
    if not _is_name(name):
        entry.wrong(f"{shown(name)} {values.NAME.what}", values.NAME.fix)
    known = reader.fields(entry, ("account", "regions"), ("role", "plan_role", "boundary"))
    account = reader.text(known.get("account"), values.ACCOUNT)
    regions = reader.texts(known.get("regions"), values.REGION)
    role, plan_role = _roles(known, "plan_role", account)
    if account is None or regions is None:
        return None
    boundary = reader.text(known.get("boundary"), values.POLICY)
    return Environment(name, account, regions, role, plan_role, boundary)


def _artifacts(value: Value | None, regions: tuple[str, ...]) -> BucketStore | FolderStore | None:
    entries = reader.table(value)
    if value is None or entries is None:
        return None
    if "folder" in entries:
        folder = reader.text(reader.fields(value, ("folder",)).get("folder"), values.FOLDER)
        return None if folder is None else FolderStore(folder)
    known = reader.fields(value, ("account", "bucket"), ("role", "read_role"))
    account = reader.text(known.get("account"), values.ACCOUNT)
    bucket = _bucket(known.get("bucket"), regions)
    role, read_role = _roles(known, "read_role", account)
    return None if account is None or bucket is None else BucketStore(account, bucket, role, read_role)


def _bucket(value: Value | None, regions: tuple[str, ...]) -> str | None:
    pattern = reader.text(value)
    if value is None or pattern is None:
        return None
    if "{region}" not in pattern and len(regions) > 1:
        value.wrong(
            f"{shown(pattern)} is one bucket, and the environments have {len(regions)} regions",
            "put {region} into it: Lambda takes code only from a bucket in its own region",
        )
        return None
    for region in regions or ("us-east-1",):
        bucket = pattern.replace("{region}", region)
        if values.BUCKET.pattern.fullmatch(bucket) is None:
            value.wrong(
                f"{shown(bucket)} {values.BUCKET.what}", f"{values.BUCKET.fix}; {{region}} is filled in"
            )
            return None
    return pattern


def _roles(known: Fields, weaker: str, account: str | None) -> tuple[str | None, str | None]:
    """`role`, and the one that can do less, which stands for it where that is enough."""
    role, other = _role(known.get("role"), account), _role(known.get(weaker), account)
    if weaker in known and "role" not in known:
        known[weaker].wrong(
            "stands without `role`, which is what everything else needs", "add `role:`, or take this one out"
        )
    return role, other


def _role(value: Value | None, account: str | None) -> str | None:
    role = reader.text(value, values.ROLE)
    if value is not None and role is not None and account is not None and role.split(":")[4] != account:
        value.wrong(
            f"the role is of account {role.split(':')[4]}, and the account here is {account}",
            "name a role of this account, or mend the account",
        )
    return role


def _is_name(text: str) -> bool:
    return len(text) <= values.LONGEST_NAME and values.NAME.pattern.fullmatch(text) is not None
