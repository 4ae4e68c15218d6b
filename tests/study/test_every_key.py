"""Every key of a scenario, and every option that could change a result: each changes one in a world made for it, or is
refused where it could not, or is told by its name, or is a name or a text, which changes none. A key that is new in the
schema and stands in no table below fails the first test.

`pytest -n 0 -s tests/study/test_every_key.py -k accounted` prints how many there are of each."""

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from balance_sim.effects.run import run
from balance_sim.evidence.goodness.dyad_probabilities import dyad_probabilities
from balance_sim.scenario import Scenario, ScenarioError, check_scenario, load_scenario
from balance_sim.scenario.defaults import default_tree, default_weights
from balance_sim.scenario.fields import Strict
from balance_sim.scenario.idle import IDLE
from balance_sim.scenario.layout import parts_of

WORLD = Path(__file__).with_name("every_key.yaml")
RUNS = 2
type Tree = dict[str, Any]


# --- what a key is --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Changes:
    """A key that changes a result: with these values, by key path of the file, the runs are others. also: values
    that both worlds have, where this key needs another. draws: with parameters drawn from the prior."""

    values: Tree
    also: Tree = field(default_factory=dict)
    draws: bool = False


@dataclass(frozen=True)
class Refused:
    """A key that is refused where it would change nothing: with these values."""

    values: Tree
    code: str
    path: str


@dataclass(frozen=True)
class Named:
    """A key that says by its name that it changes nothing, with these values; and of which elsewhere it changes one."""

    values: Tree
    path: str


@dataclass(frozen=True)
class Descriptive:
    """A name or a text: with these values all runs are the same. Without values: rows are referred to by it, or the
    program fills it in; no run could be compared."""

    values: Tree | None = None
    why: str = ""


def one(path: str, value: Any, also: Tree | None = None, *, draws: bool = False) -> Changes:
    return Changes({path: value}, also or {}, draws)


def text(path: str) -> Descriptive:
    return Descriptive({path: "other words"}, "a text")


NAME = Descriptive(None, "what a row is referred to by")
OURS = Descriptive(None, "the program writes it, and reads it with its own commands")
CHANGE = "changes"
DO = "players.corvia.policies"
PARAMETERS = {
    **dict.fromkeys(("alpha0", "alpha_x", "alpha_acc", "eta_rivalry", "eta_claim", "eta_militarised"), 1.5),
    **dict.fromkeys(("eta_x", "eta_war", "eta_no_relations", "eta_acc", "prior_tension", "gamma"), 1.5),
    **dict.fromkeys(("collapse_rate", "end_rate", "effort_reaction", "alarm_floor", "gain_floor"), 0.3),
    **dict.fromkeys(("factor_war", "factor_no_relations", "factor_not_recognised", "factor_sanctions"), 0.5),
    **dict.fromkeys(("eta_relative", "spread_near", "spread_ally", "spread_quarrel", "beta", "tau"), 0.6),
    **dict.fromkeys(("delta_km", "d0_km", "experience_half_life_days", "activity_half_life_days"), 400.0),
    "eta0": -5.0,
    "nuclear_offence": 3.0,
    "s0": 0.03,
    "effort_max": 0.01,
    "effort_years": 1.0,
}
EVERY_ARM = {"arms.summit.set": {}}
CAPABILITIES = {f"states.{code}.capability": 0.1 + n / 10 for n, code in enumerate(
    ("XAR", "XBE", "XCO", "XDO", "XEL", "XFO", "XGA")
)}  # fmt: skip

ACCOUNT: dict[str, dict[str, Any]] = {
    "Scenario": {
        "schema": Refused({"schema": 2}, "E108", "schema"),
        "name": Descriptive(None, "the name of the file"),
        "title": text("title"),
        "question": text("question"),
        "source": text("source"),
        "notes": text("notes"),
        "plugins": Descriptive({"plugins": ["article"]}, "adds outcomes, and changes none"),
        "start": one("start", "2025-01-05"),
        "end": one("end", "2025-09-20"),
        "step_days": one("step_days", 20),
        "focal": one("focal", "force"),
        "base_rate": one("base_rate", 3.0),
        "outside": Descriptive({"outside": ["EGY"]}, "who may be named and is not simulated"),
        "groups": one("groups.North", ["XCO", "XEL"]),
        "capability": Changes({"capability.gdp": 0.2, "capability.population": 0.4}),
        "states": one("states.XCO.gdp_bn", 800),
        "audiences": one("audiences", {}),
        "disputes": one("disputes", []),
        "no_relations": one("no_relations", []),
        "distances": one("distances", []),
        "trade": one("trade", []),
        "frailties": one("frailties", []),
        "accords": one("accords.over", None),
        "events": one("events.leaving", None),
        "changes": one("changes", []),
        "pacts": one("pacts", {}),
        "players": one("players", {}),
        "provocations": one("provocations", []),
        "targets_alternatives": one(
            "targets_alternatives", [{"id": "none", "targets": ["XFO"], "weight": 0.9, "source": "x"}], draws=True
        ),
        "kinds": one("kinds.logistics.depth", 0.4),
        "event_kinds": one("event_kinds.joint_summit.alignment", 0.09),
        "parameters": one("parameters.beta", 0.6, EVERY_ARM),
        "theory": one("theory.weights.similarity", 0.5),
        "arms": one("arms.summit.add", []),
        "report": one("report.windows", [80]),
        "calibration": OURS,
        "posterior": OURS,
    },
    "State": {
        "id": NAME,
        "name": text("states.XCO.name"),
        "gdp_bn": one("states.XCO.gdp_bn", 800),
        "milex_bn": one("states.XCO.milex_bn", 20),
        "population_m": one("states.XCO.population_m", 50),
        "capability": Changes(CAPABILITIES),
        "democracy": one("states.XCO.democracy", 0.4),
        "ideal_point": one("states.XCO.ideal_point", 0.5),
        "latitude": one("states.XEL.latitude", 50),
        "longitude": one("states.XEL.longitude", 30),
        "reliability": one("states.XCO.reliability", 0.5),
        "autonomy": one("states.XDO.autonomy", 1.0),
        "propensity": one("states.XEL.propensity", 0.5),
        "propensity_declarations": one("states.XEL.propensity_declarations", 0.5),
        "nuclear_since": one("states.XBE.nuclear_since", "2001-01-01"),
        "patrons": one("states.XDO.patrons", []),
        "source": text("states.XCO.source"),
        "guesses": text("states.XCO.guesses"),
    },
    "Dispute": {
        "a": one("disputes.0.a", "XBE"),
        "b": one("disputes.0.b", "XGA"),
        "rivalry": one("disputes.0.rivalry", 0.2),
        "claim": one("disputes.0.claim", 0.2),
        "militarised": one("disputes.0.militarised", 0.2),
        "war": one("disputes.2.war", 0.6),
        "source": text("disputes.0.source"),
    },
    "NoRelations": {
        "a": one("no_relations.0.a", "XCO"),
        "b": one("no_relations.0.b", "XDO"),
        "kind": one("no_relations.0.kind", "war"),
        "from": one("no_relations.0.from", "2025-03-01"),
        "until": one("no_relations.0.until", "2025-04-01"),
        "source": text("no_relations.0.source"),
    },
    "Distance": {
        "a": one("distances.0.a", "XFO"),
        "b": one("distances.0.b", "XFO"),
        "km": one("distances.0.km", 500),
        "source": text("distances.0.source"),
    },
    "Trade": {
        "state": one("trade.0.state", "XEL"),
        "partner": one("trade.0.partner", "XBE"),
        "share": one("trade.0.share", 0.4),
        "source": text("trade.0.source"),
    },
    "Frailty": {
        "a": one("frailties.0.a", "XDO"),
        "b": one("frailties.0.b", "XDO"),
        "factor": one("frailties.0.factor", 2.0),
        "shape": Descriptive({"frailties.0.shape": 0.5}, "read by `evidence score` alone, as its text says"),
        "source": text("frailties.0.source"),
    },
    "Agreement": {
        "id": NAME,
        "a": one("accords.held.a", "XDO"),
        "b": one("accords.held.b", "XDO"),
        "kind": one("accords.held.kind", "access"),
        "name": text("accords.held.name"),
        "status": one("accords.under_way", {"id": "under_way", "a": "XCO", "b": "XDO", "kind": "logistics", "status": "in_force"}),
        "opened": one("accords.under_way.opened", "2024-03-01"),
        "signed": one("accords.held.signed", "2010-01-01"),
        "in_force": one("accords.undated.in_force", "2010-01-01"),
        "ended": Descriptive({"accords.over.ended": "2020-01-01"}, "read by `evidence calibrate` and `gof` alone, as its text says"),
        "scheduled_signed": one("accords.planned.scheduled_signed", "2025-02-01"),
        "scheduled_in_force": one("accords.planned.scheduled_in_force", "2025-05-01"),
        "precision": one("accords.over.precision", "day"),
        "multilateral": one("accords.over.multilateral", True),
        "source": text("accords.held.source"),
        "confidence": text("accords.held.confidence"),
        "note": text("accords.held.note"),
    },
    "Event": {
        "id": NAME,
        "date": one("events.force.date", "2025-04-05"),
        "kind": one("events.force.kind", "display"),
        "label": text("events.force.label"),
        "visibility": one("events.force.visibility", 0.9),
        "principals": one("events.force.principals", ["XAR"]),
        "guests": one("events.summit.guests", []),
        "host": one("events.summit.host", "XBE"),
        "targets": Named({"events.leaving.targets": ["XEL"]}, "events.leaving.targets"),
        "sign": one("events.summit.sign", -1),
        "accord": one("events.signature.accord", None),
        "kept": Refused({"events.force.kept": True}, "E212", "events.force.kept"),
        "source": text("events.force.source"),
        "confidence": text("events.force.confidence"),
        "note": text("events.force.note"),
    },
    "TargetsCoding": {},
    "Provocation": {
        "id": NAME,
        "state": one("provocations.probing.state", "XBE"),
        "kind": Named({"provocations.probing.kind": "withdrawal"}, "provocations.probing.kind"),
        "targets": one("provocations.probing.targets", ["XDO"]),
        "rate": one("provocations.probing.rate", 8),
        "visibility": one("provocations.probing.visibility", 0.3),
        "source": text("provocations.probing.source"),
    },
    "Audience": {
        "members": one("audiences.north.members", ["XCO", "XGA"]),
        "attention": one("audiences.north.attention.default", 0.3),
    },
    "AgreementKind": {
        "security": one("kinds.logistics.security", False),
        "depth": one("kinds.logistics.depth", 0.5),
        "calm": one("kinds.non_aggression.calm", 0.9),
        "ceiling": one("kinds.logistics.ceiling", 0.6),
        "intercept": one("kinds.logistics.intercept", 1.0),
        "talks_days": one("kinds.logistics.talks_days", 100),
        "talks_shape": one("kinds.logistics.talks_shape", 1.0),
        "at_once": one("kinds.logistics.at_once", 0.9),
        "force_days": one("kinds.logistics.force_days", 30),
        "force_shape": one("kinds.logistics.force_shape", 1.0),
        "reaction": one("kinds.logistics.reaction", 2.0),
    },
    "EventKind": {
        "alignment": one("event_kinds.joint_summit.alignment", 0.09),
        "intent": one("event_kinds.force.intent", 2.0),
        "reliability": one("event_kinds.withdrawal.reliability", 0.9),
        "half_life_days": one("event_kinds.force.half_life_days", 100),
        "spreads": one("event_kinds.force.spreads", 0.2),
    },
    "CapabilityWeights": {
        "gdp": Changes({"capability.gdp": 0.2, "capability.population": 0.4}),
        "milex": Changes({"capability.milex": 0.2, "capability.population": 0.4}),
        "population": Changes({"capability.milex": 0.5, "capability.population": 0.1}),
    },
    "Parameters": {name: one(f"parameters.{name}", value, EVERY_ARM) for name, value in PARAMETERS.items()},
    "Theory": {
        "preset": one("theory.preset", "network_only"),
        "equal_hostility": one("theory.equal_hostility", 0.5),
        "signal_cost": one("theory.signal_cost", 0.9),
        "weights": one("theory.weights.size", 1.0),
    },
    "Weights": {name: one(f"theory.weights.{name}", 0.9) for name in default_weights()},
    "Calibration": dict.fromkeys(
        ("file", "data_sha256", "weights_sha256", "weights", "level_variance", "names", "covariance"), OURS
    ),
    "Posterior": dict.fromkeys(
        ("file", "command", "draws", "count", "sha256", "scenario_sha256", "priors_sha256", "values", "headline", "table"),
        OURS,
    ),
    "GivenAgreement": {
        "a": one(f"{CHANGE}.2.agreement.a", "XFO"),
        "b": one(f"{CHANGE}.2.agreement.b", "XFO"),
        "kind": one(f"{CHANGE}.2.agreement.kind", "access"),
        "in_force": one(f"{CHANGE}.2.agreement.in_force", "2025-05-01"),
    },
    "Change": {
        "date": one(f"{CHANGE}.0.date", "2025-06-01"),
        "dyad": one(f"{CHANGE}.0.dyad", ["XBE", "XEL"]),
        "war": one(f"{CHANGE}.0.war", False),
        "no_relations": one(f"{CHANGE}.1.no_relations", "not_recognised"),
        "until": one(f"{CHANGE}.0.until", "2025-06-01"),
        "agreement": one(f"{CHANGE}.3.agreement", "held"),
        "ended": Refused({f"{CHANGE}.3.ended": False}, "E212", "changes[3]"),
        "pact": one(f"{CHANGE}.4.pact", "Pact"),
        "joins": one(f"{CHANGE}.4.joins", "XEL"),
        "kind": one(f"{CHANGE}.4.kind", "access"),
        "state": one(f"{CHANGE}.5.state", "XGA"),
        "democracy": one(f"{CHANGE}.5.democracy", 0.9),
        "ideal_point": one(f"{CHANGE}.5.ideal_point", 0.9),
        "reliability": one(f"{CHANGE}.5.reliability", 0.2),
        "effort": one(f"{CHANGE}.5.effort", 0.5),
        "source": text(f"{CHANGE}.0.source"),
    },
    "Pact": {
        "group": one("pacts.ring.group", "South", {"pacts.ring.candidates": ["XDO"]}),
        "kind": one("pacts.ring.kind", "access"),
        "consent": one("pacts.ring.consent", "majority"),
        "candidates": one("pacts.ring.candidates", ["XDO"]),
        "rate": one("pacts.ring.rate", 60),
        "source": text("pacts.ring.source"),
    },
    "Player": {
        "state": one("players.corvia.state", "XFO", {f"{DO}.lean": None}),
        "adversaries": Named({f"{DO}.show.do.targets": ["XAR", "XBE"]}, "players.corvia.adversaries"),
        "partners": Named({f"{DO}.show.do.guests": ["XDO"]}, "players.corvia.partners"),
        "budget": one("players.corvia.budget", 1.0, {f"{DO}.join.cost": 1.0}),
        "policies": one(f"{DO}.arm", None),
    },
    "Policy": {
        "when": one(f"{DO}.show.when", "day > 200"),
        "do": one(f"{DO}.arm.do", {"effort": 0.5}),
        "delay": one(f"{DO}.show.delay", 90),
        "cost": one(f"{DO}.show.cost", 0.5),
        "at_most": one(f"{DO}.arm.at_most", 0),
        "source": text(f"{DO}.show.source"),
    },
    "Do": {
        "kind": one(f"{DO}.show.do.kind", "arms_or_basing"),
        "targets": Refused({f"{DO}.arm.do.targets": ["XEL"]}, "E212", f"{DO}.arm.do.targets"),
        "guests": Refused(
            {f"{DO}.show.do": {"kind": "reassurance", "targets": ["adversaries"], "guests": ["partners"]}},
            "E212", f"{DO}.show.do.guests",
        ),
        "visibility": Refused({f"{DO}.join.do.visibility": 0.5}, "E212", f"{DO}.join.do.visibility"),
        "seek": one(f"{DO}.join.do.seek", "access"),
        "nats": Refused({f"{DO}.lean.do.nats": 0.5}, "E212", f"{DO}.lean.do.nats"),
        "end": one(f"{DO}.drop.do.end", "access", {"accords.pact_ce.kind": "access"}),
        "effort": one(f"{DO}.arm.do.effort", 0.4),
        "stance": one(f"{DO}.lean.do.stance", -3.0),
        "toward": one(f"{DO}.lean.do.toward", ["XGA"]),
        "with": one(f"{DO}.drop.do.with", ["XDO"]),
    },
    "Arm": {
        "title": text("arms.summit.title"),
        "reference": Changes({"arms.no_summit.reference": False, "arms.summit.reference": True}),
        "drop": one("arms.summit.drop", ["force"]),
        "add": one("arms.summit.add", []),
        "changes": one("arms.summit.changes", []),
        "set": one("arms.summit.set", {"parameters.beta": 0.7}),
    },
    "Report": {
        "windows": one("report.windows", [80]),
        "groups": one("report.groups", []),
        "positions": one("report.positions", {"XCO-XDO": -0.5}),
    },
}  # fmt: skip
CODING = {"targets_alternatives": [{"id": "fo", "targets": ["XFO"], "weight": 0.5, "source": "x"}]}
ACCOUNT["TargetsCoding"] = {
    "id": NAME,
    "targets": one("targets_alternatives.fo.targets", ["XGA", "XDO"], CODING, draws=True),
    "weight": one("targets_alternatives.fo.weight", 0.01, CODING, draws=True),
    "source": Descriptive(None, "a text"),
}
ALSO_CHANGE = {
    "Event.targets": one("events.summit.targets", ["XCO"]),
    "Event.kept": one("events.words.kept", True),
    "Provocation.kind": one("provocations.probing.kind", "force"),
    "Change.ended": one(f"{CHANGE}.3", None),
    "Player.adversaries": one("players.corvia.adversaries", ["XAR"]),
    "Player.partners": one("players.corvia.partners", ["XEL"]),
    "Do.targets": one(f"{DO}.show.do.targets", ["XBE"]),
    "Do.guests": one(f"{DO}.show.do.guests", ["XEL"]),
    "Do.visibility": one(f"{DO}.show.do.visibility", 0.1),
    "Do.nats": one(f"{DO}.join.do.nats", 4.0),
}
"""What is refused, or named, in one place and changes a result in another."""
IDLE_VALUES = {
    "nuclear_since where nothing follows from it": Named(
        {"parameters.nuclear_offence": 1.0, "states.XBE.nuclear_since": "2001-01-01"}, "states.XAR.nuclear_since"
    ),
    "nuclear_since after the start": Named({"states.XBE.nuclear_since": "2025-03-01"}, "states.XBE.nuclear_since"),
    "targets of a withdrawal": Named({"events.leaving.targets": ["XDO", "XFO"]}, "events.leaving.targets"),
    "guests of a reassurance": Named({"events.words.guests": ["XGA"]}, "events.words.guests"),
    "a treaty that shows nobody": Named(
        {"events.idle": {"id": "idle", "date": "2025-03-10", "kind": "treaty", "principals": ["XCO"], "guests": ["EGY"]}},
        "events.idle",
    ),
}  # fmt: skip
REFUSED_ELSEWHERE = {
    "tau of an arm": Refused({"arms.summit.set": {"parameters.tau": 0.1}}, "E110", "arms.summit.set.parameters.tau"),
    "kept of what is no reassurance": ACCOUNT["Event"]["kept"],
    "visibility of effort": Refused({f"{DO}.arm.do.visibility": 0.5}, "E212", f"{DO}.arm.do.visibility"),
    "visibility of a stance": Refused({f"{DO}.lean.do.visibility": 0.5}, "E212", f"{DO}.lean.do.visibility"),
    "guests of an agreement that is sought": Refused({f"{DO}.join.do.guests": ["XDO"]}, "E212", f"{DO}.join.do.guests"),
}


# --- the world with other values ------------------------------------------------------------------------------------


def with_values_in_file(tree: Tree, values: Tree) -> Tree:
    """The tree of a file with other values by key path; rows go by their id or their place; None takes one out."""
    tree = copy.deepcopy(tree)
    for path, value in values.items():
        *steps, last = path.split(".")
        branch: Any = tree
        for step in steps:
            branch = branch[place(branch, step)] if isinstance(branch, list) else branch.setdefault(step, {})
        key = place(branch, last) if isinstance(branch, list) else last
        if value is None:
            del branch[key]
        elif isinstance(branch, list) and key == len(branch):
            branch.append(copy.deepcopy(value))
        else:
            branch[key] = copy.deepcopy(value)
    return tree


def place(rows: list[Tree], step: str) -> int:
    if step.isdigit():
        return int(step)
    return next((n for n, row in enumerate(rows) if row["id"] == step), len(rows))


class Bench:
    """Loads and runs the world with other values; what has been run is kept."""

    def __init__(self, folder: Path) -> None:
        self.path, self.tree = folder / "world.yaml", yaml.safe_load(WORLD.read_text(encoding="utf-8"))
        self._digests: dict[tuple[str, bool], str] = {}

    def written(self, values: Tree) -> Path:
        tree = with_values_in_file(self.tree, values)
        self.path.write_text(json.dumps(tree, indent=1, default=str), encoding="utf-8")
        return self.path

    def load(self, values: Tree) -> Scenario:
        return load_scenario(self.written(values))

    def digest(self, values: Tree, *, draws: bool = False) -> str:
        key = repr(sorted(values.items())), draws
        if key not in self._digests:
            options = {"draw_parameters": "prior"} if draws else {}
            self._digests[key] = run(self.load(values), RUNS, 1, **options).digest
        return self._digests[key]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("every_key"))


# --- which keys there are -------------------------------------------------------------------------------------------


@cache
def keys() -> dict[str, set[str]]:
    """Every key of the schema, by the model that has it, and every parameter and weight."""
    found: dict[str, set[str]] = {}
    pending: list[type[Strict]] = [Scenario]
    for model in pending:
        fields = {info.alias or name: info for name, info in model.model_fields.items() if not info.exclude}
        found[model.__name__] = {*fields} - {"schema_version"}
        parts = [part for name in model.model_fields for part in parts_of(model, name)]
        pending += [
            part for part in parts
            if isinstance(part, type) and issubclass(part, Strict) and part not in pending
        ]  # fmt: skip
    found["Scenario"] = found["Scenario"] - {"sha256"} | {"schema"}
    return found | {"Weights": {*default_weights()}}


def rows() -> Iterator[tuple[str, Any]]:
    for model, fields in ACCOUNT.items():
        for name, case in fields.items():
            yield f"{model}.{name}", case
    yield from ((f"{name} (where it does)", case) for name, case in ALSO_CHANGE.items())
    yield from IDLE_VALUES.items()
    yield from REFUSED_ELSEWHERE.items()


def cases(kind: type, only: Callable[[Any], bool] = lambda _: True) -> Any:
    chosen = [(name, case) for name, case in rows() if isinstance(case, kind) and only(case)]
    return pytest.mark.parametrize("case", [case for _, case in chosen], ids=[name for name, _ in chosen])


def test_every_key_is_accounted_for() -> None:
    assert {model: {*fields} for model, fields in ACCOUNT.items()} == keys()
    counts = Counter(type(case).__name__ for fields in ACCOUNT.values() for case in fields.values())
    changing, said = counts["Changes"] + len(ALSO_CHANGE), counts["Descriptive"]
    refused, told = (len({repr(case) for _, case in rows() if isinstance(case, kind)}) for kind in (Refused, Named))
    total = counts.total()
    print(f"\n{total} keys: {changing} change a result, {said} are names, texts or the program's own, "
          f"{total - changing - said} takes one value alone; {refused} uses that would change nothing are refused, "
          f"{told} are told by name")  # fmt: skip
    assert total - changing - said == 1  # `schema`


@cases(Changes, lambda case: not case.draws)
def test_it_changes_a_result(bench: Bench, case: Changes) -> None:
    assert bench.digest(case.also | case.values) != bench.digest(case.also)


@pytest.mark.slow
@cases(Changes, lambda case: case.draws)
def test_it_changes_a_result_where_parameters_are_drawn(bench: Bench, case: Changes) -> None:
    assert bench.digest(case.also | case.values, draws=True) != bench.digest(case.also, draws=True)


def test_no_text_changes_anything(bench: Bench) -> None:
    """All of them at once."""
    values = {
        path: value
        for _, case in rows()
        if isinstance(case, Descriptive)
        for path, value in (case.values or {}).items()
    }
    assert len(values) > 20
    assert bench.digest(values) == bench.digest({})


def test_the_shape_of_a_frailty_widens_probabilities_of_dyads(bench: Bench) -> None:
    """No replication draws from it; what a forecast says of a dyad takes it in: less likely than at the mean."""
    known, drawn = (
        dyad_probabilities(run(bench.load(values), RUNS, 1), "summit")["XCO", "XEL"]
        for values in ({}, {"frailties.0.shape": 0.5})
    )
    assert 0.0 < drawn < known


def of_types() -> Iterator[tuple[str, Changes]]:
    """Every number of every shipped type of agreement and of event."""
    for name, kind in default_tree().fields["kinds"].fields.items():
        also = {f"kinds.{name}.ceiling": 2.0, f"kinds.{name}.force_days": 40.0, f"kinds.{name}.at_once": 0.5}
        also |= {"accords.calming.kind": name}
        for key in kind.fields:
            path = f"kinds.{name}.{key}"
            number = kind.fields[key].value
            value = not number if key == "security" else also.get(path, float(number)) * 0.9 or 0.3
            yield path, one(path, value, also)
    for name, kind in default_tree().fields["event_kinds"].fields.items():
        act = {"id": "act", "date": "2025-02-10", "kind": name, "principals": ["XAR", "XBE"], "targets": ["XDO"]}
        for key in kind.fields:
            path, intent = f"event_kinds.{name}.{key}", float(kind.fields["intent"].value)
            also: Tree = {"events.act": act}
            if key == "reliability":  # an act of a policy lowers none
                also["players"] = {}
            number = float(kind.fields[key].value)
            if key == "spreads" and intent <= 0:  # as its text says, only what is a threat spreads
                also[f"event_kinds.{name}.intent"] = 0.3
            yield path, one(path, 0.999 * number or 0.001, also)


@pytest.mark.long
@pytest.mark.parametrize("case", [pytest.param(case, id=path) for path, case in of_types()])
def test_every_number_of_every_type_changes_a_result(bench: Bench, case: Changes) -> None:
    assert bench.digest(case.also | case.values) != bench.digest(case.also)


@cases(Named)
def test_what_changes_nothing_is_told_by_its_name(bench: Bench, case: Named) -> None:
    scenario, problems = check_scenario(bench.written(case.values))
    assert scenario is not None, problems
    told = [problem for problem in problems if problem.code == IDLE]
    assert case.path in [problem.path for problem in told]
    assert all(problem.line > 1 for problem in told)


@cases(Refused)
def test_what_could_change_nothing_is_refused(bench: Bench, case: Refused) -> None:
    with pytest.raises(ScenarioError) as caught:
        bench.load(case.values)
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == (case.code, case.path)
    assert problem.suggestion or problem.allowed
