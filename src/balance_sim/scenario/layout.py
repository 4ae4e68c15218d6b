"""What a scenario file is made of: sections, the fields of each, and other names for
them."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from balance_sim.scenario import schema
from balance_sim.scenario.schema import SectionRow, Strict


@dataclass(frozen=True, slots=True)
class Section:
    """A list of at most `row_limit` rows. `keys` name one: its id, or its dyad (in
    either order unless `directed`). `order`: of the fields by which rows are sorted."""

    model: type[SectionRow]
    row_limit: int
    keys: tuple[str, ...] = ("id",)
    directed: bool = False
    order: tuple[str, ...] = ("id",)

    def name(self, words: typing.Iterable[object]) -> str:
        """What names a row in a key path, by the values of its keys: `JPN`, `parade`,
        `CHN-JPN`."""
        texts = [str(word) for word in words]
        return "-".join(texts if self.directed else sorted(texts))

    def name_of(self, row: SectionRow) -> str:
        """What names a row in a key path."""
        if self.keys == ("id",):
            return str(row.id)  # type: ignore[attr-defined]
        return self.name(getattr(row, key) for key in self.keys)

    def sorted(self, rows: typing.Iterable[SectionRow]) -> tuple[typing.Any, ...]:
        """Rows in the order in which a scenario holds them; dates that are blank
        first."""
        return tuple(sorted(rows, key=self._place))

    def _place(self, row: SectionRow) -> tuple[object, ...]:
        return tuple([getattr(row, field) or date.min for field in self.order])


_DYAD = ("a", "b")
SECTIONS = {
    "states": Section(schema.State, 400),
    "disputes": Section(schema.Dispute, 20_000, _DYAD, order=_DYAD),
    "no_relations": Section(
        schema.NoRelations, 20_000, (*_DYAD, "kind"), order=(*_DYAD, "kind", "from")
    ),
    "distances": Section(schema.Distance, 50_000, _DYAD, order=_DYAD),
    "trade": Section(
        schema.Trade,
        50_000,
        ("state", "partner"),
        directed=True,
        order=("state", "partner"),
    ),
    "frailties": Section(schema.Frailty, 80_000, _DYAD, order=_DYAD),
    "accords": Section(schema.Agreement, 20_000),
    "events": Section(schema.Event, 5_000, order=("date", "id")),
    "provocations": Section(schema.Provocation, 1_000),
    "targets_alternatives": Section(schema.TargetsCoding, 20),
}
TABLES_OF: dict[str, type[Strict]] = {
    "kinds": schema.AgreementKind,
    "event_kinds": schema.EventKind,
    "audiences": schema.Audience,
    "arms": schema.Arm,
}
SINGLES: dict[str, type[Strict]] = {
    "capability": schema.CapabilityWeights,
    "parameters": schema.Parameters,
    "theory": schema.Theory,
    "report": schema.Report,
    "calibration": schema.Calibration,
    "posterior": schema.Posterior,
}
FROM_FILES = ("calibration", "posterior")
SETTABLE = {name: model for name, model in SINGLES.items() if name not in FROM_FILES}
PLAIN = tuple(schema.ScenarioHead.model_fields)
TOP = (
    "schema",
    "extends",
    *PLAIN,
    "outside",
    "groups",
    *SECTIONS,
    *TABLES_OF,
    *SINGLES,
)
REQUIRED = ("schema", "title", "start", "end", "focal", "states", "arms")
FIXED_IN_ARMS = (
    "schema",
    "extends",
    *PLAIN,
    *FROM_FILES,
    "arms",
    "report",
    "outside",
    "groups",
    "frailties",
    "targets_alternatives",
)

# --- how others name things -----------------------------------------------------------


def _meaning(names: Mapping[str, str]) -> dict[str, str]:
    """Our name for each of the others, which stand with spaces between them."""
    return {alias: name for name, aliases in names.items() for alias in aliases.split()}


OTHER_NAMES = _meaning(
    {
        "schema": "schema_version version",
        "question": "description",
        "start": "begin",
        "end": "horizon finish",
        "step_days": "step dt",
        "principals": "participants actors",
        "targets": "target",
        "guests": "guest",
        "host": "hosts",
        "kind": "type event_type",
        "id": "iso3 code country",
        "a": "iso3_a state_a",
        "b": "iso3_b state_b",
        "gdp_bn": "gdp gdp_usd_bn",
        "milex_bn": "milex",
        "population_m": "population pop",
        "latitude": "lat capital_lat",
        "longitude": "lon capital_lon",
        "ideal_point": "ideal",
        "democracy": "libdem",
        "precision": "signed_precision",
        "in_force": "entry_into_force",
        "accords": "agreements treaties",
        "states": "countries",
        "outside": "actors_outside",
        "half_life_days": "half_life",
        "reference": "baseline",
        "preset": "preset_name",
        "sha256": "hash",
        "table": "file",
        "drop": "delete remove",
    }
)
"""Names of fields that others use, and ours: told in the message, not taken."""
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


class Stage(typing.NamedTuple):
    """Our status for another's, and the kind it implies (None: whatever the row
    says)."""

    status: str
    kind: str | None = None


AGREEMENT_STATUSES = {
    "political_or_nonbinding": Stage("in_force", "political_declaration"),
    **dict.fromkeys(("signed_not_in_force", "signed_status_unknown"), Stage("signed")),
    **dict.fromkeys(
        ("initialled", "initialed", "negotiating", "under_negotiation"), Stage("talks")
    ),
    "in force": Stage("in_force"),
    **dict.fromkeys(("never_ratified", "never ratified", "failed"), Stage("collapsed")),
    **dict.fromkeys(("terminated", "expired"), Stage("ended")),
}


@cache
def homes() -> dict[str, tuple[str, ...]]:
    """Where each field belongs, by its name: for `visibility`, `events[]` and
    `provocations[]`."""
    models: dict[str, type[Strict]] = {
        **{f"{name}[]": section.model for name, section in SECTIONS.items()},
        **{f"{name}.NAME": model for name, model in TABLES_OF.items()},
        **SINGLES,
    }
    places: dict[str, list[str]] = {name: ["the top level"] for name in TOP}
    for place, model in models.items():
        for name in model.model_fields:
            places.setdefault(name, []).append(place)
    return {name: tuple(place) for name, place in places.items()}


# --- what a field holds ---------------------------------------------------------------


def _spread(annotation: object) -> list[object]:
    """An annotation with `Annotated`, unions, tuples and dicts taken apart: its types
    and its constraints."""
    origin = typing.get_origin(annotation)
    if origin is None:
        return [annotation]
    arguments = typing.get_args(annotation)
    if origin is typing.Annotated:
        return [*_spread(arguments[0]), *arguments[1:]]
    is_union = origin in (typing.Union, types.UnionType)
    pieces: list[object] = [] if is_union else [origin]
    for argument in arguments:
        pieces += _spread(argument)
    return pieces


@cache
def parts_of(model: type[Strict], name: str) -> tuple[object, ...]:
    """The types and the constraints of a field."""
    info = model.model_fields[name]
    return (*_spread(info.annotation), *info.metadata)


@cache
def cell_type(model: type[Strict], name: str) -> str:
    """What a table's cell holds for a field: `flag`, `list`, `number`, `day`,
    `text`."""
    types = parts_of(model, name)
    for python_type, label in (
        (tuple, "list"),
        (bool, "flag"),
        (float, "number"),
        (date, "day"),
    ):
        if python_type in types:
            return label
    return "number" if any(isinstance(part, int) for part in types) else "text"


@cache
def bounds(model: type[Strict], name: str) -> str:
    """The allowed range of a number, as `0..1` or `>0..92`; empty if there is none."""
    limits: dict[str, str] = {}
    for part in parts_of(model, name):
        for constraint in [part, *getattr(part, "metadata", ())]:
            for side in ("ge", "gt", "le"):
                limit = getattr(constraint, side, None)
                if limit is not None:
                    limits[side] = f"{limit:.12g}"
    low, high = limits.get("ge", ""), limits.get("le", "")
    if "gt" in limits:
        low = f">{limits['gt']}"
    if low and high:
        return f"{low}..{high}"
    if high:
        return f"up to {high}"
    return low if not low or "gt" in limits else f"{low} or more"
