"""Names of the outcomes that a scenario reports, known without running it."""

from __future__ import annotations

from balance_sim.model.core import DIRECTIONS
from balance_sim.scenario.schema import Scenario


def outcome_names(scenario: Scenario) -> list[str]:
    """In the order of the columns of a block's `runs` table."""
    windows = sorted(scenario.report.windows)
    longest = windows[-1]
    out = []
    for window in windows:
        out += [f"accords_{name}_{window}" for name in DIRECTIONS] + [f"accords_all_{window}"]
    out += [f"accords_{kind}_{longest}" for kind in sorted(scenario.kinds)]
    out += [f"from_talks_{longest}", f"in_force_{longest}", f"scheduled_{longest}"]
    return [*out, "first_counter_days", f"days_without_counter_{longest}", f"accelerated_{longest}"]
