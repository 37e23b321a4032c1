"""Callers of a fleet while it is released: requests to its HTTP API, messages to its queue, all noted."""

import http.client
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import comb
from typing import Any, Final

from tests.e2e.canaries import CALLED, FED, weights
from tests.e2e.fleet import World
from tests.e2e.texts import REGIONS

_CALLERS: Final = 6  # threads; more requests under way than that gain nothing on a small machine
_MESSAGES_A_CALL: Final = 10  # of SendMessageBatch
_WATCH_SECONDS: Final = 0.1
_DRAIN_SECONDS, _DRAIN_PAUSE_SECONDS = 180.0, 0.3  # a busy machine is no failure


@dataclass(frozen=True, slots=True)
class Answer:
    """What one user saw. Times are seconds of the monotonic clock."""

    began: float
    ended: float
    region: str
    status: int  # 0: no answer at all
    release: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What the alias of the called function looked like at one moment."""

    at: float
    region: str
    lambda_version: str
    share: float  # of the calls, for the additional version


@dataclass
class Load:
    """Calls and messages to prod of one world, at a steady rate in each region, until the block ends."""

    world: World
    requests_a_second: float  # in each region
    messages_a_second: float
    regions: Sequence[str] = REGIONS
    answers: list[Answer] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    sent: dict[str, list[str]] = field(default_factory=dict)  # by region
    _ended: threading.Event = field(default_factory=threading.Event)
    _broken: list[BaseException] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Load while the block runs. Fails when the load itself broke."""
        hosts = {region: _host(self.world, region) for region in self.regions}
        queues = {region: _queue(self.world, region) for region in self.regions}
        self.sent = {region: [] for region in self.regions}
        turns = itertools.count()
        began = time.monotonic()
        work: list[Any] = [(self._call, (hosts, turns, began)) for _ in range(_CALLERS)]
        for region in self.regions:
            functions = self.world.functions("prod", region)
            work.append((self._watch, (functions, region)))
            sqs = self.world.fleet.client("sqs", self.world.accounts["prod"], region)
            work.append((self._send, (sqs, queues[region], self.sent[region], began)))
        threads = [threading.Thread(target=self._guarded, args=one, daemon=True) for one in work]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            for thread in threads:
                thread.join(30)
        assert not self._broken, self._broken

    def _guarded(self, what: Any, arguments: tuple[Any, ...]) -> None:
        try:
            what(*arguments)
        except BaseException as error:
            self._broken.append(error)

    def _due(self, at: float) -> bool:
        """Wait until then. False: the load has ended."""
        return not self._ended.wait(max(at - time.monotonic(), 0))

    def _call(self, hosts: dict[str, str], turns: Iterator[int], began: float) -> None:
        address = self.world.fleet.sandbox.endpoint.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=20)
        rate = self.requests_a_second * len(hosts)
        while self._due(began + (turn := next(turns)) / rate):
            region = self.regions[turn % len(self.regions)]
            asked = time.monotonic()
            try:
                connection.request("GET", f"/orders/{turn}", headers={"Host": hosts[region]})
                response = connection.getresponse()
                status, said = response.status, response.read().decode()
            except (OSError, http.client.HTTPException):
                connection.close()
                status, said = 0, ""
            self.answers.append(Answer(asked, time.monotonic(), region, status, said))
        connection.close()

    def _send(self, sqs: Any, queue: str, sent: list[str], began: float) -> None:
        numbers = itertools.count()
        pause = _MESSAGES_A_CALL / self.messages_a_second
        for batch in itertools.count():
            if not self._due(began + batch * pause):
                return
            names = [f"m{next(numbers)}" for _ in range(_MESSAGES_A_CALL)]
            answer = sqs.send_message_batch(
                QueueUrl=queue, Entries=[{"Id": name, "MessageBody": name} for name in names]
            )
            sent += [names[int(entry["Id"][1:]) - int(names[0][1:])] for entry in answer["Successful"]]

    def _watch(self, functions: Any, region: str) -> None:
        while not self._ended.wait(_WATCH_SECONDS):
            alias = functions.get_alias(FunctionName=f"{CALLED}-prod", Name="live")
            share = sum(weights(alias).values())
            self.sights.append(Sight(time.monotonic(), region, alias["FunctionVersion"], share))

    def drain(self, region: str) -> None:
        """Wait until the queue holds no message any more, neither waiting nor being worked at."""
        sqs = self.world.fleet.client("sqs", self.world.accounts["prod"], region)
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        deadline = time.monotonic() + _DRAIN_SECONDS
        while True:
            left = sqs.get_queue_attributes(QueueUrl=_queue(self.world, region), AttributeNames=names)[
                "Attributes"
            ]
            if not any(map(int, left.values())):
                return
            assert time.monotonic() < deadline, f"{region} still holds {left}"
            time.sleep(_DRAIN_PAUSE_SECONDS)

    # -- what was seen

    def shares(self, region: str) -> list[float]:
        """The share of the new version, each time that it was another one. The last step counts as 1."""
        seen = [sight for sight in self.sights if sight.region == region]
        first = seen[0].lambda_version
        shares = [sight.share if sight.lambda_version == first else 1.0 for sight in seen]
        return [share for share, _ in itertools.groupby(shares)]

    def split(self, region: str) -> tuple[float, float]:
        """When the alias first and last was seen with two versions, with the moments of doubt around it."""
        seen = [sight for sight in self.sights if sight.region == region]
        two = [index for index, sight in enumerate(seen) if sight.share]
        assert two, f"{region} never had two versions"
        return seen[max(two[0] - 1, 0)].at, seen[min(two[-1] + 1, len(seen) - 1)].at

    def between(self, region: str, since: float, until: float = float("inf")) -> list[Answer]:
        """Answers to what users asked in this time."""
        return [one for one in self.answers if one.region == region and since <= one.began <= until]


def failed(answers: Sequence[Answer]) -> list[Answer]:
    return [one for one in answers if one.status != 200]


def most_failures(calls: int, chance: float, *, sure: float = 0.999) -> int:
    """How many of these calls fail at most, with this certainty, where each does with this chance."""
    total, most = 0.0, -1
    while total < sure:
        most += 1
        total += comb(calls, most) * chance**most * (1 - chance) ** (calls - most)
    return most


def _host(world: World, region: str) -> str:
    apis = world.fleet.client("apigatewayv2", world.accounts["prod"], region).get_apis()["Items"]
    (api,) = (api["ApiId"] for api in apis if api["Name"] == f"{CALLED}-prod")
    return f"{api}.execute-api.localhost"


def _queue(world: World, region: str) -> str:
    sqs = world.fleet.client("sqs", world.accounts["prod"], region)
    url: str = sqs.get_queue_url(QueueName=f"{FED}-prod")["QueueUrl"]
    return url
