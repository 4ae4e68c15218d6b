"""What a game comes to: payoffs with their errors, best replies, equilibria, regret,
and what knowing more is worth.

`as_dict` is the JSON of `balance-sim game`, and `Solution.of_plain` reads it back. All is said *under these payoffs*:
they are the file's, and nothing here is advice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

Strategies = Mapping[str, str]
"""A profile: a strategy of each player, by name."""
Mixture = Mapping[str, Mapping[str, float]]
"""Probabilities of strategies, by player."""


@dataclass(frozen=True)
class OverDrawsOf:
    """A number over joint draws of the parameters: median and central 95 %."""

    q025: float
    q50: float
    q975: float


@dataclass(frozen=True)
class Payoff:
    """Of a player in a profile, over the control arm. mcse: Monte Carlo standard error;
    expected: by the expected estimator, at the values in use; draws: over the draws, by
    the same."""

    mean: float
    mcse: float | None
    expected: float
    draws: OverDrawsOf | None


@dataclass(frozen=True)
class ProfileSaid:
    """A profile: payoffs by player, and what each would gain by another strategy, at
    most `regret`.

    bound: that all regrets keep at once with 95 % confidence. equilibrium: of the
    estimated payoffs, in pure strategies; probability: over the Monte Carlo error;
    over_draws: the share of draws in which it is one."""

    strategies: Strategies
    arm: str
    payoffs: Mapping[str, Payoff]
    regrets: Mapping[str, float]
    regret: float
    bound: float | None
    equilibrium: bool
    probability: float | None
    over_draws: float | None


@dataclass(frozen=True)
class Reply:
    """A player's best replies to what the others play, several where they tie. may_be:
    not told apart from the best.

    probability: that a strategy is best, over the Monte Carlo error; over_draws: the
    share of draws in which it is."""

    player: str
    others: Strategies
    best: tuple[str, ...]
    may_be: tuple[str, ...]
    probability: Mapping[str, float] | None
    over_draws: Mapping[str, float] | None


@dataclass(frozen=True)
class EquilibriumSaid:
    """A Nash equilibrium of the estimated payoffs. degenerate: by ties; probability: of
    a pure one, over the error."""

    kind: Literal["pure", "mixed"]
    strategies: Mixture
    payoffs: Mapping[str, float]
    degenerate: bool
    probability: float | None


@dataclass(frozen=True)
class NashEquilibria:
    """complete: these are all, or the extreme ones where there are ties; of three
    players mixed ones may be missing."""

    found: tuple[EquilibriumSaid, ...]
    complete: bool
    degenerate: bool


@dataclass(frozen=True)
class QuantalResponse:
    """Logit quantal response equilibrium at a precision per unit of payoff; None where
    the branch was not followed."""

    precision: float
    strategies: Mixture | None


@dataclass(frozen=True)
class Leader:
    """Players move one after the other. outcomes: what is then played, several where a
    mover is indifferent."""

    order: tuple[str, ...]
    outcomes: tuple[Strategies, ...]
    payoffs: tuple[Mapping[str, float], ...]
    ties: bool


@dataclass(frozen=True)
class RegretOf:
    """A strategy's regret over draws, theories and what the others play: the worst and
    where it is met; the mean; the 95 % quantile over draws and theories of the worst
    over the others' play."""

    worst: float
    where: str
    others: Strategies
    mean: float
    q95: float


@dataclass(frozen=True)
class MinimaxRegret:
    """choice: the strategies whose worst regret is least; several are a tie."""

    choice: tuple[str, ...]
    strategies: Mapping[str, RegretOf]


@dataclass(frozen=True)
class KnowingMore:
    """What it would be worth to a player to know parameters before it chooses, the
    others playing the last quantal response. evpi: all of them; parameters: each alone,
    the largest first."""

    best: tuple[str, ...]
    evpi: float
    evpi_error: float
    parameters: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class BreakEven:
    """From which weight of one outcome on the observed strategy pays more than another
    one, all else as it is.

    better: `above` the weight at, or `below` it; `always` or `never`, whatever the
    weight, with at None."""

    against: str
    outcome: str
    of: str
    weight: float
    better: Literal["above", "below", "always", "never"]
    at: float | None


@dataclass(frozen=True)
class BalanceItem:
    """An outcome of a player under one of its strategies, the others doing what was
    observed, over the control arm."""

    outcome: str
    of: str
    mean: float
    lo: float | None
    hi: float | None
    draws: OverDrawsOf | None


@dataclass(frozen=True)
class DrawsUsed:
    """Which draws: their distribution, how many, and their sha256."""

    source: str
    count: int
    sha256: str


@dataclass(frozen=True, repr=False)
class Solution:
    """What a game comes to. gap: by player, the most that the expected estimator is off
    a simulated payoff."""

    players: Mapping[str, tuple[str, ...]]
    observed: Strategies
    runs: int
    profiles: tuple[ProfileSaid, ...]
    best_replies: tuple[Reply, ...]
    equilibria: NashEquilibria
    quantal_response: tuple[QuantalResponse, ...]
    leader: tuple[Leader, ...]
    gap: Mapping[str, float]
    balance: Mapping[str, Mapping[str, tuple[BalanceItem, ...]]]
    break_even: Mapping[str, tuple[BreakEven, ...]]
    draws: DrawsUsed | None = None
    theories: tuple[str, ...] = ()
    regret: Mapping[str, MinimaxRegret] | None = None
    voi: Mapping[str, KnowingMore] | None = None

    def __repr__(self) -> str:
        pure = sum(one.equilibrium for one in self.profiles)
        return f"<{' x '.join(self.players)}: {len(self.profiles)} profiles, {pure} pure equilibria>"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: see docs/json.md."""
        return dict(_PLAIN.dump_python(self, mode="json"))

    @staticmethod
    def of_plain(said: Mapping[str, Any]) -> Solution:
        """The other way round. Raises ValueError for what is no such thing."""
        return _PLAIN.validate_python(said)

    def profile(self, strategies: Strategies) -> ProfileSaid:
        """The one with these strategies."""
        return next(
            one for one in self.profiles if dict(one.strategies) == dict(strategies)
        )


_PLAIN = TypeAdapter(Solution)
