"""The way back: aliases first, all functions, all regions, to what the record says served before.

Stacks stay as they are.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from release.apply.stacks import put_stack
from release.apply.work import Work, patiently
from release.core.models import Place
from release.core.records import Served, restores
from release.core.snapshot import AliasFacts, StackFacts
from release.errors import ForeignChange, ReleaseError, Unavailable


def go_back(work: Work) -> tuple[str, ...]:
    """Undo what this promotion moved.

    Returns what was not undone, a line each; empty: what served before serves now.
    """
    before = sorted(work.journal.before, key=partial(_urgency, work))
    frozen = [was for was in before if _stays(work, was)]
    before = [was for was in before if not _stays(work, was)]
    first = [served for served in before if served.lambda_version is None]
    with work.tools.functions.undoing():
        # An alias that was made by a first deploy goes last: triggers that name it must be detached before.
        return (
            *_each(work, _back, [served for served in before if served.lambda_version is not None]),
            *_each(
                work,
                _detach,
                list({(served.service, work.place(served)): served for served in first}.values()),
            ),
            *_each(work, _back, first),
            *_each(work, _leave, frozen),
        )


def _urgency(work: Work, served: Served) -> tuple[bool, bool]:
    """What we know to have moved goes first, then what we may have; the rest is only looked at."""
    key = (work.place(served), served.function)
    return key not in work.journal.moved, key not in work.journal.tried


def _stays(work: Work, served: Served) -> bool:
    """Whether what its service's new version has written lets no older one serve again.

    A rollback is a person's decision, and so is its undo.
    """
    return not restores(work.plan.verb) and work.settings(served.service).freezes


def _leave(work: Work, served: Served) -> str | None:
    """What a person must know of an alias that stays where we moved it. None: we have not moved it."""
    place = work.place(served)
    facts = work.tools.functions.alias(place, served.function, work.plan.alias)
    if facts is None or not _ours(work, place, served, facts):
        return _back(work, served)  # it does nothing to such a one, and reports what must be
    if facts.lambda_version == served.lambda_version and not facts.weights:
        return None
    was = _version(served.lambda_version)
    line = (
        f"{served.function} in {served.region}: {work.plan.alias} stays at version {facts.serving} (before:"
        f" {was}), because {served.service} has no_auto_rollback: freeze"
    )
    work.journal.left.append(line)
    stage = work.plan.stage
    return (
        f"{line}: go back with `release rollback {stage} --reason TEXT`, or mend it,"
        f" `release unhold {stage} --reason TEXT` and promote that"
    )


def _each(work: Work, undo: Callable[[Work, Served], str | None], what: Iterable[Served]) -> list[str]:
    def one(served: Served) -> str | None:
        try:
            with work.tools.functions.undoing():
                return patiently(work.tools.clock, lambda: undo(work, served))
        except ReleaseError as error:
            was = _version(served.lambda_version)
            return f"{served.function} in {served.region}: could not go back to {was}: {error.cause}"

    with ThreadPoolExecutor(32, thread_name_prefix="undo") as pool:
        return [line for line in pool.map(one, what) if line is not None]


def _back(work: Work, served: Served) -> str | None:
    """Put one alias back. None: what served before serves, or it was never ours."""
    place, alias, functions = work.place(served), work.plan.alias, work.tools.functions
    if _taken_back(work, place, served):
        return None
    facts = functions.alias(place, served.function, alias)
    now = _version(facts.lambda_version if facts else None)
    was = _version(served.lambda_version)
    if now == was and not (facts and facts.weights):
        if facts is not None and work.journal.inherits and (place, served.function) not in work.journal.moved:
            _write_through(work, place, served, facts)
        return None
    if facts is None or not _ours(work, place, served, facts):
        if (place, served.function) not in work.journal.tried and not work.journal.inherits:
            return None
        return (
            f"{served.function} in {served.region}: {alias} is at {now},"
            f" set by somebody else and left so (before: {was})"
        )
    if served.lambda_version is None:
        if _attached(work, served) is not None:  # detaching failed, and its line says why
            return f"{served.function} in {served.region}: {alias} stays at {now}, its triggers name it"
        # DeleteAlias takes no RevisionId, so a write that does is sent right before it
        # (https://docs.aws.amazon.com/lambda/latest/api/API_DeleteAlias.html). What somebody writes between
        # these two calls is lost.
        work.journal.moved.pop((place, served.function), None)  # it gives the alias another revision
        _write_through(work, place, served, facts)
        functions.delete_alias(place, served.function, alias)
    else:
        functions.update_alias(
            place,
            served.function,
            alias,
            lambda_version=served.lambda_version,
            revision=facts.revision,
            description=f"back to version {served.lambda_version} after {work.journal.id}",
        )
    work.say("step", phase="undo", name=served.function, region=served.region, detail=f"{now} → {was}")
    return None


def _version(lambda_version: str | None) -> str:
    return f"version {lambda_version}" if lambda_version else "nothing"


def _taken_back(work: Work, place: Place, served: Served) -> bool:
    """Put back an alias whose revision we know. One call, half of what reading it first would cost; its guard
    sees what a read may not see yet. False: we do not know it, or it is no longer as we left it.
    """
    revision = work.journal.moved.get((place, served.function))
    if revision is None or served.lambda_version is None:
        return False
    try:
        work.tools.functions.update_alias(
            place,
            served.function,
            work.plan.alias,
            lambda_version=served.lambda_version,
            revision=revision,
            description=f"back to version {served.lambda_version} after {work.journal.id}",
        )
    except ForeignChange:
        return False
    detail = f"→ version {served.lambda_version}"
    work.say("step", phase="undo", name=served.function, region=served.region, detail=detail)
    return True


def _write_through(work: Work, place: Place, served: Served, facts: AliasFacts) -> None:
    """Make sure that an alias is as it seems to be.

    Reads are eventually consistent: one may still show what was before a move that a dead process made a
    moment ago. A write is not: its guard refuses a revision that is old. Raises Unavailable then.
    """
    try:
        work.tools.functions.update_alias(
            place,
            served.function,
            facts.name,
            lambda_version=facts.lambda_version,
            revision=facts.revision,
            description=facts.description,
        )
    except ForeignChange as error:
        raise Unavailable(
            f"{facts.name} is not what was read a moment ago: {error.cause}", fix=error.fix
        ) from error


def _ours(work: Work, place: Place, served: Served, facts: AliasFacts) -> bool:
    """Whether the alias is as this promotion wrote it: by revision, or by a dead process's mark."""
    revision = work.journal.moved.get((place, served.function))
    return facts.revision == revision if revision else work.journal.wrote(facts)


def _attached(work: Work, served: Served) -> StackFacts | None:
    """The function's stack, if it has triggers that name the alias."""
    stack = work.tools.stacks.stack(work.place(served), work.settings(served.service).stack)
    return stack if stack is not None and stack.is_attached else None


def _detach(work: Work, served: Served) -> str | None:
    """Take away the triggers that name an alias which is about to go."""
    place, target, stack = work.place(served), work.targets[served.service], _attached(work, served)
    if stack is None:
        return None
    put_stack(work, served.service, place, stack.name, target.template, alias_exists=False)
    work.say("step", phase="undo", name=stack.name, region=served.region, detail="triggers detached")
    return None
