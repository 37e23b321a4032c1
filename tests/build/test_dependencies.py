"""Installed sets of dependencies: what of them enters an artifact, and that the cache can be trusted."""

import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest

from release.build.archive import Member, archive
from release.build.dependencies import collect, dependencies, user_cache
from release.build.installer import Installation, uv_install
from release.build.requirements import read_lock
from release.build.target import LAMBDA
from release.errors import Misconfigured
from tests.build.fleet import CountingBuilder, Wheels

FILE = "services/orders/requirements.txt"


def asked(*lines: str, runtime: str = "python3.13") -> Installation:
    lock = "".join(f"{line}\n" for line in lines).encode()
    return Installation(lock, FILE, read_lock(lock, file=FILE, fix=""), runtime, "arm64", LAMBDA)


def names(members: tuple[Member, ...]) -> list[str]:
    return [member.path for member in members]


def test_what_an_installer_says_about_itself_does_not_enter(wheels: Wheels) -> None:
    line = wheels.add(
        "thing", script=True, files={"thing/__init__.py": "def main(): ...\n", "thing/RECORD": "x"}
    )
    members = dependencies(asked(line), install=uv_install, cache=None)
    assert names(members) == [
        "thing-1.0.dist-info/METADATA",
        "thing-1.0.dist-info/WHEEL",
        "thing-1.0.dist-info/entry_points.txt",
        "thing/RECORD",
        "thing/__init__.py",
    ]
    assert {member.origin for member in members} == {FILE}


def test_byte_code_does_not_enter(tmp_path: Path) -> None:
    for path in ("a/__pycache__/x.cpython-313.pyc", "a/y.pyc", "a/x.py", "bin/run", ".lock"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    assert names(collect(tmp_path, FILE)) == ["a/x.py"]


def test_the_exec_bit_is_kept(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("")
    (tmp_path / "tool").chmod(0o700)
    assert [member.mode for member in collect(tmp_path, FILE)] == [0o755]


def test_a_link_in_a_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link.py").symlink_to("/etc/hostname")
    with pytest.raises(Misconfigured, match=r"installs link\.py, which is no regular file"):
        collect(tmp_path, FILE)


def test_more_than_lambda_takes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    with (tmp_path / "torch/huge.so").open("wb") as file:
        file.truncate(251 * 1024 * 1024)
    with pytest.raises(Misconfigured, match=r"what services/orders/requirements.txt installs unpacks to 251"):
        collect(tmp_path, FILE)


def test_a_lock_file_is_installed_once(wheels: Wheels, tmp_path: Path) -> None:
    builder, wanted = CountingBuilder(), asked(wheels.add("thing"))
    first = dependencies(wanted, install=builder.install, cache=tmp_path / "cache")
    assert dependencies(wanted, install=builder.install, cache=tmp_path / "cache") == first
    assert len(builder.installations) == 1


def test_another_runtime_is_another_set(wheels: Wheels, tmp_path: Path) -> None:
    builder, line = CountingBuilder(), wheels.add("thing")
    for runtime in ("python3.12", "python3.13"):
        dependencies(asked(line, runtime=runtime), install=builder.install, cache=tmp_path / "cache")
    assert len(builder.installations) == 2


@pytest.mark.parametrize("harm", [b"", b"PK\x05\x06" + bytes(18), b"noise"])
def test_a_damaged_cache_is_noticed_and_filled_again(wheels: Wheels, tmp_path: Path, harm: bytes) -> None:
    builder, wanted = CountingBuilder(), asked(wheels.add("thing"))
    first = dependencies(wanted, install=builder.install, cache=tmp_path / "cache")
    (kept,) = (tmp_path / "cache/dependencies").glob("*.pack")
    kept.write_bytes(harm)
    assert dependencies(wanted, install=builder.install, cache=tmp_path / "cache") == first
    assert dependencies(wanted, install=builder.install, cache=tmp_path / "cache") == first
    assert len(builder.installations) == 2


def test_a_set_that_nobody_has_used_for_a_month_is_forgotten(wheels: Wheels, tmp_path: Path) -> None:
    def sets() -> set[Path]:
        return set((tmp_path / "cache/dependencies").glob("*.pack"))

    one, other = asked(wheels.add("thing")), asked(wheels.add("other"))
    dependencies(one, install=uv_install, cache=tmp_path / "cache")
    (kept,) = sets()
    long_ago = time.time() - 31 * 24 * 60 * 60
    os.utime(kept, (long_ago, long_ago))
    dependencies(one, install=uv_install, cache=tmp_path / "cache")  # used again: counts from now
    dependencies(other, install=uv_install, cache=tmp_path / "cache")
    assert kept in sets()
    os.utime(kept, (long_ago, long_ago))
    dependencies(asked(wheels.add("third")), install=uv_install, cache=tmp_path / "cache")
    assert len(sets()) == 2
    assert kept not in sets()


def test_a_name_that_no_zip_can_hold_is_left_to_the_archive_to_refuse(tmp_path: Path) -> None:
    def install(wanted: Installation, into: Path) -> None:
        (into / os.fsdecode(b"\xff.py")).write_text("")

    wanted = asked("thing==1.0 --hash=sha256:" + "0" * 64)
    (member,) = dependencies(wanted, install=install, cache=tmp_path / "cache")
    with pytest.raises(Misconfigured) as refused:
        archive([member], of="orders")
    assert "not UTF-8" in refused.value.details[0]


def test_a_cache_that_cannot_be_written_is_no_reason_not_to_build(wheels: Wheels, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    members = dependencies(asked(wheels.add("thing")), install=uv_install, cache=tmp_path / "cache")
    assert "thing.py" in names(members)


def test_a_failed_installation_is_not_kept(wheels: Wheels, tmp_path: Path) -> None:
    line = wheels.add("thing").split()[0] + " --hash=sha256:" + "0" * 64
    with pytest.raises(Misconfigured):
        dependencies(asked(line), install=uv_install, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache/dependencies").glob("*.pack"))


def _install_slowly(installation: Installation, log: Path, cache: Path) -> None:
    def install(wanted: Installation, into: Path) -> None:
        with log.open("a") as file:
            file.write("x")
        uv_install(wanted, into)

    assert "thing.py" in names(dependencies(installation, install=install, cache=cache))


def test_processes_that_want_one_set_at_once_install_it_once(wheels: Wheels, tmp_path: Path) -> None:
    arguments = (asked(wheels.add("thing")), tmp_path / "log", tmp_path / "cache")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_install_slowly, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "x"


def test_threads_that_want_one_set_at_once_install_it_once(wheels: Wheels, tmp_path: Path) -> None:
    arguments = (asked(wheels.add("thing")), tmp_path / "log", tmp_path / "cache")
    threads = [threading.Thread(target=_install_slowly, args=arguments) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "log").read_text() == "x"


def test_the_cache_is_where_the_user_keeps_caches() -> None:
    assert user_cache({"HOME": "/srv/x"}) == Path("/srv/x/.cache/release")
    assert user_cache({"HOME": "/srv/x", "XDG_CACHE_HOME": "/var/x"}) == Path("/var/x/release")
    assert user_cache({"HOME": "/srv/x", "XDG_CACHE_HOME": "relative"}) == Path("/srv/x/.cache/release")
    assert user_cache({}) is None
