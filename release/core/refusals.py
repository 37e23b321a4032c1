"""What speaks against a promotion, each with its own message. What only one channel has is in versions.py."""

from collections.abc import Iterable

from release.core.blockers import Blocker
from release.core.tags import LARGEST, Facts, KnownTag, Tag, Version


def skipped(facts: Facts, what: str) -> Blocker:
    source, before = facts.source, facts.after or "the stage before"
    if source is None:
        cause = f"nothing has come through {before}: it has run nothing with success"
        return Blocker("skipped-stage", cause, f"bring a release to {before} first")
    runs = f"it runs {source.tag or source.commit[:10]}" + (f" on {source.commit[:10]}" if source.tag else "")
    return Blocker(
        "skipped-stage", f"{what} did not come through {before}: {runs}", f"bring it to {before} first"
    )


def quarantined(facts: Facts, *names: str) -> list[Blocker]:
    """One blocker, whichever of its names a release is quarantined by."""
    return [
        Blocker(
            "quarantined",
            f"{name} is quarantined: {facts.quarantined[name]}",
            f"release a fix, or: release clear {name} --reason TEXT; what failed may be tried again there",
        )
        for name in names
        if name in facts.quarantined
    ][:1]


def moved(facts: Facts, names: Iterable[str]) -> list[Blocker]:
    by_name = {tag.name: tag for tag in facts.tags if tag.name in facts.known}
    return [
        moved_tag(name, by_name.get(name), known)
        for name in names
        if (known := facts.known.get(name))
        and ((tag := by_name.get(name)) is None or (tag.object, tag.commit) != (known.object, known.commit))
    ]


def moved_tag(name: str, tag: Tag | None, known: KnownTag) -> Blocker:
    now = "is gone from the remote" if tag is None else f"is now {tag.object[:10]} on {tag.commit[:10]}"
    return Blocker(
        "moved-tag",
        f"{name} {now}; the ledger knows it as {known.object[:10] or 'a tag'} on {known.commit[:10]}",
        f"find out who moved it, and put back refs/tags/{name} as {known.object or 'it was'}",
    )


def lost(facts: Facts, commit: str, fix: str) -> list[Blocker]:
    if facts.runs is None or facts.keeps_running:
        return []
    runs = facts.runs
    what = f"{runs.tag} ({runs.commit[:10]})" if runs.tag else runs.commit[:10]
    message = (
        f"{facts.stage} runs {what}, which is not in the history of {commit[:10]}: its changes would be lost"
    )
    return [Blocker("lost-commits", message, fix)]


def other_workflows(tag: str, commit: str, branch: str) -> Blocker:
    return Blocker(
        "workflows-differ",
        f"GitHub lets no job tag {commit[:10]} ({tag}): its .github/workflows are not those of {branch},"
        " nor of another branch that is released from",
        "release a newer commit, which has them; or promote with a token that may"
        " (docs/github.md#other-workflows)",
    )


def too_large(version: Version) -> list[Blocker]:
    if max(version.major, version.minor, version.patch, version.counter or 0) <= LARGEST:
        return []
    return [
        Blocker(
            "number-too-large",
            f"{version} has a number above {LARGEST}: somebody made a tag that uses the numbers up",
            "delete that tag, or ask for another --bump",
        )
    ]
