from dataclasses import dataclass

import pytest

from release.core.fingerprint import (
    LEFT_OUT,
    SHARED_FOLDER,
    SourceFile,
    case_twins,
    fingerprint,
    links,
    shared_files,
    source_files,
    unusable_name,
)
from release.errors import Misconfigured


@dataclass(frozen=True)
class Entry:
    path: str
    blob: str = "b" * 40
    mode: str = "100644"


HANDLER = Entry("services/orders/orders/handler.py")
COMMON = Entry("services/common/log.py")


def digest(*entries: Entry, **other: object) -> str:
    facts: dict[str, object] = {
        "requirements": None,
        "runtime": "python3.13",
        "architecture": "arm64",
        "target": "lambda",
        "builder": 1,
    }
    return fingerprint(sources(*entries), **(facts | other))  # type: ignore[arg-type]


def sources(*entries: Entry, targets: dict[str, str] | None = None) -> tuple[SourceFile, ...]:
    """Of a service that imports everything shared that there is."""
    shared = [f"{SHARED_FOLDER}/{path}" for path in shared_files(entries, targets or {})]
    return source_files(entries, "orders", targets or {}, shared)


def paths(*entries: Entry, targets: dict[str, str] | None = None) -> list[str]:
    return [file.path for file in sources(*entries, targets=targets)]


def refusal(*entries: Entry, targets: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(Misconfigured) as refused:
        sources(*entries, targets=targets)
    assert refused.value.see == "services/orders"
    return list(refused.value.details)


def test_the_service_is_the_root_and_the_shared_core_is_a_package() -> None:
    assert paths(HANDLER, COMMON) == ["common/log.py", "orders/handler.py"]


def test_other_services_do_not_enter() -> None:
    assert paths(HANDLER, Entry("services/orders-archive/x.py"), Entry("services/x.py")) == [
        "orders/handler.py"
    ]


@pytest.mark.parametrize("folder", ["services/orders", SHARED_FOLDER])
@pytest.mark.parametrize("name", sorted(LEFT_OUT))
def test_what_is_left_out_changes_no_fingerprint(folder: str, name: str) -> None:
    path = f"{folder}/{name}x.py" if name.endswith("/") else f"{folder}/{name.replace('*', 'README')}"
    assert digest(HANDLER, COMMON, Entry(path)) == digest(HANDLER, COMMON)


def test_a_name_that_is_left_out_at_the_top_counts_further_down() -> None:
    assert "orders/tests/data.md" in paths(HANDLER, Entry("services/orders/orders/tests/data.md"))


@pytest.mark.parametrize(
    "changed",
    [
        digest(Entry(HANDLER.path, "c" * 40), COMMON),
        digest(Entry(HANDLER.path, mode="100755"), COMMON),
        digest(Entry("services/orders/orders/other.py"), COMMON),
        digest(HANDLER, Entry(COMMON.path, "c" * 40)),
        digest(HANDLER),
        digest(HANDLER, COMMON, requirements="d" * 40),
        digest(HANDLER, COMMON, runtime="python3.12"),
        digest(HANDLER, COMMON, architecture="x86_64"),
        digest(HANDLER, COMMON, target="host:3.11-linux-x86_64"),
        digest(HANDLER, COMMON, builder=2),
        digest(HANDLER, COMMON, recipe={"command": ["make"], "output": "dist"}),
    ],
)
def test_everything_that_goes_into_the_artifact_changes_the_fingerprint(changed: str) -> None:
    assert changed != digest(HANDLER, COMMON)


def test_the_order_of_the_tree_does_not_matter() -> None:
    assert digest(HANDLER, COMMON) == digest(COMMON, HANDLER)


def test_a_link_to_a_file_of_the_artifact_is_a_copy_of_it() -> None:
    link = Entry("services/orders/orders/log.py", "1" * 40, "120000")
    again = Entry("services/orders/orders/again.py", "2" * 40, "120000")
    entries = (HANDLER, Entry(COMMON.path, "c" * 40, "100755"), link, again)
    targets = {link.path: "../../common/log.py", again.path: "log.py"}
    files = {file.path: file for file in source_files(entries, "orders", targets)}
    assert set(files) == {"orders/handler.py", "orders/log.py", "orders/again.py"}  # nobody imports log
    assert files["orders/log.py"].blob == files["orders/again.py"].blob == "c" * 40
    assert files["orders/log.py"].executable
    assert links(entries) == {link.path: "1" * 40, again.path: "2" * 40}


@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd",
        "../../../../etc/passwd",
        "../../other/x.py",
        "../tests/x.py",
        "missing.py",
        "link.py",
        "..",
        "../../../secret",
    ],
)
def test_a_link_to_anything_else_is_refused(target: str) -> None:
    link = Entry("services/orders/orders/link.py", mode="120000")
    others = (Entry("services/other/x.py"), Entry("services/orders/tests/x.py"))
    (problem,) = refusal(HANDLER, *others, link, targets={link.path: target})
    assert problem.startswith(f"{link.path}: is a link to {target!r}")


def test_a_submodule_is_refused() -> None:
    assert refusal(HANDLER, Entry("services/orders/vendored", mode="160000")) == [
        "services/orders/vendored: is a submodule; its files are not in this commit"
    ]


def test_names_equal_but_for_case_are_refused() -> None:
    upper = Entry("services/orders/orders/Handler.py")
    assert refusal(HANDLER, upper) == [
        f"{upper.path} and {HANDLER.path}: equal but for case, one file on some machines"
    ]


def test_every_problem_is_named_at_once() -> None:
    problems = refusal(
        HANDLER,
        Entry("services/orders/a", mode="160000"),
        Entry("services/orders/b\nc"),
        COMMON,
        Entry("services/common/LOG.py"),
    )
    assert len(problems) == 3


def test_a_service_without_files_is_refused() -> None:
    with pytest.raises(Misconfigured, match="no files in this commit"):
        source_files([COMMON, Entry("services/orders/README.md")], "orders", {})


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/./b", "a\\b", "a\x00b", "a\udcffb", ""])
def test_names_that_mean_something_else_on_other_machines_are_unusable(path: str) -> None:
    assert unusable_name(path)


@pytest.mark.parametrize("path", ["a" * 256, "é" * 128, "a/" * 2500 + "b"])
def test_names_that_no_linux_unpacks_are_unusable(path: str) -> None:
    assert unusable_name(path) == "the name is too long for AWS Lambda to unpack"


def test_usable_names_may_have_any_letters() -> None:
    assert unusable_name("a" * 255) is None
    assert unusable_name("données/größe-…/x.py") is None


def test_twins_are_found_in_folders_and_in_unicode_composition() -> None:
    assert case_twins(["Data/a", "data/b"]) == (("Data", "data"),)
    assert len(case_twins(["\u00e9.py", "e\u0301.py"])) == 1
    assert case_twins(["a/b", "a/c", "ab"]) == ()


def test_of_the_shared_core_only_what_is_taken_enters() -> None:
    other = Entry("services/common/other.py")
    files = source_files([HANDLER, COMMON, other], "orders", {}, [COMMON.path])
    assert [file.path for file in files] == ["common/log.py", "orders/handler.py"]


def test_what_is_taken_enters_even_where_it_is_left_out_by_itself() -> None:
    event = Entry("services/orders/events/one.json")
    schema, rates = Entry("schemas/price.json"), Entry("services/common/tests/rates.json")
    files = source_files([HANDLER, event, schema, rates], "orders", {}, [event.path, schema.path, rates.path])
    assert [file.path for file in files] == [
        "common/tests/rates.json",
        "events/one.json",
        "orders/handler.py",
        "schemas/price.json",
    ]


def test_two_files_for_one_place_are_refused() -> None:
    own = Entry("services/orders/common/log.py")
    assert refusal(HANDLER, own, COMMON) == [
        f"{COMMON.path} and {own.path}: both would be common/log.py in the artifact"
    ]


def test_a_lock_file_counts_by_what_it_pins() -> None:
    lock, same = (
        Entry("services/orders/requirements.txt"),
        Entry("services/orders/requirements.txt", "c" * 40),
    )
    assert digest(HANDLER, lock, requirements="pins") == digest(HANDLER, same, requirements="pins")
    assert digest(HANDLER, lock, requirements="pins") != digest(HANDLER, lock, requirements="others")
    assert digest(HANDLER, lock) != digest(HANDLER, same)  # where nobody reads it as a lock, it is a file


def test_a_link_in_the_shared_core_stands_for_its_file() -> None:
    link = Entry("services/common/old.py", "1" * 40, "120000")
    stray = Entry("services/common/stray.py", "2" * 40, "120000")
    found = shared_files([COMMON, link, stray], {link.path: "log.py", stray.path: "/etc/passwd"})
    assert found == {"log.py": COMMON.blob, "old.py": COMMON.blob}
