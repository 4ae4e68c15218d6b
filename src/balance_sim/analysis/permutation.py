"""A number of the event among those of its placebos: p value, verdict, share below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Verdict = Literal["supported", "not supported", "inconclusive"]

FEWEST = 50  # informative placebos below which nothing is said
LEVEL = 0.05
ALIKE = (
    0.05  # of the event's effect: on another day the same event is the same but for what has faded meanwhile
)
TOO_SMALL = 1e-9  # of an effect


@dataclass(frozen=True)
class Family:
    """The effects of one family. event: the event's own, placebos: (J,) those of the others, in the order of labels.

    window: days within which agreements are counted. uninformative: sets that could have no effect, since no dyad would
    count; they are not among the placebos. measures: of the same placebos, by mechanism."""

    name: str
    window: int
    event: float
    placebos: Floats
    labels: tuple[str, ...]
    uninformative: int = 0
    measures: Mapping[str, Compared] = field(default_factory=dict)

    @property
    def p(self) -> float:
        """Two-sided; NaN without placebos."""
        return p_value(self.event, self.placebos, ALIKE if self.name == "dates" else 0.0)

    @property
    def verdict(self) -> Verdict:
        return verdict(self.p, len(self.placebos))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        known = len(self.placebos) > 0
        return {
            "window": self.window,
            "effect": self.event,
            "placebos": len(self.placebos),
            "uninformative": self.uninformative,
            "p": self.p if known else None,
            "verdict": self.verdict,
            "largest": float(np.abs(self.placebos).max()) if known else None,
            "effects": [float(one) for one in self.placebos],
            "labels": list(self.labels),
            "measures": {name: of.as_dict() for name, of in self.measures.items()},
        }


@dataclass(frozen=True)
class Compared:
    """A measure of the event, and of each placebo of its family, (J,); NaN where it does not exist."""

    event: float
    placebos: Floats

    @property
    def known(self) -> Floats:
        """Those of the placebos that have the measure; none where the event itself has not."""
        return self.placebos[np.isfinite(self.placebos)] if np.isfinite(self.event) else np.empty(0)

    @property
    def p(self) -> float:
        """Two-sided; NaN without placebos."""
        return p_value(self.event, self.known)

    @property
    def verdict(self) -> Verdict:
        return verdict(self.p, len(self.known))

    def below(self, sign: int) -> float:
        """Share of placebos that lie less far in a direction, 1 or -1; ties do not. NaN without placebos."""
        if not len(self.known):
            return float("nan")
        return float((sign * self.known < sign * self.event - TOO_SMALL).mean())

    def as_dict(self) -> dict[str, Any]:
        """For JSON: `values` in the order of the family's labels."""
        known = len(self.known) > 0
        return {
            "value": self.event if np.isfinite(self.event) else None,
            "placebos": len(self.known),
            "p": self.p if known else None,
            "verdict": self.verdict,
            "values": [float(one) if np.isfinite(one) else None for one in self.placebos],
        }

    @staticmethod
    def of_plain(said: dict[str, Any]) -> Compared:
        """The other way round. Raises KeyError, TypeError for what is no such thing."""
        event, *rest = (np.nan if one is None else float(one) for one in (said["value"], *said["values"]))
        return Compared(event, np.array(rest))


def p_value(event: float, placebos: Floats, alike: float = 0.0) -> float:
    """Two-sided p of an effect among placebos: (1 + number at least as large) / (1 + number).

    alike: share of the event's effect by which a placebo may fall short and still counts as large.

    >>> p_value(2.0, np.array([0.5, -3.0, 1.0])), p_value(2.0, np.array([1.95]), alike=0.05)
    (0.5, 1.0)
    """
    if not len(placebos):
        return float("nan")
    larger = int((np.abs(placebos) >= (1.0 - alike) * abs(event) - TOO_SMALL).sum())
    return (1 + larger) / (1 + len(placebos))


def verdict(p: float, placebos: int) -> Verdict:
    """What a p value says: nothing where there are fewer than FEWEST placebos.

    >>> verdict(0.01, 199), verdict(0.2, 199), verdict(0.01, 19)
    ('supported', 'not supported', 'inconclusive')
    """
    if placebos < FEWEST or not np.isfinite(p):
        return "inconclusive"
    return "supported" if p <= LEVEL else "not supported"
