"""What a scenario is: one frozen, complete value that every later room reads.

A file gives part of it; `load` lays that part over the shipped defaults and the
theory's preset, and validates the whole here: nothing later does so again. Dates are
`datetime.date`, distances km, money billions of US dollars, people millions, rates per
year. States are ISO3 codes, never positions."""

# Annotations are not postponed here: pydantic would evaluate the text of each.
import math
import operator
from collections.abc import Callable, Mapping
from datetime import date
from itertools import pairwise, permutations
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    create_model,
    model_validator,
)

from balance_sim.scenario.actors import FREE_CODE, Names
from balance_sim.scenario.defaults import (
    DEFAULT_PRESET,
    accession_rate,
    default_weights,
    is_term,
    presets,
    weights_under,
)
from balance_sim.scenario.diagnostics import listed, refusal, shown, unknown
from balance_sim.scenario.fields import (
    ActorCode,
    ActorCodes,
    AgreementType,
    Day,
    Elasticity,
    EventType,
    GroupName,
    HalfLife,
    HeededType,
    Identifier,
    Identifiers,
    Members,
    Nats,
    NatsPerUnit,
    NonNegative,
    OutsideCodes,
    Positive,
    Quarrel,
    Rate,
    RequiredText,
    Shape,
    StateCode,
    StateCodes,
    StepDays,
    Strict,
    Text,
    Unit,
    Weight,
    WithActors,
    by_name,
    by_names,
    given_once,
    in_order,
)
from balance_sim.scenario.players import Player
from balance_sim.scenario.vocabulary import AGREEMENT_STATUSES, NON_BINDING

SCHEMA_VERSION = 1
NEED_COMPANY = ("joint_summit", "exercise", "treaty", "fighting_together")
MEASURES = {"gdp_bn": "gdp", "milex_bn": "milex", "population_m": "population"}
"""Measures of capability, and the weight of each in the composite."""
STAGES = ("opened", "signed", "in_force", "ended")
"""Dates of an agreement, in the order in which they come."""
NOT_WITH = {
    "talks": ("signed", "in_force", "ended"),
    "signed": ("in_force", "ended", "scheduled_signed"),
    "in_force": ("ended", "scheduled_signed", "scheduled_in_force"),
    "collapsed": ("in_force", "scheduled_signed", "scheduled_in_force"),
    "ended": ("scheduled_signed", "scheduled_in_force"),
}
"""Dates that an agreement of a status cannot have."""

TERMS = tuple(default_weights())
SIGNAL_ORDER = (
    *("statement", "visit", "joint_summit", "exercise", "arms_or_basing"),
    *("treaty", "fighting_together"),
)

MOST_A_YEAR = 1e6


def _preset(name: object) -> object:
    """The name of a theory."""
    if isinstance(name, str) and name not in presets():
        raise refusal("E211", *unknown("theory", name, presets()))
    return name


def _term(name: str) -> str:
    """The name of a term of willingness."""
    if not is_term(name):
        raise refusal("E101", *unknown("term", name, TERMS))
    return name


def _with_default(attention: dict[str, float]) -> dict[str, float]:
    """Attention by kind of event, in full where nothing is said."""
    return {"default": 1.0, **by_name(attention)}


class SectionRow(WithActors):
    """An item of a section: its fields hold numbers, text, dates and tuples of them, so
    nothing in it can change.

    KEYS: fields that name a row: its id, or its dyad,
    which IS_DIRECTED where it is another one with its states exchanged. ORDER: fields
    by which rows are sorted, if by others than KEYS."""

    SECTION: ClassVar[str] = ""
    KEYS: ClassVar[tuple[str, ...]] = ("id",)
    IS_DIRECTED: ClassVar[bool] = False
    ORDER: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def key_of(cls, value: Callable[[str], Any]) -> str:
        """What names a row in a key path: `JPN`, `parade` or `CHN-JPN`; empty where
        that cannot be told. value: of the row, by the name of a field."""
        if len(cls.KEYS) == 1:
            word = value(cls.KEYS[0])
            return word if isinstance(word, str) else ""
        words = [value(name) for name in cls.KEYS]
        try:
            return "-".join(words if cls.IS_DIRECTED else sorted(words))
        except TypeError:
            return ""

    @property
    def key(self) -> str:
        """What names it in a key path."""
        values = self.__dict__
        return values.get("id") or self.key_of(values.__getitem__)

    @property
    def path(self) -> str:
        """Its key path, as `events.parade`."""
        return f"{self.SECTION}.{self.key}"


def sorted_rows[Row: SectionRow](rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Rows in the order in which a scenario holds them; dates that are blank first."""
    return tuple(
        sorted(
            rows,
            key=lambda row: [
                getattr(row, name) or date.min for name in row.ORDER or row.KEYS
            ],
        )
    )


def _each_key_once[Row: SectionRow](rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Rows sorted, each id once, and each dyad, whatever the order of its states."""
    keys: set[str] = set()
    for place, key in enumerate(row.key for row in rows):
        if key in keys:
            is_id = rows[place].KEYS == ("id",)
            code, field = ("E015", f"[{place}].id") if is_id else ("E308", f"[{place}]")
            raise refusal(code, f"`{key}` is given already", field=field)
        keys.add(key)
    return sorted_rows(rows)


IN_ORDER = AfterValidator(sorted_rows)
ONCE_EACH = AfterValidator(_each_key_once)


class State(SectionRow):
    """One state of the roster. A blank is missing, never 0; what a term does then
    stands in docs/model.md.

    `nuclear_since`: from when it has nuclear weapons; blank: it has none at the
    start."""

    SECTION = "states"
    ROLES = {"patrons": ("id",)}
    id: Annotated[Identifier, by_names(Names.check_new)]
    name: Text = ""
    gdp_bn: Annotated[float, Field(ge=0.0, le=1e6)] | None = None
    milex_bn: Annotated[float, Field(ge=0.0, le=1e5)] | None = None
    population_m: Annotated[float, Field(ge=0.0, le=1e5)] | None = None
    capability: NonNegative | None = None
    democracy: Unit | None = None
    ideal_point: Annotated[float, Field(ge=-10, le=10)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    reliability: Unit = 1.0
    autonomy: NonNegative = 0.0
    propensity: Weight = 0.0
    propensity_declarations: Weight = 0.0
    nuclear_since: Day | None = None
    patrons: StateCodes = ()
    source: Text = ""
    guesses: Text = ""

    def check(self) -> None:
        """A code that ISO leaves to its users has a name. Latitude and longitude come
        together: a distance needs both. Without a measure of capability it has no share
        of any."""
        if FREE_CODE.fullmatch(self.id) and not self.name:
            hint = "an invented state needs a `name`; real ones have ISO3 codes"
            raise refusal("E301", f"unknown state `{self.id}`", hint, field="id")
        for name, partner in permutations(("latitude", "longitude")):
            if getattr(self, name) is None and getattr(self, partner) is not None:
                why = f"`{name}` is required beside `{partner}`"
                raise refusal("E103", why, field=name, place=partner)
        names = ("capability", *MEASURES)
        if all(getattr(self, name) is None for name in names):
            raise refusal("E216", f"give one of {listed(names)}", place="id")


class Dyad(SectionRow):
    """A row of two states, in either order."""

    KEYS: ClassVar[tuple[str, ...]] = ("a", "b")
    a: StateCode
    b: StateCode


class Dispute(Dyad):
    """Quarrel between two states, each part an intensity 0..1. Undirected: one row a
    pair."""

    SECTION = "disputes"
    rivalry: Unit = 0.0
    claim: Unit = 0.0
    militarised: Unit = 0.0
    war: Unit = 0.0
    source: Text = ""


class Apart(Dyad):
    """Two states that are at war or have no relations, from 00:00 of `from` to 00:00 of
    `until`; blank: open to that side. Undirected; one row a spell and kind."""

    SECTION = "no_relations"
    KEYS = ("a", "b", "kind")
    ORDER = ("a", "b", "kind", "from")
    kind: Literal["war", "no_diplomatic_relations", "not_recognised", "sanctions"]
    until: Day | None = None
    source: Text = ""

    @property
    def since(self) -> date | None:
        """The first day of the spell, `from` in files; None: it began before the
        start."""
        day: date | None = getattr(self, "from")
        return day


if TYPE_CHECKING:
    NoRelations = Apart
else:  # `from` is no name that a class body can give a field
    NoRelations = create_model(
        "NoRelations",
        __base__=Apart,
        __module__=__name__,
        **{"from": (Day | None, None)},
    )


class Distance(Dyad):
    """Minimum distance of a pair where it is known better than from the capitals."""

    SECTION = "distances"
    km: Annotated[float, Field(ge=0.0, le=20_100.0)]
    source: Text = ""


class Trade(SectionRow):
    """Share of `state`'s trade that it does with `partner`. Directed; a pair without a
    row is missing."""

    SECTION = "trade"
    KEYS = ("state", "partner")
    IS_DIRECTED = True
    state: StateCode
    partner: StateCode
    share: Unit
    source: Text = ""


class Frailty(Dyad):
    """Factor on the rate at which a dyad finds opportunities, of all kinds and in every
    arm; 1 without a row.

    `shape`: of the gamma distribution of which it is the mean; blank where it is taken
    as known."""

    SECTION = "frailties"
    factor: Annotated[float, Field(ge=1e-6, le=1e3)]
    shape: Positive | None = None
    source: Text = ""


class Agreement(SectionRow):
    """An agreement on record at the start: in force, signed, in talks, scheduled, or
    over.

    `scheduled_signed`, `scheduled_in_force`: dates fixed beforehand, the same in every
    arm."""

    SECTION = "accords"
    id: Identifier
    a: StateCode
    b: StateCode
    kind: AgreementType
    name: Text = ""
    status: Literal["talks", "signed", "in_force", "collapsed", "ended"]
    opened: Day | None = None
    signed: Day | None = None
    in_force: Day | None = None
    ended: Day | None = None
    scheduled_signed: Day | None = None
    scheduled_in_force: Day | None = None
    precision: Literal["day", "month", "year"] = "day"
    multilateral: Annotated[bool, Field(strict=False)] = False
    source: Text = ""
    confidence: Text = ""
    note: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _with_our_status(cls, values: Any) -> Any:
        """With our status for another source's, and what that implies."""
        status = values.get("status") if isinstance(values, dict) else None
        if not isinstance(status, str) or status not in AGREEMENT_STATUSES:
            return values
        implied = {"status": AGREEMENT_STATUSES[status]}
        if status == NON_BINDING:
            implied["kind"] = "political_declaration"
            implied["in_force"] = values.get("in_force") or values.get("signed")
        return values | implied

    def check(self) -> None:
        """It has the dates that its status needs and no others, in order.

        A date that is scheduled stands for one that has not come. Of an agreement that
        is known to the year only years are compared."""
        status = self.status
        if status in ("signed", "ended") and getattr(self, status) is None:
            why = f"`{status}` is required with status `{status}`"
            raise refusal("E103", why, field=status, place="status")
        for name in NOT_WITH[status]:
            if getattr(self, name) is not None:
                why = f"an agreement with status `{status}` has no `{name}` date"
                hint = f"a date fixed beforehand is `scheduled_{name}`"
                is_fixed = name in STAGES[1:3]
                raise refusal("E215", why, hint if is_fixed else "", field=name)
        dates = (
            ("opened", self.opened),
            ("signed", self.signed or self.scheduled_signed),
            ("in_force", self.in_force or self.scheduled_in_force),
            ("ended", self.ended),
        )
        digits = ("year", "month", "day").index(self.precision) + 1
        dated = [(name, day) for name, day in dates if day is not None]
        for (earlier, day), (later, later_day) in pairwise(dated):
            if later_day.timetuple()[:digits] < day.timetuple()[:digits]:
                why = f"`{later}` {later_day} is before `{earlier}` {day}"
                field = later if getattr(self, later) else f"scheduled_{later}"
                raise refusal("E215", why, "", " <= ".join(STAGES), field=field)


class Event(SectionRow):
    """A dated act. Roles: principals act together; guests are seen with them; targets
    are acted at.

    `sign` -1 turns the alignment weight round (a public rebuff); 0 shows nobody
    together, whatever the roles."""

    SECTION = "events"
    ORDER = ("date", "id")
    ROLES = {
        "principals": ("guests",),
        "guests": ("principals",),
        "targets": ("principals", "guests"),
    }
    id: Identifier
    date: Day
    kind: EventType
    label: Text = ""
    visibility: Unit = 1.0
    principals: ActorCodes = Field(min_length=1)
    guests: ActorCodes = ()
    host: ActorCode | None = None
    targets: ActorCodes = ()
    sign: Annotated[int, Field(ge=-1, le=1)] = 1
    accord: Identifier | None = None
    kept: Annotated[bool, Field(exclude_if=operator.not_)] = False
    source: Text = ""
    confidence: Text = ""
    note: Text = ""

    def check(self) -> None:
        """Nobody meets alone: a summit, an exercise or a treaty takes two."""
        actors = {*self.principals, *self.guests, *self.targets, self.host}
        if self.kind in NEED_COMPANY and len(actors - {None}) < 2:
            why = f"at least 2 take part in an event of kind `{self.kind}`"
            raise refusal("E212", why, "add guests or targets", field="principals")


class TargetsCoding(SectionRow):
    """Another coding of the focal event's targets (those who take part left out); the
    event's own has what is left."""

    SECTION = "targets_alternatives"
    ROLES = {"targets": ()}
    id: Identifier
    targets: ActorCodes = ()
    weight: Annotated[float, Field(gt=0.0, lt=1.0)]
    source: Text


class Provocation(SectionRow):
    """A hazard: `state` commits an act of `kind` at `targets` at `rate` a year, on a
    clock of its own."""

    SECTION = "provocations"
    ROLES = {"targets": ("state",)}
    id: Identifier
    state: StateCode
    kind: EventType
    targets: ActorCodes = Field(min_length=1)
    rate: Annotated[float, Field(ge=0.0, le=10_000.0)]
    visibility: Unit = 1.0
    source: Text = ""


class Audience(WithActors):
    """Who reads the news alike. `attention` -1..1 by kind of event; `default` for kinds
    not named."""

    ROLES = {"members": ()}
    members: StateCodes = ()
    attention: Annotated[
        dict[HeededType, Annotated[float, Field(ge=-1.0, le=1.0)]],
        AfterValidator(_with_default),
    ] = Field(default={}, validate_default=True)


class AgreementKind(Strict):
    """A rung. `depth`: support promised. `calm`: how far it lowers perceived intent.
    Lags in days, gamma.

    `security`: a binding agreement on security; one that is not counts as a
    declaration. `at_once`: share that takes effect at signature; `force_days`,
    `force_shape`: lag of the others."""

    security: bool = True
    depth: Unit
    calm: Unit
    ceiling: Annotated[float, Field(gt=0.0, le=24.0)]
    intercept: Weight
    talks_days: Positive
    talks_shape: Shape
    at_once: Unit = 0.0
    force_days: NonNegative
    force_shape: Shape
    reaction: Elasticity = 0.32


class EventKind(Strict):
    """Signed weights in nats at visibility 1; `half_life_days` null means it does not
    fade."""

    alignment: Annotated[float, Field(ge=-20, le=20)]
    intent: Annotated[float, Field(ge=-20, le=20)]
    reliability: Annotated[float, Field(ge=-20, le=20)] = 0.0
    half_life_days: Positive | None
    spreads: Unit = 0.0


class CapabilityWeights(Strict):
    """Weights of the shares in the composite; used where the states give no
    `capability` of their own."""

    gdp: NonNegative
    milex: NonNegative
    population: NonNegative

    @model_validator(mode="after")
    def _of_one(self) -> Self:
        """They make 1, so that capabilities are shares of all."""
        total = math.fsum((self.gdp, self.milex, self.population))
        if abs(total - 1.0) > 1e-9:
            raise refusal("E213", f"sum is {total:.12g}; must be 1 +- 1e-9")
        return self


class Parameters(Strict):
    """Numbers of the rules. Every one has its source in defaults.yaml: see `balance-sim
    parameters`."""

    alpha0: Nats
    alpha_x: NatsPerUnit
    alpha_acc: NonNegative
    eta0: Nats
    eta_x: NatsPerUnit
    eta_rivalry: Quarrel
    eta_claim: Quarrel
    eta_militarised: Quarrel
    eta_war: Quarrel
    eta_no_relations: Quarrel
    eta_acc: NonNegative
    prior_tension: Annotated[float, Field(ge=0.0, le=100.0)]
    delta_km: Positive
    gamma: NonNegative
    beta: Unit
    nuclear_offence: Annotated[float, Field(ge=1.0, le=100.0)]
    s0: NonNegative
    tau: Unit
    gain_floor: Annotated[float, Field(ge=1e-9, le=1.0)]  # ln(gain) spans 21 nats
    d0_km: Positive
    experience_half_life_days: HalfLife
    activity_half_life_days: HalfLife
    collapse_rate: Rate
    end_rate: Rate
    effort_max: NonNegative
    effort_years: Positive
    factor_war: Unit
    factor_no_relations: Unit
    factor_not_recognised: Unit
    factor_sanctions: Unit
    eta_relative: Unit
    spread_near: Unit
    spread_ally: Unit
    spread_quarrel: Unit
    effort_reaction: Elasticity
    alarm_floor: Annotated[float, Field(ge=1e-6, le=1.0)]


class Theory(Strict):
    """Which terms of willingness count, whether hostility is told apart (threat) or not
    (power), and how acts weigh.

    signal_cost: share of the weights of costly signals that follows from what they cost
    (`news.signal_weights`); not dumped where it is 0, so that a scenario without it
    keeps the sha256 it had."""

    preset: Annotated[Identifier, BeforeValidator(_preset)] = DEFAULT_PRESET
    equal_hostility: Quarrel | None = None
    signal_cost: Annotated[Unit, Field(exclude_if=operator.not_)] = 0.0
    weights: Annotated[
        dict[Annotated[str, AfterValidator(_term)], Weight], AfterValidator(by_name)
    ]

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, values: Any, info: ValidationInfo) -> Any:
        """With every weight that a file does not give from its preset."""
        if not (isinstance(values, dict) and isinstance(info.context, Names)):
            return values
        name = str(values.get("preset", DEFAULT_PRESET))
        chosen, weights = presets().get(name, {}), values.get("weights", {})
        if isinstance(weights, dict) and chosen:
            weights = {**weights_under(name), **weights}
        return {**chosen, **values, "weights": weights}


class Calibration(Strict):
    """What `balance-sim evidence calibrate` found from the scenario's own record,
    beside intercepts, propensities and frailties.

    weights: of terms, as calibrated. level_variance: of the mean-one gamma factor of a
    year's level. `names` are key paths, `covariance` their posterior covariance, row by
    row."""

    file: Text = ""
    data_sha256: Text = ""
    weights_sha256: Text = ""
    weights: Annotated[dict[str, Weight], AfterValidator(by_name)] = {}
    level_variance: Annotated[float, Field(ge=0.0, le=100.0)] = 0.0
    names: tuple[Annotated[str, Field(max_length=200)], ...] = ()
    covariance: tuple[Weight, ...] = ()


class Posterior(Strict):
    """Where the joint draws of the scenario's parameters lie, and what they were drawn
    for.

    file: the head that `balance-sim evidence posterior` wrote. draws: the table beside
    it, gzipped CSV, a line a key path and a column a draw; sha256: of its text.
    scenario_sha256, priors_sha256: of what they follow from. values: by key path the
    draws' means, which the scenario uses where its file gives none. headline: what is
    not known of the headline effect, worked out for one form (`effect_draws`). table:
    itself, base64, in a study."""

    file: Text = ""
    command: Text = ""
    draws: Text = ""
    count: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    sha256: Text = ""
    scenario_sha256: Text = ""
    priors_sha256: Text = ""
    values: dict[str, float] = {}
    headline: dict[str, Any] = {}
    table: Annotated[str, Field(max_length=1 << 25)] = ""


class GivenAgreement(Dyad):
    """An agreement that is signed on a day, whatever its two sides would decide.
    `in_force` blank: after the lag of its kind."""

    kind: AgreementType
    in_force: Day | None = None


def _form_of_agreement(value: object) -> str:
    """The tag of an agreement of the record, by its id, or of one that is given."""
    return "[id]" if isinstance(value, str) else "[terms]"


FORMS_OF_CHANGE = ("war", "no_relations", "agreement", "joins", "state")
FACTS_OF_STATE = ("democracy", "ideal_point", "reliability", "effort")


class Change(SectionRow):
    """What is so from 00:00 of `date` on. One of: two states at war or not, or without
    relations; an agreement that is signed, or one of the record that ends; a state that
    joins a pact, or the members of a group, in agreements of a kind; facts of a state.

    `until`: the day on which a war or a spell without relations is over. `effort`: rise
    of its capability that the state has decided on."""

    SECTION = "changes"
    ORDER = ("date",)
    date: Day
    dyad: tuple[StateCode, StateCode] | None = None
    war: bool | None = None
    no_relations: (
        Literal["no_diplomatic_relations", "not_recognised", "sanctions"] | None
    ) = None
    until: Day | None = None
    agreement: (
        Annotated[
            Annotated[GivenAgreement, Tag("[terms]")]
            | Annotated[Identifier, Tag("[id]")],
            Discriminator(_form_of_agreement),
        ]
        | None
    ) = None
    ended: bool = False
    pact: Identifier | None = None
    joins: StateCode | None = None
    kind: AgreementType = "defence_pact"
    state: StateCode | None = None
    democracy: Unit | None = None
    ideal_point: Annotated[float, Field(ge=-10, le=10)] | None = None
    reliability: Unit | None = None
    effort: Annotated[float, Field(ge=-0.9, le=10.0)] | None = None
    source: Text = ""

    def check(self) -> None:
        """One form, with what belongs to it."""
        forms = [name for name in FORMS_OF_CHANGE if getattr(self, name) is not None]
        if len(forms) != 1:
            why = f"a change has one of {listed(FORMS_OF_CHANGE)}, not {len(forms)}"
            hint = "write each change as a row of its own" if forms else "add one"
            raise refusal("E212", why, hint)
        needed = {"war": "dyad", "no_relations": "dyad", "joins": "pact"}.get(forms[0])
        if needed is not None and getattr(self, needed) is None:
            raise refusal("E103", f"`{needed}` is required beside `{forms[0]}`")
        if self.dyad is not None and self.dyad[0] == self.dyad[1]:
            raise refusal("E306", f"`{self.dyad[0]}` forms a dyad with itself")
        if self.until is not None and self.until <= self.date:
            raise refusal("E215", f"`until` {self.until} is not after {self.date}")
        if isinstance(self.agreement, str) and not self.ended:
            why = f"`{self.agreement}` is on record: it can only end"
            raise refusal("E212", why, "write `ended: true`, or a mapping")
        in_force = getattr(self.agreement, "in_force", None)
        if in_force is not None and in_force < self.date:
            raise refusal("E215", f"`in_force` {in_force} is before {self.date}")
        facts = [getattr(self, name) for name in FACTS_OF_STATE]
        if self.state is not None and all(fact is None for fact in facts):
            raise refusal("E103", f"one of {listed(FACTS_OF_STATE)} is required")

    @classmethod
    def key_of(cls, value: Callable[[str], Any]) -> str:
        """Its day, and what it is of."""
        agreement, words = value("agreement"), [value("date")]
        if isinstance(agreement, Mapping | GivenAgreement):
            row = dict(agreement)
            agreement = [row.get(name) for name in ("a", "b", "kind")]
        for part in (value("dyad"), agreement, value("joins"), value("state")):
            is_list = isinstance(part, list | tuple)
            words += sorted(map(str, part)) if is_list else [part]
        return "-".join(str(word) for word in words if word)

    @property
    def sides(self) -> tuple[str, str] | None:
        """The dyad, the lesser code first."""
        return None if self.dyad is None else (min(self.dyad), max(self.dyad))


class Pact(WithActors):
    """A pact of many that states may seek to join. `group`: whose members are its
    members at the start. `candidates`: who may seek it; blank: all others.

    `kind`: type of the agreement that binds a state that accedes to each member.
    `rate`: opportunities a year of each candidate."""

    ROLES = {"candidates": ()}
    group: Identifier
    kind: AgreementType = "defence_pact"
    consent: Literal["unanimity", "majority"] = "unanimity"
    candidates: StateCodes = ()
    rate: Rate = Field(default_factory=accession_rate)
    source: Text = ""


Changes = Annotated[tuple[Change, ...], Field(exclude_if=operator.not_), IN_ORDER]


class Arm(Strict):
    """One version of the world: the scenario without `drop`, with `add` and `changes`,
    with `set` laid over it."""

    title: Text = ""
    reference: bool = False
    drop: Identifiers = ()
    add: Annotated[tuple[Event, ...], IN_ORDER] = ()
    changes: Changes = ()
    set: Annotated[dict[str, object], AfterValidator(by_name)] = {}

    @property
    def is_as_written(self) -> bool:
        """Whether it is the scenario without any difference."""
        return not (self.drop or self.add or self.changes or self.set)


class Report(Strict):
    """What to count and for whom: windows in days from the focal date, groups by name.

    `positions`: of the focal event's host between two states, as `RUS-UKR: 0`; 1 with
    the first, -1 the second."""

    windows: Annotated[
        tuple[Annotated[int, Field(ge=1, le=3650)], ...],
        Field(min_length=1, max_length=100),
        AfterValidator(given_once),
        AfterValidator(in_order),
    ] = (30, 90, 365)
    groups: Identifiers = ()
    positions: dict[str, Annotated[float, Field(ge=-1.0, le=1.0)]] = {}


def _this_version(version: object) -> object:
    """The number of the schema, which is the one that this version reads."""
    if version != SCHEMA_VERSION or isinstance(version, bool):
        why = f"got `{shown(version)}`: this version reads {SCHEMA_VERSION}"
        raise refusal("E108", why, f"write `schema: {SCHEMA_VERSION}`")
    return version


class Versioned(Strict):
    """A file that says by which schema it is written."""

    schema_version: Annotated[Literal[1], BeforeValidator(_this_version)] = Field(
        alias="schema"
    )


class ScenarioHead(Strict):
    """The single values at the top of a file."""

    title: RequiredText
    question: Text = ""
    source: Text = ""
    notes: Text = ""
    start: Day
    end: Day
    step_days: StepDays
    focal: Identifier
    base_rate: Annotated[float, Field(gt=0.0, le=MOST_A_YEAR)] | None = None
    plugins: tuple[Identifier, ...] = ()


def _with_rest(
    audiences: dict[str, Audience], info: ValidationInfo
) -> dict[str, Audience]:
    """Audiences, sorted; `rest` takes the states that no other names."""
    members = [code for audience in audiences.values() for code in audience.members]
    twice = sorted({code for code in members if members.count(code) > 1})
    if twice:
        raise refusal("E306", f"{listed(twice)} in two audiences")
    unnamed: set[str] = {*getattr(info.context, "roster", ())} - {*members}
    if unnamed:
        others = audiences.get("rest", Audience())
        codes = tuple(sorted({*others.members, *unnamed}))
        audiences["rest"] = others.model_copy(update={"members": codes})
    return by_name(audiences)


def _costly(kinds: dict[str, EventKind]) -> dict[str, EventKind]:
    """Kinds of event, sorted, of which costly signals weigh more than the next cheaper
    ones, whatever their sign.

    That order is the theory of costly signals (Fearon 1997), on which draws of the
    weights rest too; weights of other kinds of event are free."""
    signals = [name for name in SIGNAL_ORDER if name in kinds]
    for weight in ("alignment", "intent"):
        sizes = {name: abs(getattr(kinds[name], weight)) for name in signals}
        for cheaper, name in pairwise(signals):
            if sizes[name] <= sizes[cheaper]:
                why = f"{sizes[name]:g} is not above `{cheaper}`, {sizes[cheaper]:g}"
                order = " < ".join(SIGNAL_ORDER)
                raise refusal("E219", why, "", order, field=f"{name}.{weight}")
    return by_name(kinds)


def _with_control(arms: dict[str, Arm]) -> dict[str, Arm]:
    """Arms, one of which is the control."""
    count = sum(arm.reference for arm in arms.values())
    if count != 1:
        why = f"exactly one arm has `reference: true`, got {count}"
        raise refusal("E111", why, "write it in the control arm")
    return arms


ANEW: Final = "anew"
"""Stands for a scenario whose level was asked for by `base_rate`."""


class Scenario(ScenarioHead):
    """A checked scenario with all its values, as `load_scenario` gives it. `name` is
    the file's name without its ending; `sha256` is that of the content, whatever its
    layout."""

    schema_version: Literal[1] = 1
    name: Identifier
    capability: CapabilityWeights
    states: Annotated[tuple[State, ...], Field(min_length=2), ONCE_EACH]
    outside: OutsideCodes = ()
    groups: Annotated[dict[GroupName, Members], AfterValidator(by_name)] = {}
    audiences: Annotated[dict[Identifier, Audience], AfterValidator(_with_rest)]
    disputes: Annotated[tuple[Dispute, ...], ONCE_EACH] = ()
    no_relations: Annotated[tuple[NoRelations, ...], IN_ORDER] = ()
    distances: Annotated[tuple[Distance, ...], ONCE_EACH] = ()
    trade: Annotated[tuple[Trade, ...], ONCE_EACH] = ()
    frailties: Annotated[tuple[Frailty, ...], ONCE_EACH] = ()
    accords: Annotated[tuple[Agreement, ...], ONCE_EACH] = ()
    events: Annotated[tuple[Event, ...], ONCE_EACH] = ()
    changes: Annotated[tuple[Change, ...], IN_ORDER] = ()
    pacts: Annotated[
        dict[Identifier, Pact],
        Field(exclude_if=operator.not_),
        AfterValidator(by_name),
    ] = {}
    players: Annotated[
        dict[Identifier, Player],
        Field(exclude_if=operator.not_),
        AfterValidator(by_name),
    ] = {}
    provocations: Annotated[tuple[Provocation, ...], ONCE_EACH] = ()
    targets_alternatives: Annotated[tuple[TargetsCoding, ...], ONCE_EACH] = ()
    kinds: Annotated[dict[Identifier, AgreementKind], AfterValidator(by_name)]
    event_kinds: Annotated[dict[Identifier, EventKind], AfterValidator(_costly)]
    parameters: Parameters
    theory: Theory
    arms: Annotated[
        dict[Identifier, Arm],
        Field(min_length=1),
        AfterValidator(_with_control),
    ]
    report: Report = Report()
    calibration: Calibration = Calibration()
    posterior: Posterior = Posterior()
    sha256: str = ""
    origin: Any = Field(default=None, exclude=True, repr=False)
    folder: str = Field(default="", exclude=True, repr=False)
    """Where the files stand that are read when they are asked for."""
    leveled: Any = Field(default=None, exclude=True, repr=False)
    """The scenario at whose start the level is solved, as it was before values were
    set; None: this one; ANEW: this one, whatever else is set.
    docs/decisions/0050-level-solved-once.md."""

    together: Any = Field(default=None, exclude=True, repr=False)
    """Codes of states that stand together in arrays, set by set; None: those that heed
    alike."""

    @property
    def level_source(self) -> Self | None:
        """The other scenario at whose start its level is solved; None where that is
        its own."""
        return self.leveled if isinstance(self.leveled, type(self)) else None

    @property
    def written(self) -> Any:
        """The scenario as its file has it, before any change: what classes are fixed
        from; or those classes (`model.classes`).

        It is no part of the content: copies, changed values, arms and points of a
        design keep it. A scenario that was built by hand is its own."""
        return self if self.origin is None else self.origin

    def counted_as(self, written: Any) -> Self:
        """A copy whose classes are those of another scenario, or these; None: its own,
        and its own level."""
        is_scenario = isinstance(written, Scenario)
        origin = written.written if is_scenario else written
        folder = self.folder or (written.folder if is_scenario else "")
        leveled = None if written is None else self.leveled
        update = {"origin": origin, "folder": folder, "leveled": leveled}
        return self.model_copy(update=update)

    def __eq__(self, other: object) -> bool:
        """The same content; what it was before it was changed does not count."""
        if not isinstance(other, Scenario):
            return False
        not_content = {"origin": None, "folder": None, "together": None}
        return {**self.__dict__, **not_content} == {**other.__dict__, **not_content}

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        size = f"{len(self.states)} states, {len(self.arms)} arms"
        span = f"{self.start} to {self.end}"
        return f"<Scenario {self.name}: {size}, {span}, sha256 {self.sha256[:8]}>"

    __str__ = __repr__

    @property
    def kept_headline(self) -> dict[str, Any]:
        """What its posterior keeps of the headline effect; empty where it keeps
        nothing, or that of another form of the scenario."""
        record = self.posterior.headline
        return record if record.get("scenario_sha256") == self.sha256 else {}

    @property
    def estimated_weights(self) -> dict[str, float]:
        """Weights of terms as the scenario was calibrated, or, of those that are drawn,
        the means of the draws."""
        head = "theory.weights."
        means = {
            path.removeprefix(head): mean
            for path, mean in self.posterior.values.items()
            if path.startswith(head)
        }
        return {**self.calibration.weights, **means}

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """Agreements on record, under way or scheduled; `accords` in files."""
        return self.accords

    @property
    def reference_arm(self) -> str:
        """The arm every effect is measured against."""
        return next(name for name, arm in self.arms.items() if arm.reference)

    @property
    def codes(self) -> tuple[str, ...]:
        """States' codes, sorted: the order of every array."""
        return tuple(state.id for state in self.states)
