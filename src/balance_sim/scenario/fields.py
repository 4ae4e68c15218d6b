"""Types of the fields of a scenario's models, and the two models on which all of them
rest: strict ones, and those that name actors.

What a field refers to is checked as it is read, by the names that the scenario defines
(`actors.Names`, the context of the validation)."""

# Annotations are not postponed here: pydantic would evaluate the text of each.
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Annotated, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from balance_sim.scenario.actors import Names
from balance_sim.scenario.diagnostics import listed, refusal, shown, unknown
from balance_sim.scenario.nodes import iso_date
from balance_sim.scenario.vocabulary import AGREEMENT_KINDS, EVENT_KINDS

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Text = Annotated[str, Field(max_length=10_000)]
RequiredText = Annotated[Text, Field(min_length=1)]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]
NonNegative = Annotated[float, Field(ge=0.0, le=1e9)]
Positive = Annotated[float, Field(ge=1e-6, le=1e9)]
Shape = Annotated[float, Field(ge=0.05, le=1000.0)]
Day = Annotated[date, BeforeValidator(iso_date)]
StepDays = Annotated[float, Field(ge=0.001, le=92.0)]
Weight = Annotated[float, Field(ge=-1e9, le=1e9)]
# What follows bounds what the rules raise e to, so that the largest sum of exponents
# stays below 709, where e^x ends: a belief before evidence is 50 + 20 x 5 (ideal points
# lie 20 apart at most) + 4 x 25 nats at most, evidence of all events 250 and of
# provocations and of policies 100 each (`model`). Beyond 40 nats a belief is as good as
# certain.
Nats = Annotated[float, Field(ge=-50.0, le=50.0)]
NatsPerUnit = Annotated[float, Field(ge=0.0, le=5.0)]
Quarrel = Annotated[float, Field(ge=0.0, le=25.0)]
Elasticity = Annotated[float, Field(ge=-5.0, le=5.0)]
Rate = Annotated[float, Field(ge=0.0, le=1000.0)]
HalfLife = Annotated[float, Field(ge=30.0, le=1e9)]  # a span is 1,000 of them at most


def in_order[Name: (str, int)](names: tuple[Name, ...]) -> tuple[Name, ...]:
    """The names sorted."""
    return tuple(sorted(names))


def by_name[Value](values: dict[str, Value]) -> dict[str, Value]:
    """The values sorted by their names."""
    return dict(sorted(values.items()))


def given_once[Name: (str, int)](
    names: tuple[Name, ...], code: str = "E015"
) -> tuple[Name, ...]:
    """Names as they are, each of which is given once. code: of the error else."""
    for place, name in enumerate(names):
        if name in names[:place]:
            raise refusal(code, f"`{shown(name)}` given twice", field=f"[{place}]")
    return names


def by_names(check: Callable[..., None], **may: bool) -> BeforeValidator:
    """A validator by what the scenario that is read defines; a value stays as it is.

    check: a method of `Names`; may: its options."""

    def validated(value: object, info: ValidationInfo) -> object:
        """The value, unless `check` refuses it; what can be no code, which is a name or
        a number, is left to the schema."""
        is_code = isinstance(value, str | int) and not isinstance(value, bool)
        if is_code and isinstance(info.context, Names):
            check(info.context, value, **may)
        return value

    return BeforeValidator(validated)


def _in_roster(codes: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    """Members of a group that are simulated, sorted; it may hold other states."""
    roster = getattr(info.context, "roster", codes)
    return tuple(sorted(code for code in codes if code in roster))


def kind_named(
    value: object, info: ValidationInfo, *, attribute: str, others: Mapping[str, str]
) -> object:
    """The name of a kind in our vocabulary, of the scenario that is read. others: ours
    by the names of other sources."""
    kinds = getattr(info.context, attribute, ())
    if not kinds or not isinstance(value, str) or value in kinds:
        return value
    if others.get(value) not in kinds:
        why, hint, _ = unknown("kind", value, [*kinds, *others])
        raise refusal("E211", why, hint, "" if hint else listed(kinds, 20))
    return others[value]


Identifiers = Annotated[tuple[Identifier, ...], AfterValidator(in_order)]
StateCode = Annotated[Identifier, by_names(Names.check)]
ActorCode = Annotated[Identifier, by_names(Names.check, outside=True)]
StateOrGroup = Annotated[Identifier, by_names(Names.check, groups=True)]
_ONCE = AfterValidator(partial(given_once, code="E306"))
StateCodes = Annotated[tuple[StateOrGroup, ...], _ONCE]
ActorOrGroup = Annotated[Identifier, by_names(Names.check, outside=True, groups=True)]
ActorCodes = Annotated[tuple[ActorOrGroup, ...], _ONCE]
OutsideCode = Annotated[Identifier, by_names(Names.check_outside)]
OutsideCodes = Annotated[
    tuple[OutsideCode, ...], AfterValidator(given_once), AfterValidator(in_order)
]
GroupName = Annotated[Identifier, by_names(Names.check_group)]
Member = Annotated[Identifier, by_names(Names.check_member)]
Members = Annotated[
    tuple[Member, ...], AfterValidator(given_once), AfterValidator(_in_roster)
]
AgreementType = Annotated[
    Identifier,
    BeforeValidator(partial(kind_named, attribute="kinds", others=AGREEMENT_KINDS)),
]
EventType = Annotated[
    Identifier,
    BeforeValidator(partial(kind_named, attribute="event_kinds", others=EVENT_KINDS)),
]
HeededType = Annotated[
    str, BeforeValidator(partial(kind_named, attribute="heeded", others={}))
]


class Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        defer_build=True,  # most are validated as a part of another, or not at all
    )


class WithActors(Strict):
    """What names actors: groups stand for their members, and two states of a dyad for
    each other.

    ROLES: fields that list actors, and the roles whose actors no group stands for
    there."""

    ROLES: ClassVar[dict[str, tuple[str, ...]]] = {}

    @model_validator(mode="after")
    def _resolved(self, info: ValidationInfo) -> Self:
        """With groups expanded, and the lesser code of a dyad first."""
        if not isinstance(info.context, Names):
            return self
        values = dict(self.__dict__)
        for role, others in self.ROLES.items():
            taken = [name for earlier in others for name in _listed(values[earlier])]
            values[role] = info.context.expanded(values[role], taken)
            if twice := listed(sorted({*values[role]} & {*taken})):
                raise refusal("E306", f"{twice} in two roles")
            is_needed = type(self).model_fields[role].is_required()
            if is_needed and not values[role] and info.context.is_whole:
                raise refusal("E212", f"`{role}` names no state of the scenario")
        a, b = [values.get(key, values.get(older_key)) for key, older_key in _DYADS]
        if a is not None and a == b:
            raise refusal("E306", f"`{a}` forms a dyad with itself", "name two states")
        if "a" in values and values["a"] > values["b"]:
            values |= {"a": values["b"], "b": values["a"]}
        row = self if values == self.__dict__ else self.model_copy(update=values)
        row.check()
        return row

    def check(self) -> None:
        """Raise the error of pydantic where two of its fields do not fit."""


_DYADS = (("a", "state"), ("b", "partner"))


def _listed(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """A code, or codes, as a tuple."""
    return value if isinstance(value, tuple) else (value,)
