"""How other sources call kinds and stages of agreements and kinds of events."""

from __future__ import annotations

from collections.abc import Mapping


def _meaning(names: Mapping[str, str]) -> dict[str, str]:
    """Our name for each of the others, which stand with spaces between them."""
    return {alias: name for name, aliases in names.items() for alias in aliases.split()}


OTHER_SECTIONS = _meaning({"accords": "agreements alliances treaties"})
"""Names that a section might have; it is told what it is called."""
AGREEMENT_KINDS = _meaning(
    {
        "political_declaration": "strategic_partnership declaration entente "
        "consultation",
        "information_sharing": "intelligence_sharing information_security",
        "logistics": "acquisition_cross_servicing acsa",
        "defence_cooperation": "defense_cooperation defense_cooperation_agreement "
        "defence_cooperation_agreement dca general",
        "access": "reciprocal_access status_of_forces visiting_forces raa sofa sovfa",
        "defence_pact": "defense_pact alliance membership",
        "non_aggression": "nonaggression non_aggression_pact neutrality",
    }
)
"""Names of kinds that other sources use, and ours: taken, unless the scenario defines a
kind of that name."""
EVENT_KINDS = _meaning(
    {
        "arms_or_basing": "military_aid arms arms_transfer basing",
        "joint_summit": "summit",
        "sanction": "sanctions",
        "exercise": "joint_exercise",
    }
)


NON_BINDING = "political_or_nonbinding"
"""A status of other sources that says the kind of an agreement too."""
AGREEMENT_STATUSES = _meaning(
    {
        "in_force": NON_BINDING,
        "signed": "signed_not_in_force signed_status_unknown",
        "talks": "initialled initialed negotiating under_negotiation",
        "collapsed": "never_ratified failed",
        "ended": "terminated expired",
    }
)
