"""Kinds of services that `release new` makes, and what one such run has made. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

KindName = Literal["http", "stream", "queue", "scheduled"]
KINDS: Final[tuple[KindName, ...]] = get_args(KindName)


@dataclass(frozen=True, slots=True)
class Kind:
    """What calls the function of such a service, and what the service is built of."""

    what: str  # for people
    function: str  # its key in service.yaml, and what its template says
    timeout: int  # seconds
    critical: str = ""  # the dependency without which it is down; "": it has none yet
    table: str = ""  # the variable that names its table


BY_NAME: Final[Mapping[KindName, Kind]] = {
    "http": Kind("an HTTP API before a table", "api", 15, "items_table", "TABLE_ITEMS"),
    "stream": Kind("called for what changes in a table", "changes", 60),
    "queue": Kind("works off a queue, each message once", "messages", 60, "done_table", "TABLE_DONE"),
    "scheduled": Kind("called every hour", "hourly", 60),
}


@dataclass(frozen=True, slots=True)
class Tags:
    """Whose a service is, and who pays: the mandatory tags of all that it has in AWS."""

    team: str
    owner: str
    data_class: str
    cost_center: str


@dataclass(frozen=True, slots=True)
class Made:
    """A service that did not exist before."""

    service: str
    kind: KindName
    tags: Tags
    tags_of: str | None  # the service that tags were taken from
    files: Sequence[str]  # paths in the repository, sorted
    brought_core: bool  # services/common was not there, and came with it
    pipelines: Sequence[str]  # that will release it; empty: none will
    stage: str | None  # where `release deploy` brings it

    @property
    def next_commands(self) -> Sequence[str]:
        """What to say next, in this order."""
        core = " services/common" if self.brought_core else ""
        name = self.service
        checks = f"release check {name}{' common' if self.brought_core else ''} && release infra lint {name}"
        commands = [f"git add services/{name}{core} && git commit -m 'feat: {name}'", checks]
        if self.stage is not None:
            commands.append(f"release sandbox run -- release deploy {self.stage} {name} --yes")
        return commands
