"""Rules of configuration and flags: who has not read the latest version cannot change it."""

from collections.abc import Callable
from datetime import datetime

from common.errors import NotFound, VersionConflict
from config_service.flags import decide
from config_service.repository import Document, DocumentStore, StaleVersion
from config_service.schema import (
    ConfigChange,
    ConfigResponse,
    EvaluationResponse,
    FlagResponse,
    FlagRules,
    HistoryResponse,
    SomeSettings,
    UserSettings,
    merged,
)

Now = Callable[[], datetime]


class ConfigService:
    """The configuration of one user. All methods raise DependencyUnavailable."""

    def __init__(self, store: DocumentStore, now: Now) -> None:
        self._store = store
        self._now = now

    def get(self, user_id: str) -> ConfigResponse:
        """Raises NotFound."""
        return _config(_there(self._store.get(user_id), "configuration for this user"))

    def put(self, user_id: str, settings: UserSettings, read: int) -> ConfigResponse:
        """Replace all settings. Raises VersionConflict when `read` is not what is stored."""
        try:
            return _config(self._store.put(user_id, settings.model_dump_json(), read, self._now()))
        except StaleVersion:
            raise _conflict() from None

    def patch(self, user_id: str, changes: SomeSettings, read: int) -> ConfigResponse:
        """Change what was sent. Raises NotFound, or VersionConflict when `read` is not what is stored."""
        stored = self.get(user_id)
        if stored.version != read:
            raise _conflict()
        text = merged(stored.settings, changes).model_dump_json()
        try:
            return _config(self._store.put(user_id, text, read, self._now(), "patch"))
        except StaleVersion:
            raise _conflict() from None

    def delete(self, user_id: str, read: int) -> None:
        """Raises NotFound, or VersionConflict when `read` is not what is stored."""
        _delete(self._store, user_id, read, self._now(), "configuration for this user")

    def history(self, user_id: str, limit: int, before: int | None) -> HistoryResponse:
        """The newest changes first. A user of whom nothing is known has no changes."""
        found = self._store.history(user_id, limit, before)
        changes = tuple(
            ConfigChange(
                version=past.version,
                change=past.change,
                changed_at=past.changed_at,
                settings=None if past.text is None else _settings(past.text),
            )
            for past in found
        )
        more = found[-1].version if len(found) == limit and found[-1].version > 1 else None
        return HistoryResponse(user_id=user_id, changes=changes, next=more)


class FlagService:
    """Feature flags. All methods raise DependencyUnavailable."""

    def __init__(self, store: DocumentStore, now: Now) -> None:
        self._store = store
        self._now = now

    def get(self, flag: str) -> FlagResponse:
        """Raises NotFound."""
        return _flag(_there(self._store.get(flag), "flag of this name"))

    def put(self, flag: str, rules: FlagRules, read: int) -> FlagResponse:
        """Raises VersionConflict when `read` is not what is stored."""
        try:
            return _flag(self._store.put(flag, rules.model_dump_json(), read, self._now()))
        except StaleVersion:
            raise _conflict() from None

    def delete(self, flag: str, read: int) -> None:
        """Raises NotFound, or VersionConflict when `read` is not what is stored."""
        _delete(self._store, flag, read, self._now(), "flag of this name")

    def evaluate(self, flag: str, user: str, tenant: str | None) -> EvaluationResponse:
        """Raises NotFound: a flag that does not exist is a mistake of the caller, and not off."""
        found = self.get(flag)
        decision = decide(flag, found.rules, user, tenant)
        return EvaluationResponse(flag=flag, version=found.version, on=decision.on, reason=decision.reason)


def _delete(store: DocumentStore, name: str, read: int, now: datetime, what: str) -> None:
    try:
        store.delete(name, read, now)
    except StaleVersion:
        _there(store.get(name), what)
        raise _conflict() from None


def _config(stored: Document) -> ConfigResponse:
    return ConfigResponse(user_id=stored.name, version=stored.version, settings=_settings(stored.text))


def _settings(text: str) -> UserSettings:
    # Not strict about unknown fields: after a rollback an older version reads what a newer one has written.
    return UserSettings.model_validate_json(text, extra="ignore")


def _flag(stored: Document) -> FlagResponse:
    rules = FlagRules.model_validate_json(stored.text, extra="ignore")
    return FlagResponse(flag=stored.name, version=stored.version, rules=rules)


def _there(stored: Document | None, what: str) -> Document:
    if stored is None:
        raise NotFound(f"There is no {what}.")
    return stored


def _conflict() -> VersionConflict:
    return VersionConflict("It has another version than the one sent; read it again.")
