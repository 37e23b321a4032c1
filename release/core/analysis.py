"""Whether the new version behind an alias does well enough, by what CloudWatch counted of its calls.

The test is sequential: it may be asked at any moment, by any process, as often as one likes, because it
depends on the counts alone (core/evidence.py). Over a whole rollout of a stage, however many functions, steps
and looks it has, a release that is no worse than what serves now is failed with a chance of at most
FALSE_ALARM_RATE.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import exp, log
from typing import Final

from release.core.evidence import highest_rate, log_evidence

FALSE_ALARM_RATE: Final = 0.01  # of a whole rollout of a stage, all functions and steps together
SLOW_SHARE: Final = 0.01  # what may be slower than a p99: that is what p99 means
_DOUBT: Final = 0.05  # of the bound that a pass tells people
_NAMED: Final = 3  # functions that a verdict on many of them names
_OVER_LIMIT: Final = "over the limit"
_OVER_STABLE: Final = "worse than stable"


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls of one lambda version behind an alias, in a window. Raises ValueError on impossible counts."""

    calls: int  # begun or throttled
    bad: int  # ended with an error, or throttled (a throttle is in neither Invocations nor Errors)
    slow: int = 0  # took longer than `max_p99`

    def __post_init__(self) -> None:
        if not (0 <= self.bad <= self.calls and 0 <= self.slow <= self.calls):
            raise ValueError(f"{self} cannot be")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a rollout tolerates: from its configuration, and whether alarms were overridden."""

    max_error_rate: float  # fraction of calls
    min_samples: int  # calls of the new version in one window
    max_p99_ms: int | None = None
    against_stable_only: bool = False  # the stage is known to be unwell: only what the release adds counts


@dataclass(frozen=True, slots=True)
class Pass:
    reason: str  # one line for people, as those below


@dataclass(frozen=True, slots=True)
class Fail:
    reason: str


@dataclass(frozen=True, slots=True)
class Inconclusive:
    reason: str


Verdict = Pass | Fail | Inconclusive


def judge(stable: Counts, canary: Counts, *, weight: float, limits: Limits, tests: int) -> Verdict:
    """The verdict on one function in one step, from the counts of both versions in one window.

    `weight` is the share of calls (above 0, at most 1) that the alias sends to the canary, in the whole
    window; `tests` is functions times steps of the rollout, which share FALSE_ALARM_RATE. Raises ValueError
    on others.

    **Fail** needs evidence of `tests / FALSE_ALARM_RATE` to 1 against two claims, so that neither an old
    weakness of the service nor a high but permitted rate fails a release: that its calls go wrong with a
    chance of at most `max_error_rate`, and that a call that goes wrong is the canary's with a chance of at
    most its share of the calls (the weight, or the share seen where that speaks less against it): so it is if
    the canary is no worse than stable. With `against_stable_only` the second is enough. With weight 1 nothing
    else serves and the first decides: then an outage of something that the function needs looks like a bad
    release. With `max_p99_ms` the same is asked of slow calls, of which 1 % are tolerated, and each of the
    two has half of the rate.

    **Pass** says: at least `min_samples` calls were seen, and no larger share of them went wrong than the
    limit. Or, for a service that is unwell: stable has as many calls, the evidence does not lean towards
    "worse than stable" (it is 1 to 1 at most), and the canary adds no more than the limit to stable's share.
    A pass does not say that the true rate is within the limit: its reason names the rate below which it is.

    **Inconclusive** is all else; more calls decide. No counts at all are that, never a pass.
    """
    if not 0 < weight <= 1 or tests < 1:
        raise ValueError(f"weight {weight}, {tests} tests")
    if weight < 1 and stable.calls == 0 and canary.calls:
        return Inconclusive(
            f"{_calls(canary.calls)} of the new version and none of the stable one were counted: "
            "there is nothing to compare with"
        )
    measures = [_Measure("failed", stable.bad, canary.bad, limits.max_error_rate)]
    if limits.max_p99_ms is not None:
        measures.append(_Measure(f"took over {limits.max_p99_ms} ms", stable.slow, canary.slow, SLOW_SHARE))
    look = _Look(stable.calls, canary.calls, weight, limits, log(tests * len(measures) / FALSE_ALARM_RATE))
    verdicts = [look.verdict(measure) for measure in measures]
    for kind in (Fail, Inconclusive):
        reasons = [verdict.reason for verdict in verdicts if isinstance(verdict, kind)]
        if reasons:
            return kind("; ".join(dict.fromkeys(reasons)))
    return Pass("; ".join(verdict.reason for verdict in verdicts))


def together(verdicts: Mapping[str, Verdict]) -> Verdict:
    """The verdict on a fleet, by function name: the worst one. Inconclusive without functions."""
    if not verdicts:
        return Inconclusive("no function was measured")
    for kind in (Fail, Inconclusive):
        found = {name: verdict for name, verdict in verdicts.items() if isinstance(verdict, kind)}
        if found:
            return kind(_named(found))
    if len(verdicts) == 1:
        return Pass(_named(verdicts))
    shown = ", ".join(list(verdicts)[:_NAMED])
    more = len(verdicts) - _NAMED
    return Pass(f"all {len(verdicts)} functions pass: {shown}" + (f" and {more} more" if more > 0 else ""))


def shortest_window(timeout: timedelta, lag: timedelta) -> timedelta:
    """A window must be longer than this, for a call that hangs from its start to be seen in it.

    CloudWatch dates a call by its start and hears of it after its end. In a shorter window the calls that are
    fast and well are all there, and those that time out are not: every canary would look healthy.
    """
    return timeout + lag


@dataclass(frozen=True, slots=True)
class _Measure:
    went_wrong: str  # "failed"
    stable: int
    canary: int
    tolerated: float  # share of calls


@dataclass(frozen=True, slots=True)
class _Look:
    """One function at one moment."""

    stable_calls: int
    canary_calls: int
    weight: float
    limits: Limits
    decisive: float  # logarithm of the evidence that fails a release

    def verdict(self, measure: _Measure) -> Verdict:
        evidence = self._evidence(measure)
        if evidence and min(evidence.values()) >= self.decisive:
            return Fail(f"{self._seen(measure)}; {self._odds(evidence)}")
        missing = self.limits.min_samples - self.canary_calls
        if missing > 0:
            return Inconclusive(
                f"{_calls(self.canary_calls)} of the new version, {self.limits.min_samples:,} are needed"
            )
        if self._within_limit(measure) or self._no_worse_than_stable(measure, evidence):
            highest = highest_rate(measure.canary, self.canary_calls, doubt=_DOUBT)
            sure = f"95 % sure at any look: below {_percent(highest)}"
            return Pass(f"{self._seen(measure)}; {sure}")
        return Inconclusive(f"{self._seen(measure)}; {self._odds(evidence)}")

    def _evidence(self, measure: _Measure) -> Mapping[str, float]:
        """Logarithm of the evidence for each claim that a failure needs, of those that can be tested."""
        evidence: dict[str, float] = {}
        if not self.limits.against_stable_only:
            evidence[_OVER_LIMIT] = log_evidence(measure.canary, self.canary_calls, above=measure.tolerated)
        if self.weight < 1:
            evidence[_OVER_STABLE] = self._over_stable(measure)
        return evidence

    def _over_stable(self, measure: _Measure) -> float:
        both = measure.stable + measure.canary
        seen = self.canary_calls / (self.stable_calls + self.canary_calls) if self.canary_calls else 0.0
        # The smaller of the two is as valid as the one by the weight, whatever the other is. It keeps a
        # canary that gets more calls than its weight from being failed for being called more.
        return min(
            log_evidence(measure.canary, both, above=share) for share in (self.weight, max(self.weight, seen))
        )

    def _within_limit(self, measure: _Measure) -> bool:
        if self.limits.against_stable_only:
            return measure.canary == 0
        return measure.canary <= measure.tolerated * self.canary_calls

    def _no_worse_than_stable(self, measure: _Measure, evidence: Mapping[str, float]) -> bool:
        if _OVER_STABLE not in evidence or self.stable_calls < self.limits.min_samples:
            return False
        added = measure.canary / self.canary_calls - measure.stable / self.stable_calls
        return evidence[_OVER_STABLE] <= 0 and added <= measure.tolerated

    def _seen(self, measure: _Measure) -> str:
        text = f"{_share(measure.canary, self.canary_calls)} of the new version's calls {measure.went_wrong}"
        if self.weight < 1:
            text += f", {_share(measure.stable, self.stable_calls)} of the stable one's"
        if not self.limits.against_stable_only:
            text += f", limit {_percent(measure.tolerated)}"
        return text

    def _odds(self, evidence: Mapping[str, float]) -> str:
        if not evidence:
            return "there is no stable version to compare with"
        shown = ", ".join(f"{_odds(value)} that it is {claim}" for claim, value in evidence.items())
        return f"{shown} ({_odds(self.decisive)} decides)"


def _calls(count: int) -> str:
    return f"{count:,} {'call' if count == 1 else 'calls'}"


def _share(part: int, of: int) -> str:
    return f"{part:,} of {of:,} ({_percent(part / of)})" if of else "none of 0"


def _percent(rate: float) -> str:
    return f"{100 * rate:.2g} %" if rate < 0.0995 else f"{100 * rate:.0f} %"


def _odds(log_odds: float) -> str:
    if log_odds < 0:
        return "below 1:1"
    return f"{exp(log_odds):,.0f}:1" if log_odds < log(1e6) else "over 1,000,000:1"


def _named(verdicts: Mapping[str, Verdict]) -> str:
    shown = [f"{name}: {verdict.reason}" for name, verdict in list(verdicts.items())[:_NAMED]]
    more = len(verdicts) - len(shown)
    return " | ".join(shown) + (f" | and {more} more" if more else "")
