"""uv itself installs wheels that are made here; only one test needs a network."""

import sysconfig
from pathlib import Path

import pytest

from release.build.installer import Installation, clean_environment, explain, uv_install
from release.build.requirements import read_lock
from release.build.target import LAMBDA, Target, refuse_unknown_runtime
from release.errors import Misconfigured, ReleaseError, Unavailable
from tests.build.fleet import Wheels

FILE = "services/orders/requirements.txt"
SIX = "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274"


def asked(
    *lines: str,
    runtime: str = "python3.13",
    architecture: str = "arm64",
    target: Target = LAMBDA,
) -> Installation:
    lock = "".join(f"{line}\n" for line in lines).encode()
    return Installation(lock, FILE, read_lock(lock, file=FILE, fix=""), runtime, architecture, target)


def refusal(installation: Installation, into: Path) -> ReleaseError:
    with pytest.raises(ReleaseError) as refused:
        uv_install(installation, into)
    return refused.value


def test_a_package_of_the_public_index_is_installed(tmp_path: Path) -> None:
    uv_install(asked(SIX), tmp_path / "into")
    assert (tmp_path / "into/six.py").is_file()


@pytest.mark.parametrize(
    ("runtime", "architecture", "chosen"),
    [
        ("python3.11", "arm64", "py3-none-manylinux_2_17_aarch64"),
        ("python3.12", "arm64", "py3-none-manylinux_2_34_aarch64"),
        ("python3.13", "x86_64", "py3-none-manylinux_2_28_x86_64"),
    ],
)
def test_the_newest_wheel_that_the_runtime_can_load_is_chosen(
    wheels: Wheels, tmp_path: Path, runtime: str, architecture: str, chosen: str
) -> None:
    tags = [
        "manylinux_2_17_aarch64",
        "manylinux_2_34_aarch64",
        "manylinux_2_35_aarch64",
        "manylinux_2_17_x86_64",
        "manylinux_2_28_x86_64",
        "macosx_11_0_arm64",
    ]
    made = [wheels.add("native", tag=f"py3-none-{tag}") for tag in tags]
    line = made[0].split()[0] + " " + " ".join(one.split()[1] for one in made)
    uv_install(asked(line, runtime=runtime, architecture=architecture), tmp_path / "into")
    assert chosen in (tmp_path / "into/native.py").read_text()


def test_a_build_for_the_host_takes_what_this_python_loads(wheels: Wheels, tmp_path: Path) -> None:
    here = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    line = wheels.add("native", tag=f"py3-none-{here}")
    uv_install(asked(line, target=Target.named("host")), tmp_path / "into")
    assert (tmp_path / "into/native.py").is_file()


def test_other_bytes_than_pinned_are_refused_with_the_line(wheels: Wheels, tmp_path: Path) -> None:
    other = wheels.add("other")
    line = wheels.add("thing").split()[0] + " --hash=sha256:" + "0" * 64
    error = refusal(asked(other, line), tmp_path / "into")
    assert isinstance(error, Misconfigured)
    assert "other bytes for thing 1.0" in error.cause
    assert error.see == f"{FILE}:2"


def test_a_dependency_that_is_not_locked_is_named(wheels: Wheels, tmp_path: Path) -> None:
    wheels.add("other")
    error = refusal(asked(wheels.add("thing", requires="other")), tmp_path / "into")
    assert error.cause == f"{FILE} lacks other, which another package in it needs"
    assert "uv pip compile --universal --generate-hashes" in error.fix


def test_no_wheel_for_the_platform_is_a_clear_error(wheels: Wheels, tmp_path: Path) -> None:
    line = wheels.add("native", tag="py3-none-win_amd64")
    error = refusal(asked(line), tmp_path / "into")
    assert isinstance(error, Misconfigured)
    assert "native 1.0 has no wheel for python3.13 on arm64" in error.cause
    assert error.see == f"{FILE}:1"


def test_a_package_that_is_nowhere_is_named(wheels: Wheels, tmp_path: Path) -> None:
    wheels.add("thing")
    error = refusal(asked("thing==9.9 --hash=sha256:" + "0" * 64), tmp_path / "into")
    assert "thing" in error.cause
    assert error.see == f"{FILE}:1"


def test_an_index_out_of_reach_is_worth_another_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://user:hunter2@127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    error = refusal(asked(SIX), tmp_path / "into")
    assert isinstance(error, Unavailable)
    assert "hunter2" not in "".join(error.details)


def test_a_network_that_is_switched_off_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    error = refusal(asked(SIX), tmp_path / "into")
    assert isinstance(error, Unavailable)
    assert "UV_OFFLINE" in error.fix


def test_refused_access_to_the_index_is_no_network_trouble() -> None:
    error = explain(
        "error: Failed to fetch: `http://index.invalid/six/`\n"
        "  cause: HTTP status client error (401 Unauthorized) for url (http://index.invalid/six/)\n",
        asked(SIX),
    )
    assert isinstance(error, Misconfigured)
    assert "refused access" in error.cause


def test_what_uv_says_and_we_do_not_know_is_shown() -> None:
    error = explain("error: the moon is full\n", asked(SIX))
    assert error.details == ("error: the moon is full",)


def test_nothing_of_the_environment_chooses_packages() -> None:
    kept = clean_environment(
        {
            "HOME": "/srv/x",
            "https_proxy": "http://proxy.invalid",
            "UV_DEFAULT_INDEX": "http://index.invalid",
            "UV_INDEX_OURS_PASSWORD": "x",
            "SSL_CERT_FILE": "/x.pem",
            "UV_OVERRIDE": "other.txt",
            "UV_PRERELEASE": "allow",
            "UV_PYTHON": "3.9",
            "PYTHONPATH": "/x",
            "AWS_SECRET_ACCESS_KEY": "x",
        }
    )
    assert set(kept) - {"UV_SYSTEM_CERTS"} == {
        *("HOME", "https_proxy", "UV_DEFAULT_INDEX", "UV_INDEX_OURS_PASSWORD", "SSL_CERT_FILE", "LC_ALL"),
    }


@pytest.mark.parametrize(
    ("said", "there", "trusts"),
    [({}, True, "true"), ({}, False, None), ({"UV_SYSTEM_CERTS": "0"}, True, "0")],
)
def test_uv_trusts_whom_the_machine_trusts_unless_somebody_says_otherwise(
    said: dict[str, str], there: bool, trusts: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path if there else tmp_path / "absent"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    assert clean_environment(said).get("UV_SYSTEM_CERTS") == trusts


def test_no_configuration_of_a_project_is_read(
    wheels: Wheels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = wheels.add("thing")
    (tmp_path / "uv.toml").write_text("this is no configuration")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    uv_install(asked(line), Path("into"))
    assert (tmp_path / "work/into/thing.py").is_file()


def test_a_runtime_without_a_builder_is_refused() -> None:
    for runtime, architecture in (("nodejs22.x", "arm64"), ("python3.13", "riscv64")):
        with pytest.raises(Misconfigured) as refused:
            refuse_unknown_runtime("orders", runtime, architecture, see="services/orders/service.yaml:5")
        assert refused.value.see == "services/orders/service.yaml:5"


def test_only_two_build_targets_can_be_named() -> None:
    assert Target.named("lambda") is LAMBDA
    assert Target.named("host").name.startswith("host:3.")
    with pytest.raises(Misconfigured):
        Target.named("Lambda")
