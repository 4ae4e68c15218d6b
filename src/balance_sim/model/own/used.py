"""Which rules of the user's own a scenario uses, for the record of a study and for whoever runs it again."""

from __future__ import annotations

from collections.abc import Iterable

from balance_sim.model.own import events, terms
from balance_sim.pool.errors import WrongRequest
from balance_sim.pool.plugins import NOWHERE, in_no_module, reference_of
from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.schema import Scenario

WEIGHT = f"theory.weights.{OWN}"


def rules_of(scenario: Scenario, paths: Iterable[str] = (), *, elsewhere: bool) -> tuple[tuple[str, str], ...]:
    """Terms and kinds of event of the user's own in any arm: name, with `own_` in front, and `module:function`.

    paths: key paths that a design sets too. elsewhere: other processes are to find them.

    Raises WrongRequest where they could not. What is registered nowhere is left out: `compile_world` refuses it."""
    settings = {path: value for arm in scenario.arms.values() for path, value in arm.set.items()}
    weighed = {f"theory.weights.{name}" for name, weight in scenario.theory.weights.items() if weight != 0}
    added = [event for arm in scenario.arms.values() for event in arm.add]
    kinds = {event.kind for event in (*scenario.events, *added)} | {str(value) for value in settings.values()}
    names = {path.removeprefix("theory.weights.") for path in {*weighed, *settings, *paths} if path.startswith(WEIGHT)}
    out = {name: reference_of_rule(name) for name in names | {kind for kind in kinds if kind.startswith(OWN)}}
    for name, reference in out.items():
        if elsewhere and reference and reference.partition(":")[0] in NOWHERE:
            raise WrongRequest(in_no_module("the rule", name.removeprefix(OWN)))
    return tuple(sorted((name, reference) for name, reference in out.items() if reference))


def reference_of_rule(name: str) -> str:
    """`module:function` of a term or kind of event of the user's own, `own_<name>`; "" where none is registered."""
    found = terms.REGISTERED.find(name.removeprefix(OWN)) or events.REGISTERED.find(name.removeprefix(OWN))
    return reference_of(found[0]) if found else ""
