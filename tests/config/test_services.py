import pytest

from release.config import load_services
from tests.config.texts import SERVICE, SERVICES, STAGES, service_complaints, service_with

SMOKE = "smoke: {payload: {health_check: true}, timeout: 10s, critical: [audit_table]}"


def complaint(old: str, new: str) -> str:
    (only,) = service_complaints(service_with(old, new))
    return only.removeprefix("services/price-fetcher/service.yaml:")


def with_second_service(name_pattern: str) -> dict[str, bytes]:
    other = SERVICES[SERVICE].replace(b"price-fetcher-{stage}", name_pattern.encode())
    return {**SERVICES, "services/orders/service.yaml": other}


@pytest.mark.parametrize(
    "key", ["team", "owner", "data_class", "cost_center", "runtime", "architecture", "functions"]
)
def test_a_service_says_who_it_is_and_what_it_runs_on(key: str) -> None:
    found = service_complaints(service_with(f"\n{key}:", f"\n{key}x:"))
    assert found[0] == f"{SERVICE}:2: {key}: is missing; add `{key}:`"
    assert f"{key}x: the key '{key}x' is not known; did you mean '{key}'?" in found[1]


def test_an_unquoted_cost_center_gets_the_advice_to_quote_it() -> None:
    assert complaint('"4711"', "0471") == (
        "5: cost_center: must be a text, and is an integer: '0471'; quote it: \"0471\""
    )


@pytest.mark.parametrize("team", ["yes", "no", "on", "2026-01-01", "12:30"])
def test_words_that_older_yaml_turns_into_something_else_are_good_team_names(team: str) -> None:
    assert load_services(service_with("team: backend", f"team: {team}"), STAGES)["price-fetcher"].team == team


@pytest.mark.parametrize(
    "team", ["[a]", "{a: b}", "", "~", "true", "1.5", '""', '"a\\nb"', '" a"', "ü", "'a, b'"]
)
def test_a_team_is_a_text_that_can_tag_a_resource(team: str) -> None:
    assert complaint("team: backend", f"team: {team}").startswith("2: team: ")


@pytest.mark.parametrize("runtime", ["python3.11", "python3.14"])
def test_known_runtimes_load(runtime: str) -> None:
    loaded = load_services(service_with("python3.13", runtime), STAGES)
    assert loaded["price-fetcher"].runtime == runtime


@pytest.mark.parametrize("runtime", ["nodejs22.x", "nodejs24.x"])
def test_a_node_service_has_a_node_handler(runtime: str) -> None:
    texts = service_with("python3.13", runtime)
    texts[SERVICE] = texts[SERVICE].replace(b"price_fetcher.handler.handler", b"src/price-fetcher.handler")
    assert load_services(texts, STAGES)["price-fetcher"].functions[0].handler == "src/price-fetcher.handler"


@pytest.mark.parametrize("handler", ["../x.handler", "/x.handler", "x", "x.1", "src/x.ts.handler", "x.y; z"])
def test_a_node_handler_names_a_file_of_the_service_and_an_export(handler: str) -> None:
    texts = service_with("python3.13", "nodejs22.x")
    texts[SERVICE] = texts[SERVICE].replace(b"price_fetcher.handler.handler", handler.encode())
    (found,) = service_complaints(texts)
    assert found.startswith(f"{SERVICE}:9: functions/api/handler: ")


@pytest.mark.parametrize(
    "runtime", ["python3.9", "python3", "ruby3.4", "3.13", "nodejs22", "nodejs16.x", "python3.13\u00a0"]
)
def test_an_unknown_runtime_is_an_error(runtime: str) -> None:
    assert complaint("runtime: python3.13", f"runtime: {runtime}").startswith("6: runtime: ")


def test_a_misspelt_architecture_gets_a_guess() -> None:
    assert complaint("arm64", "amr64") == (
        "7: architecture: 'amr64' is not an architecture; did you mean 'arm64'? (one of: arm64, x86_64)"
    )


@pytest.mark.parametrize(
    "handler", ["handler", "a b.c", ".handler", "a..b", "a.1b", "a-b.handler", "a.b;", "1"]
)
def test_a_python_handler_names_a_module_and_a_function(handler: str) -> None:
    found = complaint("price_fetcher.handler.handler", handler)
    assert found.startswith("9: functions/api/handler: ")


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("price-fetcher", "'price-fetcher' names one function for all stages; put {stage} into it"),
        ("price.fetcher-{stage}", "'price.fetcher-{stage}' cannot be the name of a Lambda function"),
        ("{region}-{stage}", "'{region}-{stage}' cannot be the name of a Lambda function"),
        (f"{'a' * 60}-{{stage}}", f"'{'a' * 60}…' has 65 characters; 64 are the most"),
    ],
)
def test_a_function_has_a_name_in_every_stage_that_lambda_takes(pattern: str, what: str) -> None:
    assert complaint("price-fetcher-{stage}", pattern).startswith(f"9: functions/api/name: {what}")


@pytest.mark.parametrize("functions", ["{}", "[]", "api", ""])
def test_a_service_has_functions(functions: str) -> None:
    content = SERVICES[SERVICE].replace(
        b'functions:\n  api: {name: "price-fetcher-{stage}", handler: price_fetcher.handler.handler}',
        b"functions: " + functions.encode(),
    )
    (found,) = service_complaints({SERVICE: content})
    assert found.startswith(f"{SERVICE}:8: functions: ")


def test_two_services_cannot_have_the_same_function() -> None:
    (found,) = service_complaints(with_second_service("price-fetcher-{stage}"))
    assert found == (
        "services/price-fetcher/service.yaml:9: functions/api/name: in dev the function"
        " 'price-fetcher-dev' is also orders/api (services/orders/service.yaml:9);"
        " give each function a name of its own"
    )


def test_names_that_meet_in_one_stage_only_are_found() -> None:
    meeting = with_second_service("{stage}-fetcher-qa")
    meeting[SERVICE] = meeting[SERVICE].replace(b"price-fetcher-{stage}", b"qa-fetcher-{stage}")
    (found,) = service_complaints(meeting)
    assert "in qa the function 'qa-fetcher-qa' is also orders/api" in found


@pytest.mark.parametrize("folder", ["Price", "price_fetcher", "1price", "price--x", "p" * 49, "-x"])
def test_a_services_folder_has_a_name_that_stacks_can_bear(folder: str) -> None:
    (found,) = service_complaints({f"services/{folder}/service.yaml": SERVICES[SERVICE]})
    assert found.startswith(
        f"services/{folder}/service.yaml:2: /: the folder's name '{folder}' is not a name; "
    ) or ("has 49 characters" in found)


def test_a_file_of_the_other_ending_is_not_silently_ignored() -> None:
    (found,) = service_complaints({**SERVICES, "services/orders/service.yml": b""})
    assert found == "services/orders/service.yml:1: /: only service.yaml is read; rename it to service.yaml"


def test_errors_of_many_services_are_said_at_once() -> None:
    broken = SERVICES[SERVICE].replace(b"arm64", b"arm")
    found = service_complaints({f"services/s{n}/service.yaml": broken for n in range(3)})
    # the three also share the name of their function
    assert [each for each in found if "architecture" in each] == [
        f"services/s{n}/service.yaml:7: architecture: 'arm' is not an architecture;"
        " did you mean 'arm64'? (one of: arm64, x86_64)"
        for n in range(3)
    ]


# smoke


def test_smoke_may_expect_an_answer_and_send_any_json() -> None:
    smoke = "smoke: {payload: {a: [1, null, true, {b: x}], c: -1}, expect: {statusCode: 200}, critical: []}"
    loaded = load_services(service_with(SMOKE, smoke), STAGES)["price-fetcher"].smoke
    assert loaded.payload == {"a": [1, None, True, {"b": "x"}], "c": -1}
    assert loaded.expect == {"statusCode": 200}
    assert (loaded.timeout, loaded.critical) == (10, ())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("timeout: 10s", "timeout: 10", "timeout: the duration '10' has no unit"),
        ("timeout: 10s", "timeout: 16m", "timeout: must be longer than nothing and at most 900 seconds"),
        ("timeout: 10s", "timeout: 0s", "timeout: must be longer than nothing"),
        (
            "{health_check: true}",
            "{health_check: 1.5}",
            "payload/health_check: '1.5' is a number with a fraction",
        ),
        (
            "{health_check: true}",
            "{health_check: .nan}",
            "payload/health_check: '.nan' is a number with a fraction",
        ),
        ("{health_check: true}", f"{{n: {'9' * 5000}}}", "payload/n: '9999"),
        ("{health_check: true}", "{1: true}", "payload: the key '1' reads as integer"),
        ("{health_check: true}", "[health_check]", "payload: must be a mapping, and is a list"),
        ("[audit_table]", "audit_table", "critical: must be a list"),
        ("[audit_table]", "[1]", "critical/0: must be a text, and is an integer"),
        ("critical", "critcal", "critcal: the key 'critcal' is not known; did you mean 'critical'?"),
    ],
)
def test_smoke_is_checked_in_every_part(old: str, new: str, expected: str) -> None:
    assert complaint(old, new).startswith(f"13: smoke/{expected}")


def test_a_service_names_its_resources_by_a_pattern() -> None:
    plain = load_services(SERVICES, STAGES)["price-fetcher"]
    texts = service_with("runtime:", 'naming: "{stage}-{resource}-{team}"\nruntime:')
    service = load_services(texts, STAGES)["price-fetcher"]

    assert plain.named("qa", "audit") == "price-fetcher-qa-audit"
    assert service.named("qa", "audit") == "qa-audit-backend"


def test_a_function_may_be_named_by_service_stage_and_team() -> None:
    texts = service_with('"price-fetcher-{stage}"', '"{stage}-{service}-lambda-{team}"')
    (function,) = load_services(texts, STAGES)["price-fetcher"].functions

    assert function.name("dev") == "dev-price-fetcher-lambda-backend"


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("{resource}-{team}", "naming: '{resource}-{team}' has no {stage}"),
        ("{stage}", "naming: '{stage}' has no {resource}"),
        ("{stage}_{resource}", "naming: '{stage}_{resource}' cannot name every kind of resource"),
        ("{stage}-{resource}-{region}", "cannot name every kind of resource"),
    ],
)
def test_a_pattern_that_cannot_name_resources_is_said(pattern: str, complaint: str) -> None:
    (found,) = service_complaints(service_with("runtime:", f'naming: "{pattern}"\nruntime:'))
    assert complaint in found, found
