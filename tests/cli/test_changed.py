"""`release changed` on real repositories: nothing that differs from what a stage runs is ever lost."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.changed_worlds import FILES, NAMES, ChangedFleet, answer, service
from tests.cli.conftest import Cli
from tests.cli.worlds import TEMPLATE, git


@pytest.fixture
def fleet(changed_fleet: ChangedFleet) -> ChangedFleet:
    return changed_fleet


Changed = Callable[..., dict[str, Any]]


@pytest.fixture
def changed(fleet: ChangedFleet, capsys: pytest.CaptureFixture[str]) -> Changed:
    """What `release changed` says, against dev and again between the two trees: both must agree."""

    def ask(*arguments: str, at: Path | None = None) -> dict[str, Any]:
        return answer(capsys, at or fleet.clone, *arguments)

    return ask


def both(changed: Changed, base: str) -> list[str]:
    """Names of what changed since `base`, which dev runs: as the manifest tells, and as the trees tell."""
    by_stage, by_tree = changed("--stage", "dev"), changed("--base", base)
    assert by_stage["changed"] == by_tree["changed"]
    assert by_stage["removed"] == by_tree["removed"]
    assert by_stage["unknown"] is by_tree["unknown"] is None
    names: list[str] = by_stage["changed"]
    return names


def head(fleet: ChangedFleet) -> str:
    return fleet.git("rev-parse", "HEAD")


def handler(name: str, text: str = "# changed\n") -> dict[str, str]:
    path = f"services/{name}/{name.replace('-', '_')}/handler.py"
    return {path: FILES[path] + text}


# -- the cases of git ------------------------------------------------------------------------------------


def test_where_nothing_differs_nothing_changed(fleet: ChangedFleet, changed: Changed) -> None:
    assert both(changed, head(fleet)) == []


def test_a_push_of_three_commits_changes_three_services(fleet: ChangedFleet, changed: Changed) -> None:
    base = head(fleet)
    for name in NAMES:
        fleet.commit(f"fix: {name}", handler(name))
    fleet.push()

    assert both(changed, base) == list(NAMES)


def test_what_a_failed_run_did_not_deploy_is_still_to_be_deployed(
    fleet: ChangedFleet, changed: Changed
) -> None:
    base = head(fleet)
    fleet.commit("fix: auth", handler("auth"))
    fleet.push()  # whose run fails: dev still runs the base
    fleet.commit("fix: prices", handler("prices"))
    fleet.push()

    assert both(changed, base) == ["auth", "prices"]


def test_a_revert_since_the_deploy_changes_nothing(fleet: ChangedFleet, changed: Changed) -> None:
    base = head(fleet)
    fleet.commit("fix: auth", handler("auth"))
    fleet.git("revert", "--no-edit", "HEAD")

    assert both(changed, base) == []


def test_a_revert_of_what_runs_is_a_change(fleet: ChangedFleet, changed: Changed) -> None:
    base = fleet.commit("fix: auth", handler("auth"))
    fleet.push()
    fleet.runs("dev", base)
    fleet.git("revert", "--no-edit", "HEAD")

    assert both(changed, base) == ["auth"]


def test_a_file_that_moves_from_one_service_into_another_changes_both(
    fleet: ChangedFleet, changed: Changed
) -> None:
    fleet.commit("feat: shapes", {"services/auth/auth/shapes.py": "A = 1\n"})
    fleet.push()
    base = head(fleet)
    fleet.runs("dev", base)
    fleet.move("services/auth/auth/shapes.py", "services/prices/prices/shapes.py")
    fleet.commit("refactor: shapes belong to prices")

    assert both(changed, base) == ["auth", "prices"]


def test_a_shared_module_that_goes_while_it_is_imported_changes_its_importers_and_says_so(
    fleet: ChangedFleet, changed: Changed, cli: Cli
) -> None:
    base = head(fleet)
    fleet.git("rm", "--quiet", "services/common/log.py")
    fleet.commit("refactor: no log")
    fleet.push()

    assert both(changed, base) == ["auth", "prices"]
    assert changed("--base", base, "--why", "prices")["notes"] == [
        "services/common/http.py:1: imports common.log, which finds nothing in services/common"
    ]
    ran = cli("build", at=fleet.clone)
    assert ran.code == 2
    assert "services/auth/auth/handler.py:1: imports common.log, which finds nothing" in ran.err
    assert "services/common/http.py:1: imports common.log, which finds nothing" in ran.err


def test_a_shared_module_that_goes_after_its_last_import_changes_nobody_else(
    fleet: ChangedFleet, changed: Changed
) -> None:
    base = head(fleet)
    fleet.git("rm", "--quiet", "services/common/unused.py")
    fleet.commit("refactor: nobody uses it")

    assert both(changed, base) == []


def test_a_shared_module_changes_those_that_import_it_however_far(
    fleet: ChangedFleet, changed: Changed
) -> None:
    base = head(fleet)
    fleet.commit("fix: log", {"services/common/log.py": "LEVEL = 'DEBUG'\n"})

    assert both(changed, base) == ["auth", "prices"]


def test_a_clean_merge_brings_what_its_branch_changed(fleet: ChangedFleet, changed: Changed) -> None:
    base = head(fleet)
    fleet.git("checkout", "--quiet", "-b", "feature")
    fleet.commit("fix: auth", handler("auth"))
    fleet.git("checkout", "--quiet", "main")
    fleet.commit("fix: prices", handler("prices"))
    fleet.git("merge", "--quiet", "--no-edit", "feature")

    assert both(changed, base) == ["auth", "prices"]


def test_the_mode_alone_is_a_change(fleet: ChangedFleet, changed: Changed) -> None:
    base = head(fleet)
    fleet.git("update-index", "--chmod=+x", "services/auth/auth/handler.py")
    fleet.git("commit", "--quiet", "--message", "fix: executable")

    assert both(changed, base) == ["auth"]
    because = changed("--base", base, "--why", "auth")["because"]
    assert "services/auth/auth/handler.py mode 644 → 755" in because


def test_the_mode_of_what_a_link_in_the_shared_core_leads_to_is_a_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = ChangedFleet.made(tmp_path / "fleet", FILES | service("auth", "from common import short"))
    (fleet.clone / "services/common/short.py").symlink_to("log.py")
    base = fleet.commit("feat: a link")
    fleet.runs("dev", base)
    (fleet.clone / "services/common/log.py").chmod(0o755)
    fleet.commit("fix: mode")
    for arguments in (("--base", base), ("--stage", "dev")):
        # prices takes log.py by its own name
        assert answer(capsys, fleet.clone, *arguments)["changed"] == ["auth", "prices"]


def test_a_folder_without_init_counts_as_far_as_it_is_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = FILES | {"services/common/tools/a.py": "", "services/common/tools/b.py": ""}
    files |= service("auth", "import common.tools", "import common.tools.a")
    files |= service("prices", "import common.tools")
    fleet = ChangedFleet.made(tmp_path / "fleet", files)
    base = head(fleet)
    fleet.commit("fix: tools", {"services/common/tools/b.py": "x = 1"})
    for arguments in (("--base", base), ("--stage", "dev")):
        assert answer(capsys, fleet.clone, *arguments)["changed"] == ["prices"]


def test_a_name_that_begins_like_another_is_another_service(fleet: ChangedFleet, changed: Changed) -> None:
    base = head(fleet)
    fleet.commit("fix: admin", handler("auth-admin"))

    assert both(changed, base) == ["auth-admin"]


@pytest.mark.parametrize("name", ["with space.txt", "größe.txt", "価格.py", "-rf.txt", "a'b\".txt"])
def test_names_are_taken_as_they_are(fleet: ChangedFleet, changed: Changed, name: str) -> None:
    base = head(fleet)
    fleet.commit("feat: data", {f"services/auth/auth/{name}": "1"})

    assert both(changed, base) == ["auth"]
    because = changed("--base", base, "--why", "auth")["because"]
    assert any(line.startswith(f"services/auth/auth/{name} added") for line in because)


def test_a_name_that_no_archive_can_hold_is_a_change_and_is_named(
    fleet: ChangedFleet, changed: Changed
) -> None:
    base = head(fleet)
    fleet.commit("feat: data", {"services/auth/auth/two\nlines.txt": "1"})

    assert both(changed, base) == ["auth"]
    assert any("control character" in note for note in changed("--stage", "dev")["notes"])


def test_main_that_was_force_pushed_is_compared_by_its_tree(fleet: ChangedFleet, changed: Changed) -> None:
    base = fleet.commit("fix: auth", handler("auth"))
    fleet.push()
    fleet.runs("dev", base)
    fleet.git("reset", "--quiet", "--hard", "HEAD~1")
    fleet.commit("fix: prices", handler("prices"))
    fleet.push("+HEAD:refs/heads/main")

    assert both(changed, base) == ["auth", "prices"]


def test_a_first_push_changes_all(fleet: ChangedFleet, changed: Changed) -> None:
    said = changed("--base", "0" * 40)
    assert said["changed"] == list(NAMES)
    assert said["unknown"] == "there is no base: git names nothing before a first push"
    assert changed("--stage", "qa")["unknown"] == "qa has run nothing with success yet"


def test_a_hotfix_that_is_not_on_main_is_taken_back_by_main(fleet: ChangedFleet, changed: Changed) -> None:
    fleet.git("checkout", "--quiet", "-b", "hotfix/1")
    hotfix = fleet.commit("fix: now", handler("auth"))
    fleet.push("HEAD:refs/heads/hotfix/1")
    fleet.runs("dev", hotfix)
    fleet.git("checkout", "--quiet", "main")
    fleet.commit("fix: prices", handler("prices"))

    assert both(changed, hotfix) == ["auth", "prices"]


def test_services_come_and_go(fleet: ChangedFleet, changed: Changed) -> None:
    base = head(fleet)
    fleet.git("rm", "-r", "--quiet", "services/auth")
    fleet.commit("feat: orders for auth", service("orders"))

    assert both(changed, base) == ["orders"]
    said = changed("--base", base)
    assert said["removed"] == ["auth"]
    assert {one["service"]: one["what"] for one in said["services"]} == {
        "auth": ["removed"],
        "orders": ["new"],
    }


# -- what counts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"services/auth/tests/test_x.py": "x"}, []),
        ({"services/auth/README.md": "x"}, []),
        ({"README.md": "x", "docs/a.md": "x"}, []),
        ({"services/common/unused.py": "x = 1\n"}, []),
        ({"services/common/README.md": "x"}, []),
        ({"services/common/__init__.py": "x = 1\n"}, ["auth", "prices"]),
        ({"services/common/http.py": "x = 1\n"}, ["prices"]),
        ({"services/common/http.py": "x = = 1\n"}, ["prices"]),
        ({"services/auth/auth/x.py": "import common.unused\n"}, ["auth"]),
        ({"services/prices/template.yaml.j2": TEMPLATE + "# new\n"}, ["prices"]),
        ({"templates/cloudformation/own.j2": "x"}, []),
        ({"services/auth/requirements.txt": "# nothing pinned\n"}, ["auth"]),
    ],
)  # fmt: skip
def test_what_counts_and_what_does_not(
    fleet: ChangedFleet, changed: Changed, files: dict[str, str], expected: list[str]
) -> None:
    base = head(fleet)
    fleet.commit("change", files)

    assert both(changed, base) == expected


def test_settings_are_a_change_of_their_own_and_named_without_values(
    fleet: ChangedFleet, changed: Changed
) -> None:
    base = head(fleet)
    text = FILES["services/auth/service.yaml"]
    fleet.commit(
        "feat: more", {"services/auth/service.yaml": text + "settings: {dev: {memory: 512, timeout: 7}}\n"}
    )

    assert both(changed, base) == ["auth"]
    said = changed("--stage", "dev", "--why", "auth")
    assert said["services"][0]["what"] == ["settings"]
    assert not any("512" in line for line in said["because"])
    assert (
        "settings of dev: settings.memory, settings.timeout"
        in changed("--base", base, "--why", "auth")["because"]
    )


def test_a_broken_shared_module_changes_its_importers_and_is_named(
    fleet: ChangedFleet, changed: Changed, cli: Cli
) -> None:
    base = head(fleet)
    fleet.commit("feat: oops", {"services/common/http.py": "\n\nx = = 1\n"})
    fleet.push()

    assert both(changed, base) == ["prices"]
    assert changed("--stage", "dev")["notes"] == [
        "services/common/http.py:3: cannot be parsed: invalid syntax"
    ]
    ran = cli("build", "prices", at=fleet.clone)
    assert ran.code == 2 and "services/common/http.py:3: cannot be parsed" in ran.err


def test_a_data_file_counts_where_it_is_included(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        FILES["services/auth/service.yaml"] + "build: {include: ['rates/*.json', services/common/eu.json]}\n"
    )
    files = FILES | {"services/auth/service.yaml": text, "rates/a.json": "1", "services/common/eu.json": "1"}
    fleet = ChangedFleet.made(tmp_path / "fleet", files)
    base = head(fleet)
    for path in ("rates/a.json", "rates/b.json", "services/common/eu.json"):
        commit = fleet.commit("data", {path: "2"})
        assert answer(capsys, fleet.clone, "--base", base)["changed"] == ["auth"]
        assert answer(capsys, fleet.clone, "--stage", "dev")["changed"] == ["auth"]
        fleet.git("reset", "--quiet", "--hard", base)
        assert commit != base
    fleet.commit("data", {"rates/deep/a.json": "2", "services/common/us.json": "1"})
    assert answer(capsys, fleet.clone, "--base", base)["changed"] == []


# -- what cannot be known --------------------------------------------------------------------------------


def test_a_base_that_is_not_there_changes_all_with_the_reason(fleet: ChangedFleet, cli: Cli) -> None:
    for base in ("nonsense", "1" * 40, "", "v9.9.9"):
        ran = cli("changed", "--base", base, at=fleet.clone)
        assert ran.code == 0
        assert "all count as changed: " in ran.out
        assert ran.out.splitlines()[-1] == "3 changed, 0 unchanged"


def test_a_shallow_clone_fetches_the_base_and_says_when_it_cannot(
    fleet: ChangedFleet, changed: Changed, tmp_path: Path
) -> None:
    base = head(fleet)
    fleet.commit("fix: auth", handler("auth"))
    fleet.push()
    git(tmp_path, "clone", "--quiet", "--depth=1", fleet.url, "shallow")

    shallow = tmp_path / "shallow"
    git(shallow, "config", "remote.origin.url", "file:///nonexistent/r.git")
    said = changed("--base", base, at=shallow)
    assert said["changed"] == list(NAMES) and "cannot be" in said["unknown"]
    git(shallow, "config", "remote.origin.url", fleet.url)
    assert changed("--base", base, at=shallow)["changed"] == ["auth"]


def test_without_the_remote_all_count_as_changed(fleet: ChangedFleet, changed: Changed) -> None:
    fleet.git("config", "remote.origin.url", "file:///nonexistent/r.git")

    said = changed("--stage", "dev")
    assert said["changed"] == list(NAMES)
    assert "cannot be read" in said["unknown"]


def test_with_an_unreadable_ledger_all_count_as_changed(fleet: ChangedFleet, changed: Changed) -> None:
    fleet.git("checkout", "--quiet", "--orphan", "foreign")
    fleet.commit("chore: x", {"heads/fleet/dev.json": "{"})
    fleet.push("+HEAD:refs/heads/release-ledger")
    fleet.git("checkout", "--quiet", "main")

    said = changed("--stage", "dev")
    assert said["changed"] == list(NAMES)
    assert said["unknown"].startswith("the ledger cannot be read: ")


def test_with_a_lost_manifest_all_count_as_changed(fleet: ChangedFleet, changed: Changed) -> None:
    for path in (fleet.folder / "store").rglob("*"):
        if path.is_file():
            path.unlink()

    said = changed("--stage", "dev")
    assert said["changed"] == list(NAMES)
    assert said["unknown"].startswith("the manifest of ")


def test_a_base_whose_configuration_is_broken_makes_the_service_unknown(
    fleet: ChangedFleet, changed: Changed
) -> None:
    base = fleet.commit("oops", {"services/auth/service.yaml": "runtime: [\n"})
    fleet.commit("mended", {"services/auth/service.yaml": FILES["services/auth/service.yaml"]})

    said = changed("--base", base)
    assert said["changed"] == ["auth"]
    assert said["services"][0]["what"] == ["unknown"]


# -- why -------------------------------------------------------------------------------------------------


def test_why_names_the_file_and_the_imports_that_lead_to_it(fleet: ChangedFleet, changed: Changed) -> None:
    base = head(fleet)
    fleet.commit("fix: log", {"services/common/log.py": "LEVEL = 'DEBUG'\n"})

    for arguments in (("--base", base), ("--stage", "dev")):
        because = changed(*arguments, "--why", "prices")["because"]
        (line,) = [line for line in because if line.startswith("services/common/log.py")]
        assert line.endswith(", imported by services/prices/prices/handler.py:1 → services/common/http.py:1")


def test_why_not_says_what_is_the_same_and_what_does_not_count(fleet: ChangedFleet, cli: Cli) -> None:
    base = head(fleet)
    fleet.commit("test: more", {"services/auth/tests/test_x.py": "x"})

    ran = cli("changed", "--base", base, "--why-not", "auth", at=fleet.clone)
    lines = ran.out.splitlines()
    assert lines[0] == "auth: fingerprint, settings and template are the same"
    assert "  2 files of its own and 2 of services/common count" in lines
    assert any("tests/test_x.py added" in line and "does not count" in line for line in lines)


def test_an_unknown_service_is_answered_with_the_known_ones(fleet: ChangedFleet, cli: Cli) -> None:
    for arguments in (("--base", "HEAD"), ("--stage", "dev"), ("--base", "nonsense")):
        ran = cli("changed", *arguments, "--why", "nobody", at=fleet.clone)
        assert ran.code == 2
        assert ran.lines("fix:") == ["name one of: auth, auth-admin, prices"]


@pytest.mark.parametrize(
    "words",
    [("--base", "HEAD", "--stage", "dev"), ("--head", "HEAD"), ("--why", "auth", "--why-not", "auth")],
)
def test_words_that_exclude_each_other_are_refused(
    fleet: ChangedFleet, cli: Cli, words: tuple[str, ...]
) -> None:
    ran = cli("changed", *words, at=fleet.clone)
    assert ran.code == 2 and len(ran.lines("fix:")) == 1


# -- a matrix of jobs ------------------------------------------------------------------------------------


def test_a_matrix_deals_out_what_is_to_be_built_for_the_next_job(
    fleet: ChangedFleet, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = head(fleet)
    fleet.commit("fix: all", handler("auth") | handler("auth-admin") | handler("prices"))
    output = tmp_path / "output"
    output.write_text("before=1\n")
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    ran = cli("changed", "--base", base, "--matrix", "2", at=fleet.clone)
    assert ran.code == 0
    assert "3 changed" in ran.out
    values = github_values(output.read_text().removeprefix("before=1\n"))
    assert json.loads(values["matrix"]) == {
        "include": [{"shard": 1, "services": ["auth", "prices"]}, {"shard": 2, "services": ["auth-admin"]}]
    }
    assert (values["count"], values["any"]) == ("3", "true")


def test_where_nothing_changed_the_matrix_is_empty_and_says_so(
    fleet: ChangedFleet, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    ran = cli("changed", "--base", "HEAD", "--matrix", "256", at=fleet.clone)
    assert ran.out.splitlines() == ['matrix={"include":[]}', "count=0", "any=false"]


def test_a_matrix_is_in_the_document_too(
    fleet: ChangedFleet, changed: Changed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    base = head(fleet)
    fleet.commit("fix: auth", handler("auth"))
    found = changed("--base", base, "--matrix", "4")
    assert found["matrix"] == {"include": [{"shard": 1, "services": ["auth"]}]}


@pytest.mark.parametrize("base", ["HEAD~1", "nonsense"])
def test_a_folder_whose_name_a_shell_would_run_is_in_no_matrix(
    fleet: ChangedFleet, cli: Cli, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    text = FILES["services/auth/service.yaml"].replace("auth", "evil")
    fleet.commit("feat: evil", {"services/a; touch evil/service.yaml": text})
    ran = cli("changed", "--base", base, "--matrix", "2", at=fleet.clone)
    assert ran.code == 2
    assert ran.lines("error:") == ["the folder's name 'a; touch evil' is not a name"]
    assert not (tmp_path / "output").exists()


def github_values(text: str) -> dict[str, str]:
    """As the runner reads them: name, delimiter, lines until that delimiter."""
    values, lines = {}, iter(text.splitlines())
    for line in lines:
        name, delimiter = line.split("<<")
        values[name] = "\n".join(iter(lines.__next__, delimiter))
    return values
