"""What a caller may store and what is answered."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from common.validation import ApiModel

# An opaque id of the caller. E-mail addresses do not match: an id is logged by systems that we do not
# control.
UserId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]
Version = Annotated[int, Field(ge=0, le=2**53 - 1)]  # exact in every JSON reader


class _Stored(ApiModel):
    model_config = ConfigDict(extra="forbid")  # a misspelt setting must not look like one that was saved


class Notifications(_Stored):
    email: bool = False
    sms: bool = False


class UserSettings(_Stored):
    """Everything a user can configure. A field that is not sent has its default."""

    theme: Literal["light", "dark", "system"] = "system"
    locale: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = "en-US"
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    time_zone: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z]+([/_+-][A-Za-z0-9]+)*$", max_length=64)
    ] = "UTC"
    notifications: Notifications = Notifications()


class ConfigPath(ApiModel):
    """`/config/{userId}`"""

    user_id: UserId


class DeleteQuery(ApiModel):
    """`?version=3`: the version that the caller has read."""

    version: Annotated[Version, Field(ge=1)]


class PutConfig(_Stored):
    """Body of PUT. `version` is the one that the caller has read, 0 to create."""

    version: Version
    settings: UserSettings


class ConfigResponse(ApiModel):
    """`{"userId": "u-1", "version": 3, "settings": {…}}`"""

    user_id: UserId
    version: Version
    settings: UserSettings
