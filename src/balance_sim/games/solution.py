"""What a game comes to: payoffs with their errors, best replies, equilibria, regret,
and what knowing more is worth.

`as_dict` is the JSON of `balance-sim game`, and `Solution.of_plain` reads it back.
Players and strategies stand in it by their ids. Everything holds *under these payoffs*:
they are the file's, and nothing here is advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

Profile = Mapping[str, str]
"""A strategy of each player."""
Mixture = Mapping[str, Mapping[str, float]]
"""Probabilities of strategies, by player."""


@dataclass(frozen=True)
class DrawsInterval:
    """A number over joint draws of the parameters: median and central 95 %."""

    q025: float
    q50: float
    q975: float


@dataclass(frozen=True)
class Payoff:
    """Of a player in a profile, over the control arm.

    mcse: Monte Carlo standard error; expected: by the expected estimator, at the point
    values; draws: over the draws, by the same."""

    mean: float
    mcse: float | None
    expected: float
    draws: DrawsInterval | None


@dataclass(frozen=True)
class ProfileResult:
    """A profile: payoffs by player, and what each would gain by another strategy, at
    most `regret`.

    bound: that all regrets keep at once with 95 % confidence. equilibrium: of the
    estimated payoffs, in pure strategies; probability: over the Monte Carlo error;
    over_draws: the share of draws in which it is one."""

    strategies: Profile
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
    """A player's best replies to what the others play, several where they tie.

    may_be: not told apart from the best. probability: that a strategy is best, over the
    Monte Carlo error; over_draws: the share of draws in which it is."""

    player: str
    others: Profile
    best: tuple[str, ...]
    may_be: tuple[str, ...]
    probability: Mapping[str, float] | None
    over_draws: Mapping[str, float] | None


@dataclass(frozen=True)
class NamedEquilibrium:
    """A Nash equilibrium of the estimated payoffs.

    degenerate: by ties; probability: of a pure one, over the Monte Carlo error."""

    kind: Literal["pure", "mixed"]
    strategies: Mixture
    payoffs: Mapping[str, float]
    degenerate: bool
    probability: float | None

    @property
    def profile(self) -> dict[str, str]:
        """The likeliest strategy of each player: what is played if it is pure."""
        return {
            player: max(shares, key=lambda strategy: shares[strategy])
            for player, shares in self.strategies.items()
        }


@dataclass(frozen=True)
class NashEquilibria:
    """complete: these are all, or the extreme ones where there are ties; of three
    players and more mixed ones are not sought."""

    found: tuple[NamedEquilibrium, ...]
    complete: bool
    degenerate: bool


@dataclass(frozen=True)
class Leader:
    """Players move one after the other. outcomes: what is then played, several where a
    mover is indifferent."""

    order: tuple[str, ...]
    outcomes: tuple[Profile, ...]
    payoffs: tuple[Mapping[str, float], ...]
    ties: bool


@dataclass(frozen=True)
class StrategyRegret:
    """A strategy's regret over draws, theories and what the others play.

    worst, where, others: the largest, and where it is met; mean; q95: the 95 % quantile
    over draws and theories of the worst over the others' play."""

    worst: float
    where: str
    others: Profile
    mean: float
    q95: float


@dataclass(frozen=True)
class MinimaxRegret:
    """choice: the strategies whose worst regret is smallest; several are a tie."""

    choice: tuple[str, ...]
    strategies: Mapping[str, StrategyRegret]


@dataclass(frozen=True)
class ValueOfInformation:
    """What it would be worth to a player to know parameters before it chooses, the
    others doing what was observed.

    evpi: of all of them; parameters: value and standard error of each alone, the
    largest first."""

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
    draws: DrawsInterval | None


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
    observed: Profile
    runs: int
    profiles: tuple[ProfileResult, ...]
    best_replies: tuple[Reply, ...]
    equilibria: NashEquilibria
    leader: tuple[Leader, ...]
    gap: Mapping[str, float]
    balance: Mapping[str, Mapping[str, tuple[BalanceItem, ...]]]
    break_even: Mapping[str, tuple[BreakEven, ...]]
    draws: DrawsUsed | None = None
    theories: tuple[str, ...] = ()
    regret: Mapping[str, MinimaxRegret] | None = None
    voi: Mapping[str, ValueOfInformation] | None = None

    def __repr__(self) -> str:
        pure = sum(profile.equilibrium for profile in self.profiles)
        players = " x ".join(self.players)
        return f"<{players}: {len(self.profiles)} profiles, {pure} pure equilibria>"

    def as_dict(self) -> dict[str, Any]:
        """The solution as plain data for JSON: see docs/json.md."""
        return dict(_PLAIN.dump_python(self, mode="json"))

    @staticmethod
    def of_plain(plain: Mapping[str, Any]) -> Solution:
        """The solution in plain data. Raises ValueError for what is no such thing."""
        return _PLAIN.validate_python(plain)

    def profile(self, strategies: Profile) -> ProfileResult:
        """The profile with these strategies."""
        wanted = dict(strategies)
        return next(row for row in self.profiles if dict(row.strategies) == wanted)

    def beside_observed(self, player: str, strategy: str) -> ProfileResult:
        """The profile of a player's strategy, the others doing what was observed."""
        return self.profile({**self.observed, player: strategy})

    def reply_to_observed(self, player: str) -> Reply:
        """A player's best replies to what the others were observed to do."""
        others = dict(self.observed)
        del others[player]
        return next(
            reply
            for reply in self.best_replies
            if reply.player == player and dict(reply.others) == others
        )


_PLAIN = TypeAdapter(Solution)
