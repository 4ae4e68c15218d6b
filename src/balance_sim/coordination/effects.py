"""Effects of dynamic network actor models: what makes actor i turn to actor j, given the network so far.

Definitions follow Stadtfeld, Hollway, Block 2017, Sociological Methodology 47: 1-40, and Stadtfeld, Block 2017,
Sociological Science 4: 318-352. Networks are undirected here; x is the weight of a tie, and a tie is present where x >
0. Sums run over all actors of the network: a tie stands until the data end it. An effect is a row of `KINDS`;
`parse_formula` reads effects written as text, such as
`inertia(treaties) + degree(treaties, ignore_repetitions) + difference(wealth)`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Reads = Literal["networks", "states", "pairs"]


@dataclass(frozen=True)
class Snapshot:
    """All that is known just before an event. networks, pairs: name -> (n, n); states: name -> (n,).

    repeated: networks in which `ignore_repetitions` looks for ties, where they are other than those of the name."""

    networks: Mapping[str, Floats]
    states: Mapping[str, Floats]
    pairs: Mapping[str, Floats]
    repeated: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True)
class EffectKind:
    """statistic: s_ij (n, n) of what it reads: the ties x, (n, n) with diagonal 0, of a network; a covariate of states,
    z (n,), or of pairs, w (n, n). weighable: has a weighted form. spellings: other programs' names."""

    reads: Reads
    statistic: Callable[[Floats], Floats]
    weighable: bool = False
    spellings: tuple[str, ...] = ()


def _of_alter(z: Floats) -> Floats:
    return np.broadcast_to(z[None, :], (len(z), len(z)))


def _four_cycles(x: Floats) -> Floats:
    """Walks of three steps less those that come back: (A^3)_ij - a_ij (d_i + d_j - 1)."""
    walks, ties = x @ x @ x, x.sum(axis=0)
    return np.asarray(walks - x * (ties[:, None] + ties[None, :] - 1.0))


KINDS: Mapping[str, EffectKind] = {
    # I(x_ij > 0), or x_ij if weighted: turning to those one is tied to already
    "inertia": EffectKind("networks", lambda x: x, weighable=True),
    # the same of a network that the events do not make (contiguity)
    "tie": EffectKind("networks", lambda x: x, weighable=True),
    # sum_k I(x_kj > 0), or sum_k x_kj if weighted: popularity of j. Ties have no direction: in- and out-degree are one
    "degree": EffectKind(
        "networks", lambda x: _of_alter(x.sum(axis=0)), weighable=True, spellings=("indeg", "indegree", "outdeg", "deg")
    ),
    # sum_k I(x_ik > 0) I(x_kj > 0), k other than i and j: shared partners (transitivity)
    "closure": EffectKind("networks", lambda x: x @ x, spellings=("trans", "transitivity", "common_partners")),
    # sum_kl I(x_ik > 0) I(x_kl > 0) I(x_lj > 0), all different: what a tie would close into a cycle of four
    "four_cycles": EffectKind("networks", _four_cycles, spellings=("four",)),
    "alter": EffectKind("states", _of_alter),  # z_j
    # z_i. Alone it drops out of the choice of a partner; a fit refuses it and says so
    "ego": EffectKind("states", lambda z: _of_alter(z).T),
    # |z_i - z_j|
    "difference": EffectKind("states", lambda z: np.abs(z[:, None] - z[None, :]), spellings=("diff", "absdiff")),
    "similarity": EffectKind("states", lambda z: -np.abs(z[:, None] - z[None, :]), spellings=("sim",)),  # -|z_i - z_j|
    "same": EffectKind("states", lambda z: np.equal(z[:, None], z[None, :]).astype(np.float64)),  # I(z_i = z_j)
    # z_i z_j
    "ego_alter": EffectKind("states", lambda z: np.outer(z, z), spellings=("egoAlterInt", "ego_alter_interaction")),
    "pair": EffectKind("pairs", lambda w: w),  # w_ij, a covariate of the pair
}
SPELLINGS = {other: name for name, kind in KINDS.items() for other in kind.spellings}
TRANSFORMS: Mapping[str, Callable[[Floats], Floats]] = {"": lambda x: x, "log1p": np.log1p, "sqrt": np.sqrt}


@dataclass(frozen=True)
class Effect:
    """One effect of a model: its kind, the network or covariate that it reads, and its options.

    Parameters
    ----------
    kind : its name in `KINDS`
    of : the network or covariate
    weighted : use the tie's weight instead of its presence (inertia, tie, degree)
    ignore_repetitions : the statistic is 0 for a pair that already has a tie in this network, or in the network named,
        so that it speaks of new ties only
    transform : `log1p` or `sqrt` of the statistic
    window : days; only what was added to the network within them counts

    Examples
    --------
    >>> Effect("degree", "treaties", ignore_repetitions=True, window=365).name
    'degree(treaties, ignore_repetitions, window=365)'
    """

    kind: str
    of: str
    weighted: bool = False
    ignore_repetitions: bool | str = False
    transform: str = ""
    window: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no effect is called {self.kind!r}. Use one of {', '.join(KINDS)}.")
        if self.weighted and not KINDS[self.kind].weighable:
            able = ", ".join(name for name, kind in KINDS.items() if kind.weighable)
            raise ValueError(f"{self.kind} has no weighted form. Use it without, or one of {able}.")
        if self.ignore_repetitions is True and self.reads != "networks":
            raise ValueError(
                f"{self.kind} reads no network: name the one whose repetitions to ignore, as in "
                "ignore_repetitions=treaties."
            )
        if self.window is not None and (self.reads != "networks" or not self.window > 0):
            raise ValueError("a window is a number of days above 0, for an effect of a network. Correct it.")
        if self.transform not in TRANSFORMS:
            raise ValueError(f"no transform is called {self.transform!r}. Use log1p or sqrt.")

    @property
    def reads(self) -> Reads:
        return KINDS[self.kind].reads

    @property
    def name(self) -> str:
        """The effect as it is written in a plan."""
        options = ["weighted"] if self.weighted else []
        if self.ignore_repetitions:
            options.append("ignore_repetitions" + ("" if self.repeated == self.of else f"={self.repeated}"))
        options += [f"window={_digits(self.window)}"] if self.window is not None else []
        options += [self.transform] if self.transform else []
        return f"{self.kind}({', '.join([self.of, *options])})"

    @property
    def repeated(self) -> str | None:
        """The network whose ties are repetitions, if they are ignored."""
        return self.of if self.ignore_repetitions is True else self.ignore_repetitions or None

    @property
    def needs(self) -> list[tuple[str, str]]:
        """Names that the data have to give, and among what."""
        return [(self.of, self.reads), *([(self.repeated, "networks")] if self.repeated is not None else [])]

    def statistic(self, known: Snapshot) -> Floats:
        """(n, n) s_ij for i turning to j; the diagonal means nothing."""
        x = getattr(known, self.reads)[self.of if self.window is None else windowed(self.of, self.window)]
        if self.reads == "networks":
            x = x.copy() if self.weighted else (x > 0).astype(np.float64)
            np.fill_diagonal(x, 0.0)
        value = TRANSFORMS[self.transform](KINDS[self.kind].statistic(x))
        if self.repeated is not None:
            made = known.repeated.get(self.repeated, known.networks[self.repeated])
            value = np.where(made > 0, 0.0, value)
        return value


def windowed(network: str, days: float) -> str:
    """Name of what was added to a network within so many days."""
    return f"{network} within {_digits(days)} days"


def _digits(days: float) -> str:
    """Every digit that it takes to read the same number again."""
    return repr(float(days)).removesuffix(".0")


OPTIONS: Mapping[str, str] = {
    **{name: name for name in ("weighted", "ignore_repetitions", "window", "transform")},
    **dict.fromkeys(("ignoreRepetitions", "ignoreRep"), "ignore_repetitions"),
    **dict.fromkeys(("transformFun", "transformer_fn"), "transform"),
}
_CLOSES = "it closes triangles over two networks, and closure reads one. Use closure(network)"
_SAME = "ties have no direction here, and so it is the same as closure. Use closure(network)."
ELSEWHERE: Mapping[str, str] = {
    "tertius": "it averages a covariate over the partners of j, and no effect here reads a network and a covariate "
    "at once. Use alter(covariate), or degree(network).",
    "tertius_diff": "it compares i with the average over the partners of j, and no effect here reads a network and a "
    "covariate at once. Use difference(covariate), or degree(network).",
    "node_trans": "it counts the triangles of one actor. Use closure(network), which counts those that the tie would "
    "close.",
    "mixed_trans": f"{_CLOSES} of either, or of a network that holds the ties of both.",
    **dict.fromkeys(("mixed_cycle", "mixed_common_sender", "mixed_common_receiver"), f"{_CLOSES}."),
    "recip": "ties have no direction here, and so none is returned. Use inertia(network).",
    "cycle": "ties have no direction here, and so a cycle of three is a triangle. Use closure(network).",
    **dict.fromkeys(("common_sender", "common_receiver"), _SAME),
}
"""Effects of other programs that have no counterpart: why, and what stands nearest."""
POOLED = {"history": "pooled", "type": "alter"}
"""Options of other programs of which one value is what is done here."""
_UNITS = {"second": 1 / 86_400, "minute": 1 / 1_440, "hour": 1 / 24, "day": 1.0, "week": 7.0}
_UNITS |= {"month": 365.25 / 12, "year": 365.25}
DAYS = {name + plural: days for name, days in _UNITS.items() for plural in ("", "s")}
"""Units of a window in days: a month is a twelfth of a year of 365.25 days."""


def parse_formula(text: str) -> tuple[Effect, ...]:
    """The effects of a formula, joined by +; what stands before a `~` is left out.

    Other programs' spellings are understood. Raises ValueError that says what is wrong and what may stand there.

    Examples
    --------
    >>> [one.name for one in parse_formula("y ~ inertia(net) + indeg(net, ignoreRep = TRUE, window = 1 week)")]
    ['inertia(net)', 'degree(net, ignore_repetitions, window=7)']
    """
    terms = [term for term in _split(text.split("~", 1)[-1], "+") if term.strip()]
    if not terms:
        raise ValueError("there is no effect. Write effects joined by +, as in inertia(treaties) + alter(wealth).")
    return tuple(map(parse_effect, terms))


def parse_effect(text: str) -> Effect:
    """One effect: `kind(of, option, option=value)`. Raises ValueError."""
    found = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*\((.*)\)\s*", text, re.DOTALL)
    if found is None:
        raise ValueError(f"{text.strip()!r} is no effect. Write kind(of), as in inertia(treaties).")
    name, inside = found.groups()
    kind = SPELLINGS.get(name, name)
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    if snake in ELSEWHERE:
        raise ValueError(f"{name} has no counterpart here: {ELSEWHERE[snake]}")
    if kind not in KINDS:
        near = difflib.get_close_matches(name, [*KINDS, *SPELLINGS], n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise ValueError(f"no effect is called {name!r}. {hint}Use one of {', '.join(KINDS)}.")
    of, *rest = [part.strip() for part in _split(inside, ",")]
    of = _one_of(re.sub(r"^(?:network|attribute)\s*=\s*", "", of), kind)
    options: dict[str, object] = {}
    for part in rest:
        word, value = _option(part)
        if word in options:
            raise ValueError(f"{word} is given twice in {text.strip()!r}. Keep one.")
        options |= {word: value} if word else {}
    if not of:
        raise ValueError(f"{text.strip()!r} names nothing to read. Write kind(of), as in inertia(treaties).")
    return Effect(kind, of, **options)  # type: ignore[arg-type]


def _one_of(text: str, kind: str) -> str:
    """What an effect reads: `regime` of `states$regime`, and of a list that names it on both sides."""
    both = re.fullmatch(r"(?:list|c)\s*\((.*)\)", text, re.DOTALL)
    names = {name.rpartition("$")[2].strip() for name in _split(both[1] if both else text, ",")}
    if len(names) > 1:
        raise ValueError(
            f"{kind} reads one network or covariate, not {' and '.join(sorted(names))}. Write {kind}(of) with one of "
            "them; what depends on both sides at once may be given as pair(of)."
        )
    return names.pop()


def _option(part: str) -> tuple[str, object]:
    """Name and value of an option; no name where another program's option says what is done here anyway."""
    word, equals, value = (piece.strip() for piece in part.partition("="))
    bare = value.strip("\"'")
    if word in POOLED:
        if bare != POOLED[word]:
            only = f'{word}="{POOLED[word]}"'
            raise ValueError(f"{part} is not computed here: every effect is that of {only}. Leave {word} out.")
        return "", None
    if word and word in TRANSFORMS and not equals:
        return "transform", word
    if word not in OPTIONS:
        known = "weighted, ignore_repetitions, window=DAYS, log1p, sqrt"
        raise ValueError(f"no option is called {word!r}. Use one of {known}.")
    name = OPTIONS[word]
    if name == "window":
        return name, _days(bare)
    if name == "transform":
        return name, "" if value == "identity" else value
    if not equals or value.lower() in ("true", "t", "yes", "1"):
        return name, True
    if value.lower() in ("false", "f", "no", "0"):
        return name, False
    if name == "ignore_repetitions":
        return name, bare
    raise ValueError(f"{word} is yes or no, got {value!r}. Write {word}, or leave it out.")


def _days(text: str) -> float | None:
    if text.lower() in ("inf", "none", ""):
        return None
    found = re.fullmatch(r"([\d.eE+-]*\d[.]?)\s*([A-Za-z]*)", text.strip())
    try:
        number, unit = found.groups() if found else ("", "")
        return float(number) * DAYS[unit.lower() or "days"]
    except (ValueError, KeyError):
        raise ValueError(
            f"{text!r} is no window. Write a number of days, as in window=365, or with a unit, as in window=6 months."
        ) from None


def _split(text: str, mark: str) -> list[str]:
    """Parts between marks that stand outside brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
