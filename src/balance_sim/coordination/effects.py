"""Effects of dynamic network actor models: what makes actor i turn to actor j, given the network so far.

Definitions follow Stadtfeld, Hollway, Block 2017, Sociological Methodology 47: 1-40, and Stadtfeld, Block
2017, Sociological Science 4: 318-352. Networks are undirected here; x is the weight of a tie, and a tie is
present where x > 0. Sums run over all actors of the network: a tie stands until the data end it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Moment:
    """All that is known just before an event. networks, pairs: name -> (n, n); states: name -> (n,).

    repeated: networks in which `ignore_repetitions` looks for ties, where they are other than those of the name."""

    networks: Mapping[str, Floats]
    states: Mapping[str, Floats]
    pairs: Mapping[str, Floats]
    repeated: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True)
class Effect:
    """One effect: its kind, the network or covariate that it reads, and its options.

    weighted: use the tie's weight instead of its presence (inertia, tie, degree). ignore_repetitions: the
    statistic is 0 for a pair that already has a tie in this network, or in the network named, so that it speaks
    of new ties only. transform: `log1p` or `sqrt` of the statistic. window: days; only what was added to the
    network within them counts."""

    kind: str
    of: str
    weighted: bool = False
    ignore_repetitions: bool | str = False
    transform: str = ""
    window: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no effect is called {self.kind!r}. Use one of {', '.join(KINDS)}.")
        if self.weighted and self.kind not in WEIGHABLE:
            raise ValueError(
                f"{self.kind} has no weighted form. Use it without, or one of {', '.join(WEIGHABLE)}."
            )
        if self.ignore_repetitions is True and self.kind not in NETWORK_KINDS:
            raise ValueError(
                f"{self.kind} reads no network: name the one whose repetitions to ignore, as in "
                "ignore_repetitions=treaties."
            )
        if self.window is not None and (self.kind not in NETWORK_KINDS or not self.window > 0):
            raise ValueError("a window is a number of days above 0, for an effect of a network. Correct it.")
        if self.transform not in TRANSFORMS:
            raise ValueError(f"no transform is called {self.transform!r}. Use log1p or sqrt.")

    @property
    def name(self) -> str:
        """The effect as it is written in a plan."""
        options = ["weighted"] if self.weighted else []
        if self.ignore_repetitions:
            of = "" if self.repeated == self.of else f"={self.repeated}"
            options.append(f"ignore_repetitions{of}")
        options += [f"window={_plain(self.window)}"] if self.window is not None else []
        options += [self.transform] if self.transform else []
        return f"{self.kind}({', '.join([self.of, *options])})"

    @property
    def source(self) -> str:
        """The name under which a `Moment` keeps what the effect reads."""
        return self.of if self.window is None else windowed(self.of, self.window)

    @property
    def repeated(self) -> str | None:
        """The network whose ties are repetitions, if they are ignored."""
        if self.ignore_repetitions is True:
            return self.of
        return self.ignore_repetitions or None

    def statistic(self, moment: Moment) -> Floats:
        """(n, n) s_ij for i turning to j; the diagonal means nothing."""
        value = TRANSFORMS[self.transform](KINDS[self.kind](moment, self))
        if self.repeated is not None:
            made = moment.repeated.get(self.repeated, moment.networks[self.repeated])
            value = np.where(made > 0, 0.0, value)
        return value


def windowed(network: str, days: float) -> str:
    """Name of what was added to a network within so many days."""
    return f"{network} within {_plain(days)} days"


def _plain(days: float) -> str:
    """Every digit that it takes to read the same number again."""
    return repr(float(days)).removesuffix(".0")


def inertia(moment: Moment, effect: Effect) -> Floats:
    """s_ij = I(x_ij > 0), or x_ij if weighted: turning to those one is tied to already."""
    return _tie(moment, effect)


def tie(moment: Moment, effect: Effect) -> Floats:
    """s_ij = I(x_ij > 0), or x_ij if weighted, of a network that the events do not make (contiguity)."""
    return _tie(moment, effect)


def degree(moment: Moment, effect: Effect) -> Floats:
    """s_ij = sum_k I(x_kj > 0), or sum_k x_kj if weighted: popularity of j (indegree of the alter)."""
    return _alter(_tie(moment, effect).sum(axis=0))


def closure(moment: Moment, effect: Effect) -> Floats:
    """s_ij = sum_k I(x_ik > 0) I(x_kj > 0), k other than i and j: shared partners (transitivity)."""
    tied = _tie(moment, effect)
    shared: Floats = tied @ tied
    return shared


def four_cycles(moment: Moment, effect: Effect) -> Floats:
    """s_ij = sum_kl I(x_ik > 0) I(x_kl > 0) I(x_lj > 0), all four different: what a tie would close into a
    cycle of four.

    Walks of three steps less those that come back: (A^3)_ij - a_ij (d_i + d_j - 1)."""
    tied = _tie(moment, effect)
    walks = tied @ tied @ tied
    ties = tied.sum(axis=0)
    return np.asarray(walks - tied * (ties[:, None] + ties[None, :] - 1.0))


def alter(moment: Moment, effect: Effect) -> Floats:
    """s_ij = z_j."""
    return _alter(moment.states[effect.of])


def ego(moment: Moment, effect: Effect) -> Floats:
    """s_ij = z_i. Alone it drops out of the choice of a partner; a fit refuses it and says so."""
    return _alter(moment.states[effect.of]).T


def difference(moment: Moment, effect: Effect) -> Floats:
    """s_ij = |z_i - z_j|."""
    z = moment.states[effect.of]
    apart: Floats = np.abs(z[:, None] - z[None, :])
    return apart


def similarity(moment: Moment, effect: Effect) -> Floats:
    """s_ij = -|z_i - z_j|."""
    closeness: Floats = -difference(moment, effect)
    return closeness


def same(moment: Moment, effect: Effect) -> Floats:
    """s_ij = I(z_i = z_j)."""
    z = moment.states[effect.of]
    return np.equal(z[:, None], z[None, :]).astype(np.float64)


def ego_alter(moment: Moment, effect: Effect) -> Floats:
    """s_ij = z_i z_j."""
    z = moment.states[effect.of]
    product: Floats = z[:, None] * z[None, :]
    return product


def pair(moment: Moment, effect: Effect) -> Floats:
    """s_ij = w_ij, a covariate of the pair."""
    return moment.pairs[effect.of]


KINDS: Mapping[str, Callable[[Moment, Effect], Floats]] = {
    "inertia": inertia,
    "tie": tie,
    "degree": degree,
    "closure": closure,
    "four_cycles": four_cycles,
    "alter": alter,
    "ego": ego,
    "difference": difference,
    "similarity": similarity,
    "same": same,
    "ego_alter": ego_alter,
    "pair": pair,
}
NETWORK_KINDS = ("inertia", "tie", "degree", "closure", "four_cycles")
STATE_KINDS = ("alter", "ego", "difference", "similarity", "same", "ego_alter")
WEIGHABLE = ("inertia", "tie", "degree")
TRANSFORMS: Mapping[str, Callable[[Floats], Floats]] = {"": lambda x: x, "log1p": np.log1p, "sqrt": np.sqrt}


def _tie(moment: Moment, effect: Effect) -> Floats:
    x = moment.networks[effect.source]
    out = x.copy() if effect.weighted else (x > 0).astype(np.float64)
    np.fill_diagonal(out, 0.0)
    return out


def _alter(z: Floats) -> Floats:
    return np.broadcast_to(z[None, :], (len(z), len(z)))
