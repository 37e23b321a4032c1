"""How often AWS is asked whether something has ended."""

from collections.abc import Iterator
from typing import Final

from release.adapters.aws.sessions import Aws

_GROWTH: Final = 1.6


def looks(aws: Aws, seconds: float, *, longest: float, first: float = 0.1) -> Iterator[None]:
    """Once for each look, with growing pauses between, and once more when `seconds` are over: then it ends.

    `first` and `longest` are pauses in seconds.
    """
    started, pause = aws.clock(), first
    while True:
        yield
        if aws.clock() - started > seconds:
            return
        aws.sleep(pause)
        pause = min(pause * _GROWTH, longest)
