"""Groups of terms, the players among whom an excess is divided."""

from __future__ import annotations

from balance_sim.model.willingness import TERMS
from balance_sim.study.faults import WrongRequest

TALKS_SPEED = "talks_speed"
"""Not a term of willingness: how fast talks run, which follows the two sides' gain (model/pipeline.py)."""
PLAYABLE = (*TERMS, TALKS_SPEED)
MOST_GROUPS = 8

Groups = dict[str, tuple[str, ...]]

GROUPS: Groups = {
    "gain": ("security_gain", "common_threat", TALKS_SPEED),
    "distrust": ("distrust", "bandwagon"),
    "network": ("activity", "popularity", "closure", "experience", "ladder", "autonomy"),
    "retaliation": ("exposure",),
    "patron": ("hub_doubt",),
}
"""What a partner adds to one's security; what one fears of the partner itself; who is tied to whom; what
one's trade may lose; doubt about a shared patron. In no group: the terms of FIXED, which no event changes;
an arm that changes them shows in the row `outside`."""

FIXED = {
    "similarity": "gap",
    "joint_democracy": "democracy",
    "democracy_gap": "democracy_gap",
    "proximity": "proximity",
    "size": "capability",
}
"""Terms that read one fact of the world and nothing that a run changes, with that fact."""


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
        if name in groups or name == "outside":
            raise WrongRequest(f"--groups: the name `{name}` is taken")
        for term in members:
            if term not in PLAYABLE:
                raise WrongRequest(f"--groups: no term `{term}`; there are: {', '.join(PLAYABLE)}")
            if term in seen:
                raise WrongRequest(f"--groups: `{term}` is in {seen[term]} and in {name}")
            seen[term] = name
        groups[name] = members
    if len(groups) > MOST_GROUPS:
        raise WrongRequest(
            f"--groups: {len(groups)} groups are 2^{len(groups)} coalitions; at most {MOST_GROUPS}"
        )
    return groups
