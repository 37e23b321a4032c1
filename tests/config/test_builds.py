"""`build:`: how an artifact is made where the runtime does not say it."""

import pytest

from release.config import load_services
from release.core.models import Build
from tests.config.texts import SERVICE, STAGES, service_complaints, service_with


def texts(
    build: str, runtime: str = "python3.13", handler: str = "price_fetcher.handler.handler"
) -> dict[str, bytes]:
    made = service_with("runtime: python3.13", f"runtime: {runtime}")
    made[SERVICE] = made[SERVICE].replace(b"price_fetcher.handler.handler", handler.encode())
    return {SERVICE: made[SERVICE] + f"build: {build}\n".encode()}


def loaded(build: str, runtime: str = "python3.13", handler: str = "src/price.handler") -> Build:
    return load_services(texts(build, runtime, handler), STAGES)["price-fetcher"].build


def complaints(build: str, runtime: str = "python3.13") -> list[str]:
    found = service_complaints(texts(build, runtime, "src/price.handler"))
    return [each.removeprefix(f"{SERVICE}:") for each in found]


def test_a_service_without_a_build_section_is_built_as_its_runtime_says() -> None:
    assert load_services(service_with("arm64", "arm64"), STAGES)["price-fetcher"].build == Build()


def test_a_command_fills_a_folder() -> None:
    build = "{command: [go, build, -o, dist/bootstrap, -tags, a, -tags, b, .], output: dist, timeout: 20m}"
    assert loaded(build, "provided.al2023", "bootstrap") == Build(
        command=("go", "build", "-o", "dist/bootstrap", "-tags", "a", "-tags", "b", "."),
        output="dist",
        timeout=1200,
    )


@pytest.mark.parametrize("runtime", ["python3.13", "nodejs22.x"])
def test_a_command_may_take_the_place_of_a_builder(runtime: str) -> None:
    assert loaded("{command: [make], output: out/zip}", runtime).output == "out/zip"


def test_a_node_service_may_say_what_the_bundler_does() -> None:
    assert loaded("{minify: false, source_maps: true, external: [pg-native, '@acme/*']}", "nodejs24.x") == (
        Build(minify=False, source_maps=True, external=("pg-native", "@acme/*"))
    )
    assert loaded("{external: []}", "nodejs24.x").external == ()


def test_more_files_may_be_included() -> None:
    patterns = "[services/common/rates/*.json, tsconfig.json, 'data/**']"
    assert loaded(f"{{include: {patterns}}}").include == (
        "services/common/rates/*.json",
        "tsconfig.json",
        "data/**",
    )


@pytest.mark.parametrize("runtime", ["provided.al2023", "provided.al2"])
def test_a_runtime_without_a_builder_needs_a_command(runtime: str) -> None:
    (found,) = service_complaints(texts("{include: [x]}", runtime))
    assert found.startswith(
        f"{SERVICE}:6: runtime: '{runtime}' runs what a command builds, and there is none"
    )


@pytest.mark.parametrize(("given", "missing"), [("command: [make]", "output"), ("output: dist", "command")])
def test_command_and_output_belong_together(given: str, missing: str) -> None:
    assert complaints(f"{{{given}}}", "provided.al2023") == [
        f"14: build/{missing}: is missing beside `{given.split(':')[0]}`; add `{missing}:`"
    ]


@pytest.mark.parametrize(
    ("build", "runtime"),
    [
        ("{minify: true}", "python3.13"),
        ("{external: [x]}", "python3.13"),
        ("{source_maps: true, command: [make], output: dist}", "nodejs22.x"),
        ("{minify: true, command: [make], output: dist}", "provided.al2023"),
    ],
)
def test_what_only_the_bundler_knows_is_refused_where_nothing_is_bundled(build: str, runtime: str) -> None:
    (found,) = complaints(build, runtime)
    assert found.endswith(": only works for a Node service without a command; take the line out")


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        ("[make]", "14: build: must be a mapping, and is a list"),
        ("{comand: [make]}", "14: build/comand: the key 'comand' is not known; did you mean 'command'?"),
        ("{command: make, output: dist}", "14: build/command: must be a list, and is a text"),
        ("{command: [], output: dist}", "14: build/command: is an empty list"),
        ("{command: [make, 1], output: dist}", "14: build/command/1: must be a text, and is an integer"),
        ("{command: [make, ''], output: dist}", "14: build/command/1: '' cannot be an argument"),
        (
            "{command: [make], output: ../dist}",
            "14: build/output: '../dist' is not a folder in the service's",
        ),
        ("{command: [make], output: .}", "14: build/output: '.' is not a folder in the service's folder"),
        (
            "{command: [make], output: /tmp}",
            "14: build/output: '/tmp' is not a folder in the service's folder",
        ),
        (
            "{command: [make], output: a//b}",
            "14: build/output: 'a//b' is not a folder in the service's folder",
        ),
        (
            "{command: [make], output: d, timeout: 2h}",
            "14: build/timeout: must be longer than nothing and at",
        ),
        ("{include: [../x]}", "14: build/include/0: '../x' is not a pattern of files in the repository"),
        ("{include: [/etc/passwd]}", "14: build/include/0: '/etc/passwd' is not a pattern of files in the"),
        ("{include: [a/./b]}", "14: build/include/0: 'a/./b' is not a pattern of files in the repository"),
        ("{include: []}", "14: build/include: is an empty list"),
        ("{include: [a, a]}", "14: build/include/1: 'a' is in the list twice"),
    ],
)
def test_a_build_section_is_checked_in_every_part(build: str, expected: str) -> None:
    assert complaints(build)[0].startswith(expected)


@pytest.mark.parametrize("package", ["a b", "../x", "@aws-sdk/*/*", "Ä", "@acme", "--bundle"])
def test_external_names_packages(package: str) -> None:
    (found,) = complaints(f"{{external: ['{package}']}}", "nodejs22.x")
    assert found.startswith(f"14: build/external/0: '{package}' is not the name of a package")
