"""A command fills a folder: what it sees, what it may leave, and what is said when it fails."""

import contextlib
import os
import signal
import stat
import struct
import threading
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from release.build.any_service import ServiceBuilder
from release.build.archive import Archive
from release.build.process import run, side_by_side
from release.build.target import LAMBDA, Target
from release.core.models import Build
from release.errors import Misconfigured
from tests.build.sources import source

SCRIPT = "services/price/build.sh"
ENVIRONMENT = {"PATH": os.environ["PATH"]}
GOOD = "mkdir dist && cp build.sh dist/bootstrap"


def build(
    script: str,
    files: dict[str, str | bytes] | None = None,
    *,
    timeout: int = 60,
    target: Target = LAMBDA,
    **facts: Any,
) -> Archive:
    """What `ServiceBuilder` makes of a service whose command is this shell script."""
    options = Build(command=("./build.sh", "it's", "$HOME"), output="dist", timeout=timeout)
    made = source(
        {SCRIPT: f"#!/bin/sh\n{script}\n", **(files or {})},
        executable=(SCRIPT,),
        handler="bootstrap",
        target=target,
        **{"runtime": "provided.al2023", "build": options, **facts},
    )
    return ServiceBuilder(None)(made)


def refused(script: str, files: dict[str, str | bytes] | None = None, **facts: Any) -> Misconfigured:
    with pytest.raises(Misconfigured) as raised:
        build(script, files, **facts)
    assert not any("/tmp" in line for line in (raised.value.cause, raised.value.fix))
    return raised.value


def members(made: Archive) -> dict[str, tuple[str, str]]:
    with zipfile.ZipFile(BytesIO(made.data)) as opened:
        return {
            one.filename: (stat.filemode(one.external_attr >> 16), opened.read(one).decode())
            for one in opened.infolist()
        }


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, machine) + bytes(44)


# what it sees


def test_the_output_folder_becomes_the_archive_with_its_exec_bits() -> None:
    made = members(build(f"{GOOD}; echo x > dist/data.txt; mkdir dist/empty; umask 077; echo y > dist/late"))
    assert {path: mode for path, (mode, _) in made.items()} == {
        "bootstrap": "-rwxr-xr-x",
        "data.txt": "-rw-r--r--",
        "late": "-rw-r--r--",
    }


def test_a_command_sees_exactly_the_files_of_the_commit_laid_out_as_they_are_there() -> None:
    files = {"services/price/src/main.go": "", "services/common/x.json": "{}", "schemas/a.json": "{}"}
    seen = members(build(f"{GOOD}; (cd ../.. && find . -type f | sort) > dist/seen", dict(files)))["seen"][1]
    assert seen.split() == sorted(
        f"./{path}" for path in (*files, SCRIPT, "services/price/dist/bootstrap", "services/price/dist/seen")
    )


def test_a_command_gets_words_not_a_line_for_a_shell() -> None:
    made = build(f"{GOOD}; printf '%s|' \"$@\" > dist/words")
    assert members(made)["words"][1] == "it's|$HOME|"


def test_a_command_gets_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "LD_PRELOAD",
        "PYTHONPATH",
        "GOFLAGS",
        "CARGO_HOME",
    ):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("HTTPS_PROXY", "http://someone:secret@proxy.invalid")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid")
    made = members(
        build(f"{GOOD}; env | cut -d= -f1 | sort > dist/names; env > dist/all; ls -A $HOME $TMPDIR")
    )
    names = set(made["names"][1].split()) - {"PWD", "SHLVL", "_", "OLDPWD", "SSL_CERT_DIR", "SSL_CERT_FILE"}
    expected = {"PATH", "HOME", "TMPDIR", "LC_ALL", "TZ", "SOURCE_DATE_EPOCH", "HTTP_PROXY"}
    own = {"RELEASE_SERVICE", "RELEASE_RUNTIME", "RELEASE_ARCHITECTURE"}
    toolchains = {"RUSTUP_HOME", "GOROOT", "GOCACHE", "GOMODCACHE", "JAVA_HOME", "DOTNET_ROOT"}
    assert names - toolchains == expected | own
    assert "RELEASE_ARCHITECTURE=arm64" in made["all"][1]
    assert f"HOME={os.environ['HOME']}\n" not in made["all"][1]


def test_files_have_one_date_and_a_mode_that_no_umask_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0o077)
    try:
        made = members(build(f"{GOOD}; TZ=UTC ls -l --time-style=+%Y build.sh > dist/seen"))
    finally:
        os.umask(before)
    assert made["seen"][1].startswith("-rwxr-xr-x")
    assert " 1980 " in made["seen"][1]


def test_nothing_is_left_of_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    build(f"{GOOD}; mkdir $HOME/cache; touch $HOME/cache/x; chmod -R a-w $HOME/cache")
    assert list(tmp_path.iterdir()) == []


def test_a_python_service_may_be_built_by_a_command() -> None:
    made = build("mkdir dist; echo 'x = 1' > dist/app.py", runtime="python3.13")
    assert list(members(made)) == ["app.py"]


# what is said when it fails


def test_a_failed_command_shows_the_end_of_its_log_without_secrets_and_colours() -> None:
    said = "seq 1 50; pwd; printf '\\033[31mpassword=hunter2222\\033[0m\\n' >&2; exit 3"
    error = refused(said)
    assert error.cause == "./build.sh cannot build price (exit code 3)"
    assert error.see == "services/price/service.yaml:1"
    assert len(error.details) == 30
    assert error.details[-3:] == ("50", "services/price", "[a password]")


def test_a_command_that_never_ends_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    begun = time.monotonic()
    error = refused(f"(while :; do touch {alive}; sleep 0.05; done) & echo waiting; wait", timeout=1)
    assert time.monotonic() - begun < 10
    assert error.cause == "./build.sh did not finish building price in 1 s"
    assert error.details == ("waiting",)
    assert alive.exists()
    alive.unlink()
    time.sleep(0.2)
    assert not alive.exists()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the log has no name but there")
def test_a_command_that_never_stops_talking_does_not_fill_the_disk(tmp_path: Path) -> None:
    most = 0

    def look() -> None:
        nonlocal most
        for _ in range(40):
            time.sleep(0.05)
            for link in Path("/proc/self/fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(tmp_path) in str(link.readlink()):
                        most = max(most, link.stat().st_size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path))
        looking = threading.Thread(target=look)
        looking.start()
        script = "while :; do seq 1000000 1999999; sleep 0.1; done"  # 8 MB
        ended = run(["sh", "-c", script], folder=tmp_path, environment=dict(os.environ), seconds=2.0)
        looking.join()
    assert ended.code is None
    assert 16_000_000 < most < 64_000_000
    assert len(ended.tail(tmp_path)) == 30
    assert ended.tail(tmp_path)[-1].startswith("1")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_ends_us_ends_what_runs_at_once_and_begins_nothing_more(
    number: signal.Signals, tmp_path: Path
) -> None:
    codes: list[int | None] = []

    def work(which: int) -> None:
        script = f": > {tmp_path / str(which)}; exec sleep 60"
        codes.append(
            run(["/bin/sh", "-c", script], folder=tmp_path, environment=ENVIRONMENT, seconds=30).code
        )

    def end() -> None:
        while not (tmp_path / "0").exists():  # without a pause: it may come before we know whom to end
            pass
        os.kill(os.getpid(), number)

    for _ in range(10):
        codes.clear()
        (tmp_path / "0").unlink(missing_ok=True)
        ending = threading.Thread(target=end)
        ending.start()
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                side_by_side(work, range(4), at_once=2)
        finally:
            signal.signal(signal.SIGTERM, before)
            ending.join()
        assert set(codes) == {-9}
        assert not (tmp_path / "3").exists()


def test_a_program_that_is_not_there_is_named() -> None:
    options = Build(command=("no-such-compiler",), output="dist")
    error = refused("", build=options)
    assert error.cause.startswith("the command 'no-such-compiler', which builds price, cannot be started")


# what it may leave


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("true", "the command that builds price succeeded and left no folder dist"),
        ("echo x > dist", "the command that builds price succeeded and left no folder dist"),
        ("ln -s /etc dist", "the command that builds price succeeded and left no folder dist"),
        ("ln -s .. dist", "the command that builds price succeeded and left no folder dist"),
        ("mkdir dist", "the folder dist, which is to become the artifact of price, is empty"),
        ("mkdir dist; echo x > dist/main", "provided.al2023 starts the file bootstrap, and what was built"),
        ("mkdir dist; echo x > dist/bootstrap", "provided.al2023 starts the file bootstrap, and what was"),
    ],
)
def test_a_command_leaves_a_folder_that_the_runtime_can_start(script: str, cause: str) -> None:
    assert refused(script).cause.startswith(cause)


@pytest.mark.parametrize(
    ("link", "what"),
    [
        ("/etc/passwd", "'x' is a link to '/etc/passwd', out of the folder"),
        ("../build.sh", "'x' is a link to '../build.sh', out of the folder"),
        ("nowhere", "'x' is a link to 'nowhere', where nothing is"),
        ("x", "'x' is a link to 'x', where nothing is"),
        ("sub", "'x' is a link to the folder 'sub'"),
    ],
)
def test_a_link_that_is_no_file_of_the_folder_is_refused(link: str, what: str) -> None:
    error = refused(f"{GOOD}; mkdir dist/sub; ln -s {link} dist/x")
    assert error.details == (what,)


def test_a_link_within_the_folder_becomes_a_copy() -> None:
    made = members(build(f"{GOOD}; ln -s bootstrap dist/also"))
    assert made["also"] == made["bootstrap"]


def test_more_than_lambda_takes_is_refused_before_it_is_read() -> None:
    error = refused(f"{GOOD}; truncate -s 251M dist/model.bin")
    assert error.cause == "price unpacks to 251.0 MB; AWS Lambda takes 250.0 MB"
    assert error.details[0] == "model.bin: 251.0 MB"


def test_a_pipe_is_refused() -> None:
    assert refused(f"{GOOD}; mkfifo dist/x").details == ("'x' is no regular file",)


def test_names_that_are_one_on_some_machines_are_refused() -> None:
    error = refused(f"{GOOD}; touch dist/A dist/a")
    assert any("equal but for case" in line for line in error.details)


def test_an_executable_for_another_machine_is_refused_for_lambda_and_taken_in_the_sandbox() -> None:
    files = {"services/price/main": elf(62)}  # x86_64, and the service is arm64
    script = "mkdir dist; cp main dist/bootstrap; chmod +x dist/bootstrap"
    error = refused(script, dict(files))
    assert error.details == ("bootstrap: is for x86_64, not for aarch64",)
    assert "RELEASE_ARCHITECTURE" in error.fix
    assert build(script, dict(files), target=Target("host:3.13-linux"))
    assert build(script, {"services/price/main": elf(183)})


def test_a_runtime_without_builder_and_command_says_what_to_do() -> None:
    error = refused("", build=Build())
    assert error.cause == "price has the runtime provided.al2023, which has no builder"
