"""What time it is, and waiting."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Now, in UTC."""

    def sleep(self, seconds: float) -> None: ...
