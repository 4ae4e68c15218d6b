"""Numbers and verdicts in plain words, the same on the terminal, in figures and in the report."""

from __future__ import annotations

import math
import re
from typing import Literal

Verdict = Literal["nothing run", "one run", "no run differs", "not distinguishable", "more", "fewer"]


def verdict(mean: float, lo: float, hi: float, share_differing: float, n: int) -> Verdict:
    """What an effect with its 95 % interval allows to say.

    An interval that touches zero is not distinguishable from none. NaN bounds: fewer than two runs."""
    if n < 1 or math.isnan(mean):
        return "nothing run"
    if n < 2 or math.isnan(lo) or math.isnan(hi):
        return "one run"
    if share_differing == 0:
        return "no run differs"
    if lo <= 0 <= hi:
        return "not distinguishable"
    return "more" if mean > 0 else "fewer"


def decimals(error: float, *bounds: float) -> int:
    """Decimals that show one or two significant digits of an error: 0.03 -> 2, 0.004 -> 3; 1 to 4.

    bounds: of an interval. More decimals, up to 6, where a bound that is not zero would print as zero."""
    known = math.isfinite(error) and error > 0
    places = min(max(math.ceil(-math.log10(error) - 1e-9), 1), 4) if known else 2
    while places < 6 and any(math.isfinite(b) and b != 0 and float(f"{b:.{places}f}") == 0 for b in bounds):
        places += 1
    return places


def digits(*values: float) -> int:
    """Decimals for some values: two, or where none reaches 0.01 as many as show two significant digits of the
    largest: 0.0062 -> 4; 6 at most."""
    most = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return min(1 - math.floor(math.log10(most)), 6) if 0 < most < 0.01 else 2


def number(value: float, places: int = 2) -> str:
    """A number with fixed decimals; never "-0.00". NaN is a dash."""
    if not math.isfinite(value):
        return "-"
    text = f"{value:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text


def signed(value: float, places: int = 2) -> str:
    """A difference with its sign: +0.16, -0.07, 0.00."""
    text = number(value, places)
    return f"+{text}" if math.isfinite(value) and float(text) > 0 else text


def interval(lo: float, hi: float, places: int = 2) -> str:
    """`0.10 to 0.22`; a dash where there is none."""
    if not (math.isfinite(lo) and math.isfinite(hi)):
        return "-"
    return f"{number(lo, places)} to {number(hi, places)}"


def percent(share: float) -> str:
    """A share as per cent: one decimal below 10 %, none above; what is not 0 % or 100 % never prints so."""
    if not math.isfinite(share):
        return "-"
    value = 100 * share
    if 0 < value < 0.05:
        return "under 0.1 %"
    if 99.5 <= value < 100:
        return f"{value:.1f} %" if value < 99.95 else "over 99.9 %"
    if value in (0, 100):
        return f"{value:.0f} %"
    return f"{value:.1f} %" if value < 9.95 else f"{value:.0f} %"


def points(share: float) -> str:
    """A difference of shares in percentage points, with its sign: +2.5."""
    return signed(100 * share, 1)


def points_interval(lo: float, hi: float) -> str:
    """Bounds of a difference of shares, in percentage points."""
    return interval(100 * lo, 100 * hi, 1)


def largest_unseen_share(n: int, confidence: float = 0.95) -> float:
    """Upper bound of a share of which none was seen in n runs: 1 - (1 - confidence)^(1/n).

    One-sided; the exact form of the "rule of three" (Hanley, Lippman-Hand 1983, JAMA 249)."""
    return 1.0 - (1.0 - confidence) ** (1.0 / n) if n > 0 else 1.0


def plural(count: int, one: str, many: str = "") -> str:
    """`1 run`, `2 runs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def printable(text: str) -> str:
    """One line without control characters, which a terminal could obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def arm_words(arm: str) -> str:
    """An arm's name as it is read aloud."""
    return arm.replace("_", " ")


_COUNTS = {
    "counter": "counter-accords",
    "with_participant": "accords with a participant",
    "other": "other accords",
    "all": "accords of any direction",
}


def outcome_words(outcome: str) -> str:
    """An outcome as it is read aloud: `accords_counter_365` is counter-accords within 365 days."""
    found = re.fullmatch(r"accords_(.+)_(\d+)", outcome)
    if found is None:
        return outcome.replace("_", " ")
    what = _COUNTS.get(found[1], f"accords of kind {found[1].replace('_', ' ')}")
    return f"{what} within {found[2]} days"


def factor_value(value: object) -> str:
    """A factor's value in a label."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def factor_words(path: str) -> str:
    """A key path as it is read aloud: `events.parade.visibility` is parade visibility."""
    if path == "theory.preset":
        return "theory"
    head, _, rest = path.partition(".")
    if head == "theory" and rest.startswith("weights."):
        return f"weight of {rest.removeprefix('weights.').replace('_', ' ')}"
    return (rest or head).replace(".", " ").replace("_", " ")
