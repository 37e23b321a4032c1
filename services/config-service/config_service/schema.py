"""What a caller may store and ask, and what is answered."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from common.validation import ApiModel

# Opaque ids of the caller. E-mail addresses do not match: an id is logged by systems that we do not control.
OpaqueId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]
FlagName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]
Version = Annotated[int, Field(ge=0, le=2**53 - 1)]  # exact in every JSON reader
Change = Literal["put", "patch", "delete"]
# Of 64 characters each they leave room in an item of DynamoDB, which takes 400 KB:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
MAX_IDS = 5_000


class _Stored(ApiModel):
    model_config = ConfigDict(extra="forbid")  # a misspelt setting must not look like one that was saved


class Notifications(_Stored):
    email: bool = False
    sms: bool = False


Theme = Literal["light", "dark", "system"]
Locale = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
TimeZone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]+([/_+-][A-Za-z0-9]+)*$", max_length=64)]


class UserSettings(_Stored):
    """Everything a user can configure. A field that is not sent has its default."""

    theme: Theme = "system"
    locale: Locale = "en-US"
    currency: Currency = "USD"
    time_zone: TimeZone = "UTC"
    notifications: Notifications = Notifications()


class SomeNotifications(_Stored):
    email: bool | None = None
    sms: bool | None = None


class SomeSettings(_Stored):
    """What is to change, as JSON Merge Patch (RFC 7396): null goes back to the default."""

    theme: Theme | None = None
    locale: Locale | None = None
    currency: Currency | None = None
    time_zone: TimeZone | None = None
    notifications: SomeNotifications | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "SomeSettings":
        if not self.model_fields_set:
            raise ValueError("nothing to change")
        return self


class UserPath(ApiModel):
    """`/config/{userId}`"""

    user_id: OpaqueId


class FlagPath(ApiModel):
    """`/flags/{flag}`"""

    flag: FlagName


class VersionQuery(ApiModel):
    """`?version=3`: the version that the caller has read."""

    version: Annotated[Version, Field(ge=1)]


class HistoryQuery(ApiModel):
    """`?limit=20&before=17`: the newest changes first, of those before a version."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    before: Annotated[Version, Field(ge=1)] | None = None


class PutConfig(_Stored):
    """Body of PUT. `version` is the one that the caller has read, 0 to create."""

    version: Version
    settings: UserSettings


class PatchConfig(_Stored):
    """Body of PATCH. `version` is the one that the caller has read."""

    version: Annotated[Version, Field(ge=1)]
    settings: SomeSettings


class ConfigResponse(ApiModel):
    """`{"userId": "u-1", "version": 3, "settings": {…}}`"""

    user_id: OpaqueId
    version: Version
    settings: UserSettings


class ConfigChange(ApiModel):
    """One version of a configuration; a deleted one has no settings."""

    version: Version
    change: Change
    changed_at: datetime
    settings: UserSettings | None


class HistoryResponse(ApiModel):
    """The newest change first. `next` is the `before` of the following page, null on the last one."""

    user_id: OpaqueId
    changes: tuple[ConfigChange, ...]
    next: Version | None


class Rule(_Stored):
    """Whom a rule is about. Exactly one of the four.

    `percentage` of the users, or of the tenants, chosen by a hash of flag and id: the same ones every time,
    and those of a smaller percentage are among those of a larger one. Hundredths count.
    """

    users: Annotated[tuple[OpaqueId, ...], Field(min_length=1, max_length=500)] | None = None
    tenants: Annotated[tuple[OpaqueId, ...], Field(min_length=1, max_length=500)] | None = None
    percentage_of_users: Annotated[float, Field(ge=0, le=100)] | None = None
    percentage_of_tenants: Annotated[float, Field(ge=0, le=100)] | None = None
    on: bool = True

    @model_validator(mode="after")
    def _one_kind(self) -> "Rule":
        said = (self.users, self.tenants, self.percentage_of_users, self.percentage_of_tenants)
        if sum(one is not None for one in said) != 1:
            raise ValueError("one of users, tenants, percentageOfUsers, percentageOfTenants")
        return self


class FlagRules(_Stored):
    """A feature flag. `enabled` false is the switch that turns it off for everybody at once.

    The first rule that is about who asks decides; where none is, `default` does.
    """

    description: Annotated[str, StringConstraints(max_length=200)] = ""
    enabled: bool
    rules: Annotated[tuple[Rule, ...], Field(max_length=20)] = ()
    default: bool = False


class PutFlag(_Stored):
    """Body of PUT. `version` is the one that the caller has read, 0 to create."""

    version: Version
    rules: FlagRules

    @model_validator(mode="after")
    def _fits(self) -> "PutFlag":
        if sum(len(one) for rule in self.rules.rules for one in (rule.users, rule.tenants) if one) > MAX_IDS:
            raise ValueError(f"more than {MAX_IDS} ids in all rules together")
        return self


class FlagResponse(ApiModel):
    flag: FlagName
    version: Version
    rules: FlagRules


class EvaluationQuery(ApiModel):
    """`?userId=u-1&tenantId=t-1`"""

    user_id: OpaqueId
    tenant_id: OpaqueId | None = None


class EvaluationResponse(ApiModel):
    """`reason` is `disabled`, `default` or the number of the rule that decided (`rule 0` is the first)."""

    flag: FlagName
    version: Version
    on: bool
    reason: Annotated[str, StringConstraints(pattern=r"^(disabled|default|rule [0-9]+)$")]


def merged(settings: UserSettings, changes: SomeSettings) -> UserSettings:
    """JSON Merge Patch of what was sent alone; null takes the default again."""
    return UserSettings.model_validate(_merged(settings.model_dump(), changes.model_dump(exclude_unset=True)))


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    result = dict(old)
    for name, value in new.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(old.get(name, {}), value) if isinstance(value, dict) else value
    return result
