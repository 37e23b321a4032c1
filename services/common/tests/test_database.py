"""Logins out of Secrets Manager, and what Oracle says when it refuses one: by its own driver's errors."""

import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oracledb
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from sqlalchemy.exc import DatabaseError

from common.database import (
    REFUSED,
    create_database,
    is_in_memory,
    logged_in,
    oracle_code,
    probe_database,
    querying,
)
from common.errors import ConfigurationError, DependencyUnavailable
from common.secrets_manager import KEPT_SECONDS, Login, SecretLogin

ARN = "arn:aws:secretsmanager:us-east-1:111111111111:secret:prices"


class Secrets:
    """Secrets Manager with one secret: a text, or what it raises."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked = 0

    def get_secret_value(self, **request: Any) -> dict[str, Any]:
        assert request == {"SecretId": ARN}
        self.asked += 1
        answer = self.answers[min(self.asked, len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return {"SecretString": answer}


def secret(password: str) -> str:
    return json.dumps({"username": "app_user", "password": password})


def login(client: Secrets, seconds: Callable[[], float] = lambda: 0.0) -> SecretLogin:
    return SecretLogin(lambda: client, ARN, seconds)


def refusal(code: str) -> oracledb.DatabaseError:
    return oracledb.DatabaseError(f"{code}: the account of app_user")


def test_a_secret_is_read_once_and_again_when_it_is_old() -> None:
    now = [0.0]
    client = Secrets(secret("one"), secret("two"))
    kept = login(client, lambda: now[0])

    assert [kept.read().password, kept.read().password, client.asked] == ["one", "one", 1]
    now[0] = KEPT_SECONDS
    assert (kept.read().password, client.asked) == ("two", 2)


@pytest.mark.parametrize("code", sorted(REFUSED))
def test_a_login_that_was_rotated_is_read_again_and_works(code: str) -> None:
    seen = []

    def ask(user: str, password: str) -> str:
        seen.append(password)
        if password == "old":
            raise refusal(code)
        return "connected"

    assert logged_in(login(Secrets(secret("old"), secret("new"))), ask) == "connected"
    assert seen == ["old", "new"]


def test_a_login_that_is_refused_twice_is_a_dependency_of_its_own() -> None:
    def ask(user: str, password: str) -> None:
        raise refusal("ORA-28001")

    client = Secrets(secret("expired"))
    with pytest.raises(DependencyUnavailable) as away, querying("database"):
        try:
            logged_in(login(client), ask)
        except oracledb.DatabaseError as error:
            raise DatabaseError.instance(None, None, error, oracledb.Error) from None
    assert (away.value.dependency, away.value.cause, client.asked) == ("database_login", "ORA-28001", 2)
    assert "app_user" not in str(away.value)


def test_another_error_of_the_database_is_not_about_the_login() -> None:
    client = Secrets(secret("one"))

    def ask(user: str, password: str) -> None:
        raise refusal("ORA-12541")

    with pytest.raises(oracledb.DatabaseError):
        logged_in(login(client), ask)
    assert client.asked == 1
    assert oracle_code(refusal("ORA-12541")) == "ORA-12541" and oracle_code(ValueError("x")) is None


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "Get"), "ResourceNotFoundException"),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "Get"), "AccessDeniedException"),
        (ConnectTimeoutError(endpoint_url="https://x"), "ConnectTimeoutError"),
        ("hunter2", "SecretIsNoLogin"),
        ('{"username": "app_user"}', "SecretIsNoLogin"),
        ('["hunter2"]', "SecretIsNoLogin"),
    ],
)
def test_a_secret_that_cannot_be_had_is_an_unavailable_login(
    tmp_path: Path, answer: object, cause: str
) -> None:
    engine = create_database(f"sqlite:///{tmp_path / 'x.db'}", login(Secrets(answer)))

    with pytest.raises(DependencyUnavailable) as away:
        probe_database(engine, "database")
    engine.dispose()
    assert (away.value.dependency, away.value.cause) == ("database_login", cause)
    assert "hunter2" not in "".join(traceback.format_exception(away.value))


def test_a_database_without_logins_asks_for_the_secret_all_the_same(tmp_path: Path) -> None:
    client = Secrets(secret("one"))
    engine = create_database(f"sqlite:///{tmp_path / 'x.db'}", login(client))
    probe_database(engine, "database")
    engine.dispose()
    assert client.asked == 1


def test_a_login_shows_itself_in_no_repr() -> None:
    assert "hunter2" not in repr(Login("app_user", "hunter2"))


def test_the_engine_for_oracle_is_thin_and_gives_up_in_time() -> None:
    """Nobody listens there: the driver's own error, and no Oracle client library to load."""
    url = "oracle+oracledb://app_user:pw@127.0.0.1:1/?service_name=PRICES"
    engine = create_database(url)

    with pytest.raises(DependencyUnavailable) as away:
        probe_database(engine, "database")
    assert (away.value.dependency, away.value.cause) == ("database", "DPY-6005")
    assert oracledb.is_thin_mode()


@pytest.mark.parametrize(
    "url",
    [
        "oracle+oracledb://app:s3cret@db:s3cret/",
        "oracle+oracledb://app:s3cret@[::1",
        "s3cret",
    ],
)
def test_what_is_no_url_is_refused_without_any_part_of_it(url: str) -> None:
    for refusing in (create_database, is_in_memory):
        with pytest.raises(ConfigurationError, match=r"^DATABASE_URL is not a URL") as refused:
            refusing(url)
        assert "s3cret" not in "".join(traceback.format_exception(refused.value)), refusing


@pytest.mark.parametrize(
    "url",
    [
        "nosuchdb://app:s3cret@db/",
        "sqlite:///prices.db?timeout=s3cret",
        "oracle+oracledb://app:s3cret@db/prices?service_name=s3cret",
        "oracle+oracledb://app:s3cret@db/?mode=s3cret",
    ],
)
def test_a_url_that_the_driver_cannot_take_is_refused_without_any_part_of_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^DATABASE_URL is not a URL") as refused:
        create_database(url)
    assert "s3cret" not in "".join(traceback.format_exception(refused.value))
