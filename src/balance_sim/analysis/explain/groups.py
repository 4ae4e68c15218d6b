"""Groups of terms of willingness, the players among whom a direct effect is divided."""

from __future__ import annotations

from collections.abc import Iterable

from balance_sim.model.willingness import TERMS
from balance_sim.pool.faults import WrongRequest

OUTSIDE, FEEDBACK, EFFECT = "outside", "feedback", "effect"
"""Rows of the table that are no group: terms in none, what the direct effect leaves out, and the sum."""
MOST_GROUPS = 8

Groups = dict[str, tuple[str, ...]]

GROUPS: Groups = {
    "gain": ("security_gain", "common_threat"),
    "hostility": ("hostility", "bandwagon"),
    "network": ("activity", "popularity", "closure", "experience", "ladder", "autonomy"),
    "retaliation": ("exposure",),
    "patron": ("hub_doubt",),
}
"""What a partner adds to one's security; what one fears of the partner itself; who is tied to whom; what
one's trade may lose; doubt about a shared patron. In no group: the terms of FIXED, which no event changes;
an arm that changes them shows in the row `outside`."""

FIXED = ("similarity", "joint_democracy", "democracy_gap", "proximity", "size")
"""Terms that read facts of the world that a run does not change."""


def parse_groups(text: str) -> Groups:
    """`threat=security_gain+common_threat,trade=exposure` as groups.

    Raises WrongRequest for an unknown term, a term in two groups, an empty or repeated group, or too many."""
    groups: Groups = {}
    seen: dict[str, str] = {}
    for part in text.split(","):
        name, equals, names = (piece.strip() for piece in part.partition("="))
        members = tuple(term.strip() for term in names.split("+") if term.strip())
        if not (name and equals and members):
            raise WrongRequest(f"--groups: `{part.strip()}` is not NAME=TERM+TERM")
        if name in (*groups, OUTSIDE, FEEDBACK, EFFECT):
            raise WrongRequest(f"--groups: the name `{name}` is taken")
        refuse_unknown(members, "--groups: ")
        for term in members:
            if term in seen:
                raise WrongRequest(f"--groups: `{term}` is in {seen[term]} and in {name}")
            seen[term] = name
        groups[name] = members
    if len(groups) > MOST_GROUPS:
        raise WrongRequest(
            f"--groups: {len(groups)} groups are 2^{len(groups)} coalitions; at most {MOST_GROUPS}"
        )
    return groups


def refuse_unknown(terms: Iterable[str], where: str = "") -> None:
    """Raises WrongRequest for what is no term of willingness."""
    for term in terms:
        if term == "talks_speed":
            raise WrongRequest(
                f"{where}`talks_speed`, the pace of talks, is no term of willingness: its part of the effect is in "
                f"the row `{FEEDBACK}`. Leave it out of the groups"
            )
        if term not in TERMS:
            raise WrongRequest(f"{where}no term `{term}`; there are: {', '.join(TERMS)}")
