"""How other sources name the kinds and stages of accords and the kinds of events, and our name for each.

One table each. A kind that the scenario defines under the same name is left as it is."""

from __future__ import annotations

from typing import NamedTuple

ACCORD_KINDS = {
    "strategic_partnership": "political_declaration",
    "declaration": "political_declaration",
    "entente": "political_declaration",
    "consultation": "political_declaration",
    "intelligence_sharing": "information_sharing",
    "information_security": "information_sharing",
    "acquisition_cross_servicing": "logistics",
    "acsa": "logistics",
    "defense_cooperation": "defence_cooperation",
    "defense_cooperation_agreement": "defence_cooperation",
    "defence_cooperation_agreement": "defence_cooperation",
    "dca": "defence_cooperation",
    "general": "defence_cooperation",
    "reciprocal_access": "access",
    "status_of_forces": "access",
    "visiting_forces": "access",
    "raa": "access",
    "sofa": "access",
    "sovfa": "access",
    "defense_pact": "defence_pact",
    "alliance": "defence_pact",
    "membership": "defence_pact",
    "nonaggression": "non_aggression",
    "non_aggression_pact": "non_aggression",
    "neutrality": "non_aggression",
}

EVENT_KINDS = {
    "military_aid": "arms_or_basing",
    "arms": "arms_or_basing",
    "arms_transfer": "arms_or_basing",
    "basing": "arms_or_basing",
    "summit": "joint_summit",
    "sanctions": "sanction",
    "joint_exercise": "exercise",
}


class Stage(NamedTuple):
    """Our status for another's, and the kind it implies (None: whatever the row says)."""

    status: str
    kind: str | None = None


ACCORD_STATUSES = {
    "political_or_nonbinding": Stage("in_force", "political_declaration"),
    "signed_not_in_force": Stage("signed"),
    "signed_status_unknown": Stage("signed"),
    "initialled": Stage("talks"),
    "initialed": Stage("talks"),
    "negotiating": Stage("talks"),
    "under_negotiation": Stage("talks"),
    "in force": Stage("in_force"),
    "never_ratified": Stage("collapsed"),
    "never ratified": Stage("collapsed"),
    "failed": Stage("collapsed"),
    "terminated": Stage("ended"),
    "expired": Stage("ended"),
}
