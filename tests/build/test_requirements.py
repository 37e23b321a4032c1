import pytest

from release.build.requirements import Pin, how_to_lock, pins_digest, read_lock
from release.errors import Misconfigured

HASH = "--hash=sha256:" + "a" * 64
B = "sha256:" + "b" * 64


def problems(text: str) -> list[str]:
    with pytest.raises(Misconfigured) as refused:
        read_lock(text.encode(), file="services/x/requirements.txt", fix="lock it")
    return [detail.removeprefix("services/x/requirements.txt:") for detail in refused.value.details]


def test_what_uv_pip_compile_writes_is_read_with_the_line_of_each_package() -> None:
    text = f"""\
# a comment
annotated-types==0.8.0 \\
    {HASH} \\
    --hash=sha256:{"b" * 64}
    # via pydantic
Typing_Extensions[extra] == 4.1 ; python_version < "3.12" \\
    {HASH}
"""
    pins = read_lock(text.encode(), file="r", fix="f")
    assert pins == [
        Pin("annotated-types", "0.8.0", 2, "annotated-types==0.8.0", (HASH.removeprefix("--hash="), B)),
        Pin(
            "typing-extensions",
            "4.1",
            6,
            'Typing_Extensions[extra] == 4.1 ; python_version < "3.12"',
            (HASH.removeprefix("--hash="),),
        ),
    ]


def test_an_empty_lock_file_pins_nothing() -> None:
    assert read_lock(b"# nothing\n\n", file="r", fix="f") == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("six", "1: 'six' is not pinned as name==version"),
        (f"six>=1.0 {HASH}", "1: 'six>=1.0' is not pinned as name==version"),
        (f"six==1.* {HASH}", "1: 'six==1.*' is not pinned as name==version"),
        ("six==1.0", "1: six==1.0 has no sha256 hash"),
        ("six==1.0 --hash=md5:abc", "1: six==1.0 has no sha256 hash"),
        ("six==1.0 --hash=sha256:abc", "1: six==1.0 has no sha256 hash"),
        (
            f"six==${{VERSION}} {HASH}",
            "1: 'six==${VERSION}' has a `$`: uv would put a variable of this machine there",
        ),
        (
            f"six==1.0 ; platform_node == '${{USER}}' {HASH}",
            "1: \"six==1.0 ; platform_node == '${USER}'\" has a `$`: "
            "uv would put a variable of this machine there",
        ),
        (f"./local {HASH}", "1: './local' is not pinned as name==version"),
        ("-e .", "1: an option (-e); only pinned packages may stand here"),
        ("-r other.txt", "1: an option (-r); only pinned packages may stand here"),
        (
            "--index" + "-url=https://index.invalid",
            "1: an option (--index" + "-url); only pinned packages may stand here",
        ),
    ],
)
def test_a_line_that_could_bring_other_bytes_is_refused(line: str, problem: str) -> None:
    assert problems(line) == [problem]


def test_all_bad_lines_are_named_at_once() -> None:
    assert problems(f"six\n\na==1 {HASH}\nb==2 \\\n  # why\n") == [
        "1: 'six' is not pinned as name==version",
        "4: b==2 has no sha256 hash",
    ]


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(Misconfigured, match="not UTF-8"):
        read_lock(b"\xff\xfe", file="r", fix="f")


def test_the_command_to_lock_names_the_runtime_and_both_files() -> None:
    command = how_to_lock("services/x", "python3.13")
    assert "--python-version 3.13 services/x/requirements.in -o services/x/requirements.txt" in command


def test_comments_and_order_do_not_change_what_a_lock_pins() -> None:
    one = f"a==1 \\\n    {HASH}\n    # via b\nb==2 {HASH}\n"
    other = f"# made by somebody\nb==2   {HASH}\n\na==1 {HASH}\n"
    assert pins_digest(one.encode()) == pins_digest(other.encode())


@pytest.mark.parametrize(
    "changed",
    [
        f"a==2 {HASH}",
        f"b==1 {HASH}",
        f"a[extra]==1 {HASH}",
        f"a==1 ; python_version < '3.12' {HASH}",
        f"a==1 --hash={B}",
        f"a==1 {HASH} --hash={B}",
        f"a==1 {HASH}\nb==1 {HASH}",
        "",
    ],
)
def test_whatever_is_installed_changes_what_a_lock_pins(changed: str) -> None:
    assert pins_digest(changed.encode()) != pins_digest(f"a==1 {HASH}".encode())


def test_a_file_that_is_no_lock_counts_by_its_bytes() -> None:
    assert pins_digest(b"a") != pins_digest(b"a ")
