"""The ledger branch of a real remote, and the fake that stands in for it, under one contract."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from release.adapters.git import GitRepo
from release.adapters.ledger import BRANCH, GitLedger
from release.core.records import Event, Holder, Kind, ReleaseRef
from release.errors import Conflict, GateClosed, Misconfigured, ReleaseError, Unavailable
from release.ports import Ledger, LedgerState, RefUpdate
from tests.adapters.git_worlds import World, git
from tests.fakes.ports import FakeClock, FakeLedger

RELEASE = ReleaseRef("1" * 40, "2" * 64, "v1.0.0", "3" * 40)


def event(kind: Kind = "started", stage: str = "prod", **fields: Any) -> Event:
    known: dict[str, Any] = {
        "id": f"20261121T120000Z-fleet-{stage}-ab12",
        "at": "2026-11-21T12:00:00Z",
        "pipeline": "fleet",
        "stage": stage,
        "verb": "promote",
        "release": RELEASE,
        "actor": "ada",
        "tool": "lambda-release 0.1.0",
        "fence": 1,
    }
    if kind in ("started", "taken-over"):
        known |= {"holder": Holder("laptop/boot", 7, "100"), "next_by": "2026-11-21T12:30:00Z"}
    return Event(kind=kind, **(known | fields))


class Bent:
    """A repository whose pushes go wrong: `before` and `after` see every push."""

    def __init__(self, repo: GitRepo) -> None:
        self._repo = repo
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self.pushes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._repo, name)

    def push(self, updates: Any) -> None:
        self.pushes += 1
        self.before()
        self._repo.push(updates)
        self.after()


class Git:
    """The real thing."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.bent = Bent(self.world.repo())
        self.clock = FakeClock()
        self.ledger: Ledger = GitLedger(self.bent, self.clock, jitter=lambda: 1.0)  # type: ignore[arg-type]
        self.peer: Ledger = self.another()

    def another(self, name: str = "peer") -> Ledger:
        return GitLedger(self.world.repo(self.world.another_clone(name)), FakeClock())

    def tag(self, name: str, nonce: str = "", clone: Path | None = None) -> RefUpdate:
        repo = self.world.repo(clone)
        message = f"{name}\n\n{nonce}\n"
        made = repo.write_tag(name=name, commit=repo.remote().branches["main"], message=message)
        return RefUpdate(f"refs/tags/{name}", made)

    def tags(self) -> dict[str, str]:
        return {name: tag.object for name, tag in self.world.repo().remote().tags.items()}

    def fail_push(self, when: str, error: ReleaseError) -> None:
        def once() -> None:
            self.bent.before = self.bent.after = lambda: None
            raise error

        setattr(self.bent, when, once)

    def log(self) -> list[str]:
        """Subjects of the branch, oldest first, along the first parent and along all."""
        one = git(self.world.remote, "log", "--reverse", "--format=%s", BRANCH).splitlines()
        assert git(self.world.remote, "rev-list", "--merges", BRANCH) == ""
        return one


class Fake:
    """What stands in for it."""

    def __init__(self) -> None:
        self.fake = FakeLedger()
        self.ledger: Ledger = self.fake
        self.peer: Ledger = self.fake

    def tag(self, name: str, nonce: str = "") -> RefUpdate:
        return RefUpdate(f"refs/tags/{name}", f"tag {name} {nonce}")

    def tags(self) -> dict[str, str]:
        return self.fake.tags

    def fail_push(self, when: str, error: ReleaseError) -> None:
        def once(call: Any) -> None:
            if call.operation == "append":
                setattr(self.fake, f"{when}_call", lambda call: None)
                raise error

        setattr(self.fake, f"{when}_call", once)


@pytest.fixture(params=["fake", "git"])
def setting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Git | Fake]:
    yield Git(tmp_path / "world") if request.param == "git" else Fake()


@pytest.fixture
def real(tmp_path: Path) -> Git:
    return Git(tmp_path / "world")


EMPTY = LedgerState(None, {})
LOST = Unavailable("the connection was reset", fix="try again")


# -- the contract ------------------------------------------------------------------------------------


def test_a_remote_without_a_ledger_has_no_heads_and_no_events(setting: Git | Fake) -> None:
    state = setting.ledger.read()
    assert state == EMPTY
    assert list(setting.ledger.events(state)) == []
    with pytest.raises(Misconfigured, match="has no record"):
        setting.ledger.event(state, event().path)


def test_what_one_appends_another_reads(setting: Git | Fake) -> None:
    returned = setting.ledger.append(EMPTY, event())
    state = setting.peer.read()
    assert state == returned
    head = state.head("fleet", "prod")
    assert head.running is not None
    assert head.running.record == head.last == event().path
    assert setting.peer.event(state, event().path) == event()


def test_events_come_newest_first_and_may_be_limited(setting: Git | Fake) -> None:
    state = setting.ledger.append(EMPTY, event())
    over = event("taken-over", fence=2)
    state = setting.ledger.append(state, over)
    done = event("outcome", fence=2, outcome="succeeded")
    state = setting.ledger.append(state, done)
    state = setting.peer.read()
    assert list(setting.peer.events(state)) == [done, over, event()]
    assert list(setting.peer.events(state, limit=2)) == [done, over]


def test_an_event_is_put_on_top_when_only_another_stage_has_moved(setting: Git | Fake) -> None:
    state = setting.ledger.append(EMPTY, event())
    theirs = setting.peer.append(setting.peer.read(), event(stage="uat"))
    ours = setting.ledger.append(state, event("outcome", outcome="succeeded"))
    assert ours.head("fleet", "uat") == theirs.head("fleet", "uat")
    assert setting.peer.read() == ours
    assert len(setting.ledger.events(ours)) == 3


def test_nothing_begins_when_the_stage_that_the_release_comes_from_has_moved_on(setting: Git | Fake) -> None:
    state = setting.ledger.append(EMPTY, event())
    begun = setting.peer.append(setting.peer.read(), event(stage="uat"))
    setting.peer.append(begun, event("outcome", stage="uat", outcome="succeeded"))
    with pytest.raises(Conflict, match=r"uat.* has moved on"):
        setting.ledger.append(state, event("outcome", outcome="succeeded"), unchanged=["uat"])


def test_a_first_event_is_put_on_top_of_the_first_event_of_another_stage(setting: Git | Fake) -> None:
    setting.peer.append(EMPTY, event(stage="uat"))
    state = setting.ledger.append(EMPTY, event())
    assert set(state.heads) == {("fleet", "uat"), ("fleet", "prod")}


def test_who_finds_his_stage_moved_writes_nothing_not_even_the_tag(setting: Git | Fake) -> None:
    setting.peer.append(EMPTY, event(id="20261121T120000Z-fleet-prod-cd34"))
    with pytest.raises(Conflict, match="somebody else is at it: prod has moved on"):
        setting.ledger.append(EMPTY, event(), tag=setting.tag("v1.0.0"))
    assert setting.tags() == {}
    assert len(setting.ledger.events(setting.ledger.read())) == 1


def test_nothing_begins_in_a_stage_that_was_held_meanwhile_but_a_rollback_that_knows(
    setting: Git | Fake,
) -> None:
    asked = event("hold", id="20261121T110000Z-fleet-prod-cd34", verb="hold", release=None, fence=0)
    held = setting.peer.append(EMPTY, replace(asked, reason="an audit"))
    with pytest.raises(GateClosed, match="prod is held since"):
        setting.ledger.append(EMPTY, event(), tag=setting.tag("v1.0.0"))
    assert setting.tags() == {}
    assert setting.ledger.append(held, event(verb="rollback")).head("fleet", "prod").running is not None


def test_an_event_that_does_not_fit_its_head_is_a_conflict(setting: Git | Fake) -> None:
    state = setting.ledger.append(EMPTY, event())
    with pytest.raises(Conflict, match="is at work on"):
        setting.ledger.append(state, event(id="20261121T130000Z-fleet-prod-cd34", fence=2))
    assert len(setting.ledger.events(setting.ledger.read())) == 1


def test_a_tag_comes_with_its_event_and_exists_once(setting: Git | Fake) -> None:
    tag = setting.tag("v1.0.0")
    setting.ledger.append(EMPTY, event(), tag=tag)
    assert setting.tags() == {"v1.0.0": tag.new}
    with pytest.raises(Conflict):
        setting.ledger.append(setting.ledger.read(), event(stage="uat"), tag=setting.tag("v1.0.0", "new"))
    assert setting.tags() == {"v1.0.0": tag.new}
    assert setting.ledger.read().head("fleet", "uat").running is None


def test_an_event_whose_answer_was_lost_is_not_written_twice(setting: Git | Fake) -> None:
    setting.fail_push("after", LOST)
    try:
        setting.ledger.append(EMPTY, event())
    except Unavailable:
        assert isinstance(setting, Fake)  # the adapter looks whether it was written
    assert len(setting.peer.events(setting.peer.read())) == 1


@pytest.mark.parametrize("kind", ["outcome", "abort"])
def test_an_event_that_was_written_by_an_earlier_try_is_recognised(setting: Git | Fake, kind: Kind) -> None:
    state = setting.ledger.append(EMPTY, event())
    end = event(kind, outcome="succeeded" if kind == "outcome" else None, reason="wrong week")
    written = setting.ledger.append(state, end)
    assert setting.ledger.append(setting.ledger.read(), end) == written
    with pytest.raises(Conflict):
        setting.ledger.append(setting.ledger.read(), replace(end, actor="grace"))


def test_a_push_that_never_arrived_is_unavailable(setting: Git | Fake) -> None:
    setting.fail_push("before", LOST)
    with pytest.raises(Unavailable, match="the connection was reset"):
        setting.ledger.append(EMPTY, event(), tag=setting.tag("v1.0.0"))
    assert setting.peer.read() == EMPTY
    assert setting.tags() == {}


# -- the branch --------------------------------------------------------------------------------------


def test_every_event_is_one_commit_with_its_file_and_the_head_it_moves(real: Git) -> None:
    state = real.ledger.append(EMPTY, event())
    real.ledger.append(state, event("outcome", outcome="succeeded"))
    assert real.log() == ["promote v1.0.0 to prod: started", "promote v1.0.0 to prod: succeeded"]
    said = git(real.world.remote, "show", "--format=%b", "--no-patch", BRANCH).splitlines()
    path = event("outcome", outcome="succeeded").path
    assert said == [f"Record: {path}", "Stage: fleet/prod", f"Release: v1.0.0 {'1' * 40}"]
    changed = git(real.world.remote, "diff-tree", "-r", "--name-status", "--no-commit-id", BRANCH)
    assert changed.split() == ["D", event().path, "A", path, "M", "heads/fleet/prod.json"]
    data = git(real.world.remote, "show", f"{BRANCH}:{path}")
    assert json.loads(data)["outcome"] == "succeeded"


def test_the_branch_shares_no_history_with_the_code_and_touches_no_work_tree(real: Git) -> None:
    before = real.world.git("for-each-ref", "refs/heads", "refs/tags")
    real.ledger.append(EMPTY, event())
    assert git(real.world.remote, "rev-list", "--count", BRANCH) == "1"
    assert real.world.git("for-each-ref", "refs/heads", "refs/tags") == before
    assert real.world.git("status", "--porcelain") == ""


def test_writers_of_many_stages_end_in_one_line(real: Git) -> None:
    ledgers = [real.another(f"clone-{n}") for n in range(4)]

    def write(n: int) -> LedgerState:
        return ledgers[n].append(EMPTY, event(stage=f"stage-{n}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert len(real.log()) == 4
    assert set(real.ledger.read().heads) == {("fleet", f"stage-{n}") for n in range(4)}


def test_of_many_writers_of_one_stage_one_wins(real: Git) -> None:
    ledgers = [real.another(f"clone-{n}") for n in range(4)]
    tags = [real.tag("v1.0.0", str(n), real.world.folder / f"clone-{n}") for n in range(4)]

    def write(n: int) -> bool:
        try:
            ledgers[n].append(EMPTY, event(id=f"20261121T120000Z-fleet-prod-{n}"), tag=tags[n])
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(write, range(4))) == 1
    assert len(real.log()) == 1
    assert set(real.tags()) == {"v1.0.0"}


def test_a_ledger_that_never_stands_still_is_given_up_after_ten_tries(real: Git) -> None:
    moves = iter(range(100))

    def somebody_moves() -> None:
        stage = f"stage-{next(moves)}"
        real.peer.append(real.peer.read(), event(stage=stage))

    real.bent.before = somebody_moves
    with pytest.raises(Conflict, match="the ledger moved 10 times while started of prod"):
        real.ledger.append(EMPTY, event())
    assert real.bent.pushes == 10
    assert real.clock.sleeps == [0.1 * 2 ** min(n, 5) for n in range(10)]


def test_an_answer_that_is_lost_while_the_remote_goes_away_is_unavailable(real: Git) -> None:
    def gone() -> None:
        real.world.remote.rename(real.world.remote.with_suffix(".away"))
        raise LOST

    real.bent.after = gone
    with pytest.raises(Unavailable, match="the connection was reset"):
        real.ledger.append(EMPTY, event())
    real.world.remote.with_suffix(".away").rename(real.world.remote)
    assert len(real.log()) == 1


@pytest.mark.parametrize(
    ("path", "data", "complaint"),
    [
        ("heads/fleet/prod.json", "{", "heads/fleet/prod.json cannot be read"),
        ("heads/fleet/prod.json", '{"pipeline": "fleet"}', "missing 1 required"),
        ("heads/fleet/prod.json", '{"pipeline": "fleet", "stage": "prod", "more": 1}', "unknown fields more"),
        ("heads/fleet/prod.json", '{"pipeline": "fleet", "stage": 3}', "StageHead: stage: 3 is not str"),
        ("heads/fleet/prod.json", "\udcff", "cannot be read"),
    ],
)
def test_a_head_that_cannot_be_read_is_named_with_what_to_do(
    real: Git, path: str, data: str, complaint: str
) -> None:
    repo = real.world.repo()
    files = {path: data.encode("utf-8", "surrogateescape")}
    commit = repo.write_commit(base=None, files=files, parents=[], message="edited")
    repo.push([RefUpdate(f"refs/heads/{BRANCH}", commit)])
    with pytest.raises(Misconfigured, match=complaint) as refused:
        real.ledger.read()
    assert path in refused.value.cause
    assert "restore the branch" in refused.value.fix


def test_a_record_that_was_edited_is_named_and_the_log_keeps_what_was_written(real: Git) -> None:
    state = real.ledger.append(EMPTY, event())
    repo = real.world.repo()
    assert state.commit is not None
    commit = repo.write_commit(
        base=state.commit, files={event().path: b"[]"}, parents=[state.commit], message="edited"
    )
    repo.push([RefUpdate(f"refs/heads/{BRANCH}", commit)])
    edited = real.ledger.read()
    with pytest.raises(Misconfigured, match="an object is expected, not list"):
        real.ledger.event(edited, event().path)
    assert list(real.ledger.events(edited)) == [event()]


def test_a_record_that_was_never_right_is_named_by_the_log(real: Git) -> None:
    repo = real.world.repo()
    commit = repo.write_commit(base=None, files={event().path: b"[]"}, parents=[], message="forged")
    repo.push([RefUpdate(f"refs/heads/{BRANCH}", commit)])
    with pytest.raises(Misconfigured, match=f"{event().path} cannot be read: .*not list"):
        real.ledger.events(real.ledger.read())


def test_the_ledger_is_read_as_the_refs_just_read_name_it(real: Git) -> None:
    refs = real.world.repo().remote()
    real.peer.append(EMPTY, event())
    assert real.ledger.read(refs) == EMPTY
    assert real.ledger.read().head("fleet", "prod").fence == 1
