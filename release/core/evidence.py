"""How strongly counts speak against a claim about a rate, whenever and however often one looks.

Each function gives the value of an e-process: under the claim its expectation is at most 1 at every moment,
also at one that was chosen because of what was seen (Ville 1939: the chance that it *ever* reaches 1/a is at
most a; Ramdas et al. 2023, "Game-theoretic statistics and safe anytime-valid inference"). It is the gain of
somebody who bets against the claim on every call: the mean, over all rates q that the claim excludes, of how
much likelier q makes the outcomes than the highest rate that the claim allows. It depends on the counts
alone, so nothing has to be remembered between two looks or two processes.
"""

import math
from typing import Final

_PRECISION: Final = 1e-14
_NOTHING: Final = 1e-300  # stands in for 0 in a denominator (Lentz)
_ROUNDS: Final = 100_000  # enough for 10^10 trials; what is left by then is rounding
_HALVINGS: Final = 8  # of a bound, after which it is exact to a hundredth of what it adds to the rate


def log_evidence(hits: int, of: int, *, above: float) -> float:
    """Natural logarithm of the evidence against "every trial hits with a chance of at most `above`".

    `of` is the number of trials, of which `hits` hit. The claim is of each trial given those before it: they
    need be neither independent nor alike. 0 without trials; infinite where the claim makes what was seen
    impossible. Exact but for rounding: the logarithm of the integral over q from `above` to 1 of
    (q/above)^hits ((1-q)/(1-above))^misses / (1-above). Raises ValueError on impossible counts.
    """
    misses = of - hits
    if not 0 <= hits <= of:
        raise ValueError(f"{hits} of {of} trials cannot have hit")
    if not 0 <= above <= 1:
        raise ValueError(f"a chance of {above}")
    if of == 0 or above == 1:
        return 0.0
    if above == 0:
        return math.inf if hits else -math.log1p(misses)
    log_odds_of_claim = hits * math.log(above) + (misses + 1) * math.log1p(-above)
    return _log_tail(hits + 1, misses + 1, above) - log_odds_of_claim


def highest_rate(hits: int, of: int, *, doubt: float) -> float:
    """The rate below which the true one lies, with a chance of error of `doubt` over all looks together.

    1 without trials. Without hits and at 5 % it is 4.4/of for 100 trials and 4.5/of for 1,000, where the
    well-known 3/of holds for a single look only.
    """
    if hits == of:
        return 1.0
    needed = -math.log(doubt)

    def is_excluded(rate: float) -> bool:
        # "at least rate" is "misses with a chance of at most 1 - rate"
        return log_evidence(of - hits, of, above=1 - rate) >= needed

    seen, width = hits / of, 1 / of
    while seen + width < 1 and not is_excluded(seen + width):
        width *= 2
    low, high = seen + width / 2, min(1.0, seen + width)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_excluded(middle) else (middle, high)
    return high


def _log_tail(a: int, b: int, x: float) -> float:
    """Logarithm of the integral over q from x to 1 of q^(a-1) (1-q)^(b-1)."""
    log_edge = a * math.log(x) + b * math.log1p(-x)
    if 1 - x < (b + 1) / (a + b + 2):
        return log_edge - math.log(b) + math.log(_fraction(b, a, 1 - x))
    whole = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    below = log_edge - math.log(a) + math.log(_fraction(a, b, x))
    # Here x is left of the distribution's mean, so two thirds at most are taken off, but for rounding.
    return whole + math.log1p(-math.exp(min(below - whole, -0.1)))


def _fraction(a: int, b: int, x: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method.

    Takes about sqrt(max(a, b)) rounds where x < (a + 1) / (a + b + 2).
    """
    c = 1.0
    d = 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _ROUNDS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _not_zero(1 + term * d)
            c = _not_zero(1 + term / c)
            value *= d * c
        if abs(d * c - 1) < _PRECISION:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _NOTHING else _NOTHING
