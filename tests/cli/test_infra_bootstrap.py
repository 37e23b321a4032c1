"""`release infra bootstrap` as far as nothing is asked of AWS."""

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.worlds import ENVIRONMENTS, FILES, FOLDER, Fleet

ROLE = "arn:aws:iam::{}:role/{}"
SHARED = "222222222222"


def world(folder: Path, uat: str) -> Fleet:
    """dev has an account of its own; qa and uat share one. `uat`: the name of the role there, if any."""
    dev, qa = ROLE.format("111111111111", "release-deploy"), ROLE.format(SHARED, "release-deploy")
    said = f', role: "{ROLE.format(SHARED, uat)}"' if uat else ""
    environments = (
        ENVIRONMENTS.replace("ARTIFACTS", FOLDER)
        .replace(
            '"111111111111", regions: [us-east-1]', f'"111111111111", regions: [us-east-1], role: "{dev}"'
        )
        .replace('"222222222222", regions: [us-east-1]', f'"{SHARED}", regions: [us-east-1], role: "{qa}"')
        .replace('"333333333333", regions: [us-east-1]', f'"{SHARED}", regions: [us-east-1]{said}')
    )
    return Fleet.with_files(folder / "fleet", FILES | {"pipelines/environments.yaml": environments})


@pytest.mark.parametrize("uat", ["release-deploy-uat", "release-deploy"])  # equal: bound to other names
def test_an_account_that_another_environment_is_set_up_in_is_refused(
    uat: str, cli: Cli, tmp_path: Path
) -> None:
    fleet, out = world(tmp_path, uat), tmp_path / "out"
    words = ("infra", "bootstrap", "--repository", "acme/fleet", "--out", str(out))

    for name, line, other, there in (("qa", 5, "uat", 6), ("uat", 6, "qa", 5)):
        ran = cli(*words, name, at=fleet.clone)
        assert ran.code == 2, ran
        file = "pipelines/environments.yaml"
        assert f"{name} ({file}:{line}) and {other} ({file}:{there}) share the account {SHARED}" in ran.err
        assert f"environment: {other}" in ran.lines("fix:")[0]
        assert ran.lines("see:") == [f"{file}:{line}"]
    assert not out.exists()
    assert cli(*words, "dev", at=fleet.clone).code == 0
    assert [path.name for path in out.iterdir()] == ["release-platform.us-east-1.yaml"]


def test_an_environment_without_roles_is_never_set_up_and_in_nobodys_way(cli: Cli, tmp_path: Path) -> None:
    fleet = world(tmp_path, "")
    words = ("infra", "bootstrap", "qa", "--repository", "acme/fleet", "--out", str(tmp_path / "out"))

    assert cli(*words, at=fleet.clone).code == 0
