"""What `python3 dev.py bench` measures and how it judges; nothing is left out in silence. No network."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench import peers
from bench.model import Absent, Command, Contender, Goal, Row
from bench.report import Outcome, as_markdown, as_text
from bench.rows import all_rows
from bench.timing import Effort, Run, Timed, time_in_turn
from bench.verdicts import judge, ratio, spread

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"


def contender(name: str, program: str = "print('done')", *, shows: str = "done", **more: Any) -> Contender:
    command = Command((sys.executable, "-S", "-c", program), Path("/"))
    return Contender(name, more.pop("kind", "peer"), "1.0", (command,), shows, **more)


def timed(name: str, *seconds: float, kind: Any = "ours", over: float | None = None) -> Timed:
    return Timed(contender(name, kind=kind), {at: Run(one, one) for at, one in enumerate(seconds)}, over=over)


def measure(*contenders: Contender | Absent, rounds: int = 2, limit: float = 20.0) -> list[Timed | Absent]:
    return time_in_turn(contenders, Effort(rounds, limit_seconds=limit), dict(os.environ), lambda _: None)


# -- timing -------------------------------------------------------------------------------------------


def test_contenders_take_turns_after_a_warm_up_of_each(tmp_path: Path) -> None:
    log = tmp_path / "log"
    programs = [f"open({str(log)!r}, 'a').write('{name}'); print('done')" for name in "abc"]

    measure(*(contender(name, program) for name, program in zip("abc", programs, strict=True)))

    assert log.read_text() == "abc" + "abcabc"


def test_several_commands_count_as_one_time() -> None:
    nap = Command((sys.executable, "-S", "-c", "import time; time.sleep(0.05); print('done')"), Path("/"))
    (found,) = measure(Contender("naps", "floor", "1.0", (nap, nap), "done"), rounds=1)

    assert isinstance(found, Timed)
    assert found.runs[0].seconds >= 0.1
    assert found.runs[0].cpu_seconds < found.runs[0].seconds


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("print('something else')", "it answered 'something else', which is not 'done'"),
        ("import sys; sys.exit('no such tag')", "exit code 1: no such tag"),
    ],
)
def test_who_does_not_do_the_work_is_not_measured_and_the_reason_is_said(program: str, reason: str) -> None:
    good, bad = measure(contender("good"), contender("bad", program))

    assert isinstance(good, Timed)
    assert bad == Absent("bad", "peer", reason)


def test_a_program_that_is_not_there_is_not_measured() -> None:
    missing = Contender("gone", "peer", "1.0", (Command(("/nowhere/gone",), Path("/")),), "")

    assert measure(missing) == [
        Absent("gone", "peer", "/nowhere/gone cannot be started: No such file or directory")
    ]


def test_what_goes_over_the_limit_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    program = (
        "import subprocess, time; child = subprocess.Popen(['sleep', '60']);"
        f"open({str(pid)!r}, 'w').write(str(child.pid)); time.sleep(60)"
    )
    began = time.monotonic()
    (found,) = measure(contender("slow", program), limit=1.0)

    assert isinstance(found, Timed)
    assert (found.over, found.runs) == (1.0, {})
    assert time.monotonic() - began < 15
    assert is_over(int(pid.read_text()))


def is_over(pid: int) -> bool:
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_process_may_time_a_part_of_itself() -> None:
    (found,) = measure(
        contender("parts", "print('done in 0.125 s')", says_seconds=r"in ([0-9.]+) s"), rounds=1
    )

    assert isinstance(found, Timed)
    assert found.runs[0].seconds == 0.125


# -- judging ------------------------------------------------------------------------------------------


def test_a_ratio_compares_runs_of_the_same_round() -> None:
    ours, other = timed("release", 1.0, 10.0, 1.0), timed("peer", 2.0, 20.0, 2.0, kind="peer")
    found = ratio(ours, other)

    assert found is not None
    assert (found.median, found.q1, found.q3) == (0.5, 0.5, 0.5)


def test_only_rounds_that_both_have_are_compared() -> None:
    found = ratio(timed("release", 1.0, 1.0, 9.0), timed("peer", 4.0, kind="peer"))

    assert found is not None
    assert (found.median, found.count) == (0.25, 1)
    assert ratio(timed("release"), timed("peer", 1.0, kind="peer")) is None


def test_a_goal_against_a_peer_is_judged_by_the_median_of_the_ratios() -> None:
    results = [timed("release", 1.0, 1.0, 5.0), timed("peer", 2.0, 2.0, 2.0, kind="peer")]

    assert judge(Goal(0.5, "peer"), results[0], results).met is True
    assert judge(Goal(0.4, "peer"), results[0], results).met is False


def test_a_goal_in_seconds_is_judged_by_the_least() -> None:
    ours = timed("release", 0.9, 3.0, 2.0)

    assert judge(Goal(1.0), ours, [ours]).met is True
    assert judge(Goal(0.8), ours, [ours]).met is False


def test_a_goal_whose_peer_was_not_measured_is_never_met() -> None:
    ours = timed("release", 1.0)

    assert judge(Goal(9.0, "sam"), ours, [ours, Absent("sam", "peer", "no network")]).met is None
    assert judge(Goal(9.0), Absent("release", "ours", "broken"), []).met is None


def test_a_peer_over_the_limit_shows_that_a_goal_is_met_but_never_that_it_is_not() -> None:
    ours, slow = timed("release", 1.0), timed("peer", kind="peer", over=10.0)

    assert judge(Goal(0.1, "peer"), ours, [ours, slow]).met is True
    assert judge(Goal(0.05, "peer"), ours, [ours, slow]).met is None


def test_quartiles_lie_round_the_median() -> None:
    found = spread([5.0, 1.0, 3.0, 2.0, 4.0])

    assert (found.q1, found.median, found.q3, found.least, found.count) == (2.0, 3.0, 4.0, 1.0, 5)
    with pytest.raises(ValueError, match="nothing"):
        spread([])


def test_a_table_has_a_line_for_everyone_also_for_who_was_not_measured() -> None:
    row = Row("start", "a start", lambda _: [], (Goal(0.5, "sam"), Goal(2.0)))
    results = [
        timed("release", 0.05),
        timed("floor", 0.04, kind="floor"),
        timed("slow", kind="peer", over=60.0),
        Absent("sam", "peer", "not installed"),
    ]
    outcome = Outcome(row, results, 0.5, 1.5)

    text = "\n".join(as_text(outcome))
    assert re.search(r"^  release +1\.0 +50\.0 ms", text, re.MULTILINE)
    assert re.search(r"^  floor .* 1\.25 x \(1\.25 to 1\.25\)$", text, re.MULTILINE)
    assert re.search(r"^  slow .*> 60 s +< 0\.00083 x$", text, re.MULTILINE)
    assert re.search(r"^  sam +not measured: not installed$", text, re.MULTILINE)
    assert "goal ≤ 0.5 x sam: not judged (not measured)" in text
    assert "goal ≤ 2 s: met (50.0 ms at best)" in text
    assert "load average 0.5 before, 1.5 after" in text
    document = as_markdown([outcome])
    assert [line.count("|") for line in document] == [9] * (2 + len(results))
    assert document[2].startswith("| `start` | release | 1.0 | 50.0 ms |")
    assert document[2].endswith("| ≤ 2 s: met |")
    assert document[-1].endswith("| ≤ 0.5: not judged |")


# -- rows and peers -----------------------------------------------------------------------------------


def test_names_of_rows_are_unique_and_goals_are_declared_beside_them() -> None:
    rows = {row.name: row for row in all_rows()}

    assert len(rows) == len(all_rows())
    assert [str(goal) for goal in rows["cli-start"].goals] == ["≤ 1.3 x minimal click program", "≤ 0.6 x sam"]
    assert [str(goal) for goal in rows["next-100000"].goals] == ["≤ 2.5 x git and imports", "≤ 0.15 x cz"]
    assert [str(goal) for goal in rows["config-cold-5000"].goals] == ["≤ 1 s"]
    assert [str(goal) for goal in rows["config-unchanged-5000"].goals] == ["≤ 0.2 s"]


def test_documents_and_bench_name_the_same_rows() -> None:
    named = set(
        re.findall(
            r"`((?:cli|next|config|changed|build|rollout|rollback)-[a-z0-9-]+)`",
            PAGE.read_text(encoding="utf-8"),
        )
    )

    assert named == {row.name for row in all_rows()}


FROM_NPM = [name for name in peers.names() if (peers.LOCKS / name).is_dir()]


@pytest.mark.parametrize("name", [name for name in peers.names() if name not in FROM_NPM])
def test_a_peer_is_pinned_with_hashes_and_says_no_index(name: str) -> None:
    text = (peers.LOCKS / f"{name}.txt").read_text(encoding="utf-8")
    lines = text.replace("\\\n", " ").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]

    assert any(line.startswith(f"{name}==") for line in pins)
    assert all(re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line) for line in pins)
    assert "://" not in text


@pytest.mark.parametrize("name", FROM_NPM)
def test_a_peer_from_npm_is_pinned_with_integrity_and_says_no_registry(name: str) -> None:
    text = (peers.LOCKS / name / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(text)["packages"]
    bare = [
        path
        for path, package in packages.items()
        if path and "integrity" not in package and not package.get("inBundle")
    ]

    assert packages[f"node_modules/{name}"]["version"]
    assert not bare
    assert "://" not in text
    assert "resolved" not in text


# -- the command --------------------------------------------------------------------------------------


def bench(*arguments: str, folder: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def rows_of(file: Path) -> Mapping[str, Any]:
    return {row["name"]: row for row in json.loads(file.read_text())["rows"]}


def test_the_start_is_measured_without_a_network_and_absent_peers_are_told(tmp_path: Path) -> None:
    result = bench(
        "cli-start", "--quick", "--offline", "--check", "--cache", str(tmp_path / "cache"),
        "--folder", str(tmp_path), "--json", "out.json", PYTHONDONTWRITEBYTECODE="1",
    )  # fmt: skip

    row = rows_of(tmp_path / "out.json")["cli-start"]
    by_name = {one["name"]: one for one in row["contenders"]}
    assert result.returncode == 1, "a goal that was not judged is not met"
    assert by_name["release"]["seconds"]["count"] == 3
    assert by_name["minimal click program"]["ours_to_this"]["median"] > 0.2
    told = {name: one.get("not_measured") for name, one in by_name.items() if one["kind"] == "peer"}
    assert set(told) == {"sam", "aws", "chalice", "nox", "cz", "python-semantic-release"}
    assert set(told.values()) == {"not installed yet, and --offline was asked for"}
    assert [goal["met"] for goal in row["goals"]][1] is None
    assert "sam" in result.stdout
    assert "not measured: not installed yet" in result.stdout


@pytest.mark.prove
def test_the_next_tag_and_the_configuration_are_what_the_generated_repositories_say(tmp_path: Path) -> None:
    """`shows` holds each of ours to the right answer; what answers something else would not be measured."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "git").symlink_to(str(shutil.which("git")))
    result = bench(
        "next-100", "config-*-100", "--quick", "--offline", "--cache", str(tmp_path / "cache"),
        "--json", str(tmp_path / "out.json"), PATH=str(tools),
    )  # fmt: skip

    assert result.returncode == 0, result.stderr
    rows = rows_of(tmp_path / "out.json")
    by_name = {one["name"]: one for one in rows["next-100"]["contenders"]}
    assert by_name["semantic-release (npm)"]["not_measured"] == "node is not installed"
    for row in rows.values():
        wrong = [one for one in row["contenders"] if one["kind"] != "peer" and "not_measured" in one]
        assert not wrong


def test_what_cannot_be_made_ready_is_told_as_a_line(tmp_path: Path) -> None:
    result = bench("next-100", "--quick", "--offline", "--cache", str(tmp_path), PATH="/nowhere")

    assert result.returncode == 0
    assert "not measured: it could not be made ready" in result.stdout
    assert "Traceback" not in result.stderr


def test_check_fails_where_release_itself_could_not_be_measured(tmp_path: Path) -> None:
    result = bench("next-100", "--quick", "--offline", "--check", "--cache", str(tmp_path), PATH="/nowhere")

    assert result.returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-row"],
        ["cli-start", "--json", "no/such/folder/x.json"],
        ["cli-start", "--json", "."],
        ["cli-start", "--cache", "README.md/cache"],
        ["cli-start", "--cache", "README.md"],
    ],
)
def test_wrong_usage_ends_with_2_and_a_fix(arguments: list[str]) -> None:
    result = bench(*arguments)

    assert result.returncode == 2
    assert "fix: " in result.stderr
    assert "Traceback" not in result.stderr


def test_the_rows_can_be_listed() -> None:
    listed = bench("--list").stdout

    assert all(row.name in listed for row in all_rows())
