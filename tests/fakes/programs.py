"""Programs that do not run: what they were asked, and what a test has them say."""

from collections.abc import Callable, Sequence

from release.ports import Ended, Program


class FakePrograms:
    """Every program succeeds in silence unless `act` has it otherwise; `looks` are taken while it runs."""

    def __init__(self) -> None:
        self.asked: list[Program] = []
        self.act: Callable[[Program], Ended] = lambda program: Ended(0, ())
        self.looks = 1

    def run(self, program: Program, *, hear: Callable[[str], None], look: Callable[[], None]) -> Ended:
        self.asked.append(program)
        ended = self.act(program)
        for line in ended.tail:
            hear(line)
        for _ in range(self.looks):
            look()
        return ended

    @property
    def commands(self) -> Sequence[str]:
        return [" ".join(program.command) for program in self.asked]
