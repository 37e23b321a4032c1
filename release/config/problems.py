"""What is wrong with the configuration: everything at once, each with its place, a way out and a guess."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from release.core.models import Source
from release.errors import Misconfigured

# Longer words are never a slip of the keyboard, and difflib's cost grows with their square.
_LONGEST_GUESS = 60
_LONGEST_SHOWN = 60
_MOST_LISTED = 30
_CLOSE = 0.65  # two letters swapped in three are close, `quality` and `uat` (0.6) are not


@dataclass(frozen=True, slots=True)
class Problem:
    source: Source
    what: str
    fix: str

    def __str__(self) -> str:
        """`file:line: path: what is wrong; how to mend it`, on one line. The path of a whole file is `/`."""
        return f"{self.place}: {self.source.path or '/'}: {self.what}; {self.fix}"

    @property
    def place(self) -> str:
        return shown_place(self.source)


class ConfigurationErrors(Misconfigured):
    """The configuration cannot be used. `problems` (as text: `details`) has every error, by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_place))
        files = len({problem.source.file for problem in self.problems})
        first = self.problems[0]
        count = len(self.problems)
        super().__init__(
            f"the configuration has {_counted(count, 'error')} in {_counted(files, 'file')}",
            fix=first.fix if count == 1 else "mend each line named above, then run the same command again",
            see=first.place,
            details=[str(problem) for problem in self.problems],
        )


class Problems:
    """Collects what is wrong while reading goes on, so that one run reports everything."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, source: Source, what: str, fix: str) -> None:
        self._found.append(Problem(source, what, fix))

    def raise_any(self) -> None:
        """Raises ConfigurationErrors when anything was found."""
        if self._found:
            raise ConfigurationErrors(self._found)


def shown(text: str) -> str:
    """Foreign text as a message may hold it: quoted, on one line, bounded, without control characters."""
    if len(text) > _LONGEST_SHOWN:
        text = f"{text[:_LONGEST_SHOWN]}…"
    return repr(text)


def shown_place(source: Source) -> str:
    """`file:line`. git allows any character in the name of a file; a terminal should not get them all."""
    text = str(source)
    return text if text.isprintable() else f"{shown(source.file)}:{source.line}"


def path_part(key: str | int) -> str:
    """A key as a path may hold it: as it stands when it is harmless, else as `shown` shows it."""
    text = str(key)
    return text if text and len(text) <= _LONGEST_SHOWN and text.isprintable() else shown(text)


def one_of(word: str, known: Sequence[str]) -> str:
    """The way out for a word that is not one of the known: a guess, and what there is to choose from."""
    from difflib import get_close_matches  # only a mistake pays for importing it

    by_folded = {name.casefold().replace("_", "-"): name for name in known}
    folded = word.casefold().replace("_", "-")
    close = get_close_matches(folded, by_folded, n=1, cutoff=_CLOSE) if len(word) <= _LONGEST_GUESS else []
    listed = [*map(path_part, known[:_MOST_LISTED]), *(["…"] if len(known) > _MOST_LISTED else [])]
    choice = f"one of: {', '.join(listed)}" if known else "none is known"
    return f"did you mean {shown(by_folded[close[0]])}? ({choice})" if close else choice


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"


def _place(problem: Problem) -> tuple[str, int, str, str]:
    return problem.source.file, problem.source.line, problem.source.path, problem.what
