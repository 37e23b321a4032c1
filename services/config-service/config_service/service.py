"""Rules of user configuration: who has not read the latest version cannot overwrite or delete it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from common.errors import NotFound, VersionConflict
from config_service.repository import ConfigStore, StaleVersion, StoredConfig
from config_service.schema import UserSettings


@dataclass(frozen=True, slots=True)
class UserConfig:
    user_id: str
    version: int
    settings: UserSettings


class ConfigService:
    """Reads, replaces and deletes the configuration of one user. All methods raise DependencyUnavailable."""

    def __init__(self, store: ConfigStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def get(self, user_id: str) -> UserConfig:
        """Raises NotFound."""
        stored = self._store.get(user_id)
        if stored is None:
            raise _nothing()
        return _config(stored)

    def put(self, user_id: str, settings: UserSettings, read_version: int) -> UserConfig:
        """Replace all settings. Raises VersionConflict when `read_version` is not what is stored."""
        try:
            return _config(self._store.put(user_id, settings.model_dump_json(), read_version, self._now()))
        except StaleVersion:
            raise _conflict() from None

    def delete(self, user_id: str, read_version: int) -> None:
        """Raises NotFound, or VersionConflict when `read_version` is not what is stored."""
        try:
            self._store.delete(user_id, read_version, self._now())
        except StaleVersion:
            raise (_nothing() if self._store.get(user_id) is None else _conflict()) from None


def _config(stored: StoredConfig) -> UserConfig:
    # Not strict about unknown fields: after a rollback an older version reads what a newer one has written.
    return UserConfig(
        stored.user_id, stored.version, UserSettings.model_validate_json(stored.settings, extra="ignore")
    )


def _nothing() -> NotFound:
    return NotFound("There is no configuration for this user.")


def _conflict() -> VersionConflict:
    return VersionConflict("The configuration has another version than the one sent; read it again.")
