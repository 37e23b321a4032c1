"""What each command needs of the world, and how it is called with as little as possible."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """`words`: arguments; STAGE and PLAN in them are filled in. `ends`: its exit code in order."""

    words: tuple[str, ...]
    needs: frozenset[str]
    stage: str = ""
    ends: int = 0

    def arguments(self, *, plan: Path, stage: str | None = None) -> list[str]:
        return [{"STAGE": stage or self.stage, "PLAN": str(plan)}.get(word, word) for word in self.words]


_LEDGER = frozenset({"folder", "repository", "remote", "ledger"})
_PIPELINES = _LEDGER | {"configuration", "pipelines"}
_COMMIT = _PIPELINES | {"commit"}
_COMMIT_ONLY = _COMMIT - {"remote", "ledger"}
_AWS = _PIPELINES | {"aws"}
_SANDBOX = frozenset({"sandbox"})  # asks a running one, wherever it is called
_LOCAL = frozenset({"folder", "repository"})  # nothing is up, and all but `up` and `down` say so
_WHY = ("--reason", "because")

# One for every command: tests/cli/test_bad_worlds.py fails for a command without one.
ROWS = {
    ("abort",): Row(("STAGE", *_WHY, "--yes"), _PIPELINES, "dev", ends=3),  # nothing is under way
    ("accept",): Row(("STAGE", *_WHY, "--yes"), _PIPELINES, "qa"),
    ("advance",): Row((), _PIPELINES),  # nothing is under way, so nothing is asked of AWS
    ("apply",): Row(("PLAN", "--yes"), _AWS),
    ("artifacts", "list"): Row((), _AWS),
    ("artifacts", "show"): Row(("v1.0.0-qa.1",), _AWS),
    ("audit", "export"): Row(
        ("--from", "2026-11-01", "--to", "2026-11-30", "--stage", "STAGE"), _LEDGER, "qa"
    ),
    ("audit", "file"): Row(("v1.0.0-qa.1", "--stage", "STAGE"), _AWS, "qa"),
    ("audit", "import"): Row(("PLAN", "--yes"), frozenset({"folder"})),
    ("audit", "log"): Row(("--stage", "STAGE"), _LEDGER, "qa"),
    ("audit", "show"): Row(("v1.0.0-qa.1",), _LEDGER),
    # these tags state nothing, and a ledger that cannot be read is what it looks for
    ("audit", "verify"): Row(("--without-aws",), _PIPELINES - {"ledger"}, ends=3),
    ("build",): Row((), _COMMIT | {"services", "aws"}),
    # what it cannot know counts as changed: no remote and no ledger is an answer
    ("changed",): Row(("--stage", "STAGE"), (_COMMIT | {"services"}) - {"remote", "ledger"}, "dev"),
    ("check",): Row(("orders", "--skip", "audit"), _COMMIT_ONLY | {"services"}),
    ("clear",): Row(("v1.0.0-qa.1", *_WHY, "--yes"), _PIPELINES),  # it is not quarantined
    ("deploy",): Row(("STAGE", "--yes"), _COMMIT | {"services", "aws"}, "dev"),
    # what is missing in a world is what it shows
    ("doctor",): Row(("--stage", "STAGE"), frozenset({"folder"}), "dev", ends=3),
    ("drift",): Row(("STAGE",), _AWS, "qa", ends=3),  # nothing is there but a ledger
    ("hold",): Row(("STAGE", *_WHY, "--yes"), _PIPELINES, "qa"),
    ("infra", "apply"): Row(("STAGE", *_WHY, "--yes"), _AWS, "qa"),
    # whose jobs the roles trust is not known: these repositories are on no forge
    ("infra", "bootstrap"): Row(("dev", "--out", "PLAN"), frozenset({"folder", "repository"}), ends=2),
    ("infra", "diff"): Row(("--base", "HEAD"), _COMMIT_ONLY),
    # the function of these worlds has no code, and cfn-lint says so
    ("infra", "lint"): Row(("--stage", "STAGE"), _COMMIT_ONLY | {"services"}, "dev", ends=3),
    ("infra", "render"): Row(("orders", "--stage", "STAGE"), _COMMIT_ONLY | {"services"}, "dev"),
    ("local", "api"): Row((), _LOCAL, ends=2),
    ("local", "down"): Row((), _LOCAL),
    ("local", "event", "apigateway"): Row((), frozenset()),
    ("local", "event", "sqs"): Row((), frozenset()),
    ("local", "event", "stream"): Row((), frozenset()),
    ("local", "invoke"): Row(("orders",), _LOCAL, ends=2),
    ("local", "logs"): Row((), _LOCAL, ends=2),
    ("local", "seed"): Row((), _LOCAL, ends=2),
    ("local", "up"): Row((), _LOCAL | {"configuration", "pipelines", "services"}),
    # it reads the work tree alone
    ("new",): Row(
        ("fresh", "--kind", "http"), frozenset({"folder", "repository", "configuration", "pipelines"})
    ),
    ("next",): Row(("STAGE",), _PIPELINES, "qa"),
    ("plan", "deploy"): Row(("STAGE",), _COMMIT | {"aws"}, "dev"),
    ("plan", "promote"): Row(("STAGE",), _AWS, "uat"),
    ("plan", "reconcile"): Row(("STAGE", *_WHY), _AWS, "qa"),
    ("plan", "retire"): Row(("orders", "STAGE"), _PIPELINES, "qa", ends=3),  # qa still has it
    ("plan", "rollback"): Row(("STAGE", *_WHY), _AWS, "qa"),
    ("promote",): Row(("STAGE", "--yes"), _AWS, "uat"),
    ("quarantine",): Row(("v1.0.0-qa.1", *_WHY, "--yes"), _PIPELINES),
    ("reconcile",): Row(("STAGE", *_WHY, "--yes"), _AWS, "qa"),
    # these repositories are on no forge
    ("record",): Row(("STAGE", "--yes"), _LEDGER, "qa", ends=2),
    ("reject",): Row(("STAGE", *_WHY, "--yes"), _PIPELINES, "qa"),
    ("retire",): Row(("orders", "STAGE", *_WHY, "--yes"), _PIPELINES, "qa", ends=3),  # qa still has it
    ("rollback",): Row(("STAGE", *_WHY, "--yes"), _AWS, "qa"),
    ("sandbox", "calls"): Row((), _SANDBOX),
    ("sandbox", "fault", "add"): Row(("--service", "lambda", "--status", "500"), _SANDBOX),
    ("sandbox", "fault", "clear"): Row((), _SANDBOX),
    ("sandbox", "fault", "list"): Row((), _SANDBOX),
    ("sandbox", "fault", "remove"): Row(("1",), _SANDBOX),
    ("sandbox", "run"): Row(("--", "true"), frozenset({"folder", "pipelines"})),
    ("sandbox", "up"): Row((), frozenset({"folder", "pipelines"})),
    ("status",): Row(("STAGE",), _PIPELINES, "qa"),
    ("unhold",): Row(("STAGE", *_WHY, "--yes"), _PIPELINES, "qa"),  # it is not held
    ("verify",): Row(("STAGE",), _AWS, "qa"),
    ("workflows", "approvers"): Row(("--gate", "qa-approval"), frozenset(), ends=2),  # in no job
    ("workflows", "comment"): Row(
        ("--pull", "7", "--marker", "infra", "--file", "PLAN"), frozenset({"folder", "repository"}), ends=2
    ),
    ("workflows", "render"): Row((), frozenset({"folder", "repository", "configuration", "pipelines"})),
    ("workflows", "report"): Row(("PLAN",), frozenset(), ends=2),  # a file of nothing but a request
    ("workflows", "under-way"): Row((), _PIPELINES),
    ("workflows", "waiting"): Row(("PLAN",), frozenset(), ends=2),  # a file of nothing but a request
}


def plan_file(folder: Path, *, pipeline: str = "fleet") -> Path:
    """A plan as `release plan promote uat --out` writes it, of which nobody has approved anything."""
    path = folder / "plan.json"
    path.write_text(
        '{"schema": 1, "nothing": null, "plan": {"digest": "'
        + "0" * 64
        + '"}, "request": {"verb": "promote",'
        f' "stage": "uat", "bump": "auto", "services": [], "pipeline": "{pipeline}"}}}}'
    )
    return path
