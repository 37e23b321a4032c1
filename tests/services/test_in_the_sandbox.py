"""Both services for real, each behind its alias and its API."""

import time

import pytest

from tests.services.deployed import Deploy, Deployed

# Or each worker would install and deploy both.
pytestmark = pytest.mark.xdist_group("services in the sandbox")


@pytest.fixture(scope="module")
def price_fetcher(deploy: Deploy) -> Deployed:
    return deploy("price-fetcher")


@pytest.fixture(scope="module")
def config_service(deploy: Deploy) -> Deployed:
    return deploy("config-service")


def test_a_new_version_answers_its_smoke_test(price_fetcher: Deployed, config_service: Deployed) -> None:
    for service, dependencies in (
        (price_fetcher, {"audit_table", "database"}),
        (config_service, {"config_table", "flags_table", "history_table"}),
    ):
        answer = service.first_answer
        assert (answer["statusCode"], answer["body"]["status"]) == (200, "ok")
        assert answer["body"]["lambda_version"] == "1"
        assert set(answer["body"]["dependencies"]) == dependencies


def test_a_price_is_answered_and_its_read_is_in_the_audit_table(price_fetcher: Deployed) -> None:
    answer = price_fetcher.http("GET", "/price?id=PROD-101&userId=reader-1")

    assert answer == (200, {"productId": "PROD-101", "price": 99.99, "currency": "USD"})
    items = price_fetcher.client("dynamodb").scan(TableName=price_fetcher.outputs["AuditTableName"])["Items"]
    (item,) = [item for item in items if item["who"]["S"] == "reader-1"]
    assert (item["what"]["S"], item["outcome"]["S"]) == ("price/PROD-101", "found")
    assert int(item["ttl"]["N"]) > time.time() + 5.9 * 365 * 86_400


def test_an_unsigned_request_is_refused(price_fetcher: Deployed) -> None:
    assert price_fetcher.http("GET", "/price?id=PROD-101&userId=u-1", signed=False)[0] == 403


def test_a_configuration_is_put_read_and_deleted(config_service: Deployed) -> None:
    path = "/config/u-1"

    assert config_service.http("GET", path)[0] == 404
    status, stored = config_service.http("PUT", path, {"version": 0, "settings": {"theme": "dark"}})
    assert (status, stored["version"], stored["settings"]["theme"]) == (200, 1, "dark")
    assert config_service.http("PUT", path, {"version": 0, "settings": {}})[0] == 409
    assert config_service.http("GET", path) == (200, stored)
    assert config_service.http("DELETE", f"{path}?version=1") == (204, None)
    assert config_service.http("GET", path)[0] == 404


def test_a_configuration_is_patched_and_its_history_is_kept(config_service: Deployed) -> None:
    path = "/config/u-2"

    config_service.http("PUT", path, {"version": 0, "settings": {"theme": "dark"}})
    patched = config_service.http("PATCH", path, {"version": 1, "settings": {"currency": "EUR"}})[1]
    assert (patched["settings"]["theme"], patched["settings"]["currency"]) == ("dark", "EUR")
    assert config_service.http("PATCH", path, {"version": 1, "settings": {"currency": "USD"}})[0] == 409
    status, history = config_service.http("GET", f"{path}/history?limit=1")
    assert (status, [change["change"] for change in history["changes"]], history["next"]) == (
        200,
        ["patch"],
        2,
    )
    status, older = config_service.http("GET", f"{path}/history?before=2")
    assert [change["change"] for change in older["changes"]] == ["put"]


def test_a_flag_is_put_and_evaluated(config_service: Deployed) -> None:
    rules = {"enabled": True, "rules": [{"tenants": ["acme"]}, {"percentageOfUsers": 0}]}

    assert config_service.http("PUT", "/flags/new-pricing", {"version": 0, "rules": rules})[0] == 200
    path = "/flags/new-pricing/evaluation?userId=u-1"
    assert config_service.http("GET", f"{path}&tenantId=acme")[1]["reason"] == "rule 0"
    assert config_service.http("GET", path)[1] == {
        "flag": "new-pricing",
        "version": 1,
        "on": False,
        "reason": "default",
    }


def test_no_personal_data_is_in_the_logs_of_the_functions(
    price_fetcher: Deployed, config_service: Deployed
) -> None:
    price_fetcher.http("GET", "/price?id=PROD-101&userId=jane-doe-1961")
    price_fetcher.http("GET", "/price?id=PROD-101&userId=jane.doe@hospital.example")
    config_service.http("PUT", "/config/jane-doe-1961", {"version": "x", "settings": {"jane": "doe"}})

    lines = [*price_fetcher.log(), *config_service.log()]
    assert sum('"message":"request"' in line for line in lines) >= 3
    assert not [line for line in lines if "jane" in line.lower()]


# Last: it takes the table away from the others.
def test_without_its_audit_table_the_service_tells_its_health_and_no_price(price_fetcher: Deployed) -> None:
    price_fetcher.client("dynamodb").delete_table(TableName=price_fetcher.outputs["AuditTableName"])

    status, body = price_fetcher.http("GET", "/price?id=PROD-101&userId=u-1")
    health = price_fetcher.invoke({"health_check": True})

    assert (status, body["code"]) == (503, "DEPENDENCY_UNAVAILABLE")
    assert "price" not in body
    assert (health["statusCode"], health["body"]["status"]) == (503, "down")
    assert health["body"]["dependencies"]["audit_table"]["cause"] == "ResourceNotFoundException"
