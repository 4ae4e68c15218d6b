"""Kinds of events by cost, and the sorts of them that have a half-life in common."""

from __future__ import annotations

from balance_sim.scenario.schema import SIGNAL_ORDER

ORDER = SIGNAL_ORDER
"""The least costly first: each weighs more than the one before it."""
SYMBOLIC, MATERIAL = ORDER[:3], ORDER[3:]
"""Acts that show a standing, and those that commit forces or goods."""
