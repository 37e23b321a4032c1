"""One comment on a pull request, found again by its hidden first line and brought up to date in place."""

from release.core.forge.comments import CreateComment, UpdateComment, comment_step, marker_of
from release.errors import AnswerLost, Misconfigured
from release.ports import Forge
from release.record.pulls import login_of

_TRIES = 3


def say_in(
    forge: Forge, number: int, name: str, text: str, *, only_update: bool
) -> CreateComment | UpdateComment | None:
    """Have one comment of this name on a pull request, with this text. Returns what was done; None: nothing.

    `only_update`: where there is none yet, none is made. Raises what the forge raises, and Misconfigured for
    a pull request that is not there.
    """
    if forge.pulls.pull(number) is None:
        raise Misconfigured(
            f"{forge.name} has no pull request {number}", fix="name one that is there: --pull NUMBER"
        )
    marker = marker_of(name)
    for attempt in range(1, _TRIES + 1):
        comments = forge.pulls.comments(number)
        step = comment_step(number, f"{marker}\n{text}", comments, login_of(forge), marker=marker)
        try:
            match step:
                case CreateComment(body=body) if not only_update:
                    forge.pulls.create_comment(number, body)
                case UpdateComment(comment=comment, body=body):
                    forge.pulls.update_comment(comment, body)
                case _:
                    return None
        except AnswerLost:  # it may be there: only another look tells
            if attempt == _TRIES:
                raise
        else:
            return step
    raise AssertionError("the last attempt returns or raises")
