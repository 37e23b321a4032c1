"""Collects what goes wrong with several services, so that one fault does not hide the others."""

from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from release.errors import Misconfigured, ReleaseError, Unavailable

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")


class Failures:
    """Safe to use from several threads: it only ever appends."""

    def __init__(self) -> None:
        self._found: list[tuple[str, ReleaseError]] = []

    def attempt(
        self, service: str, act: Callable[_Asked, _Answer], *args: _Asked.args, **kwargs: _Asked.kwargs
    ) -> _Answer | None:
        """What `act` returns. None: it ended with an error, which is kept."""
        try:
            return act(*args, **kwargs)
        except ReleaseError as error:
            self._found.append((service, error))
            return None

    @property
    def services(self) -> frozenset[str]:
        """Names of the services that have failed so far."""
        return frozenset(service for service, _ in self._found)

    def raise_any(self) -> None:
        """Raise the one error as it is, or one that lists all. Try-again only if trying again may heal every
        one.
        """
        found = {(service, error.cause, error.see): error for service, error in self._found}
        if not found:
            return
        if len(found) == 1:
            raise next(iter(found.values()))
        ordered = [(key[0], error) for key, error in sorted(found.items(), key=lambda item: str(item[0]))]
        names = dict.fromkeys(service for service, _ in ordered)
        kind = Unavailable if all(isinstance(e, Unavailable) for _, e in ordered) else Misconfigured
        raise kind(
            f"{len(ordered)} errors in {', '.join(names)}",
            fix="correct each as it says, and run the same command again",
            see=next((error.see for _, error in ordered if error.see), None),
            details=[line for service, error in ordered for line in _lines(service, error)],
        )


def _lines(service: str, error: ReleaseError) -> Iterator[str]:
    yield f"{service}: {error.cause}" + (f" ({error.see})" if error.see else "")
    yield from (f"    {detail}" for detail in error.details)
    yield f"    fix: {error.fix}"
