"""Players of a scenario: policies, which act on what a player sees, as models and as a
file may write them: by name, in a list, or shipped ones by their names alone."""

# Annotations are not postponed here: pydantic would evaluate the text of each.
import re
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    create_model,
)

from balance_sim.scenario.actors import Names
from balance_sim.scenario.conditions import observables_in, parsed
from balance_sim.scenario.defaults import shipped_yaml
from balance_sim.scenario.diagnostics import Diagnostics, listed, refusal, unknown
from balance_sim.scenario.fields import (
    AgreementType,
    EventType,
    Identifier,
    Nats,
    NonNegative,
    StateCode,
    StateCodes,
    Strict,
    Text,
    Unit,
    WithActors,
    by_name,
    given_once,
    kind_named,
)
from balance_sim.scenario.nodes import REFUSED, Node, from_plain, merged
from balance_sim.scenario.vocabulary import AGREEMENT_KINDS

ROLES_OF_PLAYER = ("adversaries", "partners")
"""Words that stand for lists of a player's own, in what its policies see and do."""
MOST_POLICIES = 100


def _actor_or_role(value: object, info: ValidationInfo) -> object:
    """The name of a state, a group or a role of a player."""
    is_name = isinstance(value, str) and value not in ROLES_OF_PLAYER
    if is_name and isinstance(info.context, Names):
        info.context.check(value, groups=True)
    return value


def _readable(text: str, info: ValidationInfo) -> str:
    """A condition that can be read, of actors that there are."""
    for observable in observables_in(parsed(text)):
        if observable.who:
            _actor_or_role(observable.who, info)
    return text


def _days(value: object) -> object:
    """A number of days, from text such as `30 days`."""
    if isinstance(value, str) and value.endswith((" days", " day")):
        number = value.rsplit(" ", 1)[0]
        return float(number) if re.fullmatch(r"-?\d+(\.\d+)?", number) else value
    if isinstance(value, str) and value.endswith(("weeks", "months", "years")):
        why, hint = f"`{value}` is no number of days", "write days, as `30 days`"
        raise refusal("E201", why, hint)
    return value


SeenOrRoles = Annotated[
    tuple[Annotated[Identifier, BeforeValidator(_actor_or_role)], ...],
    AfterValidator(given_once),
]


def _sought(value: object, info: ValidationInfo) -> object:
    """`security`, or the name of an agreement type."""
    others = AGREEMENT_KINDS
    is_any = value == SECURITY
    return (
        value if is_any else kind_named(value, info, attribute="kinds", others=others)
    )


SECURITY = "security"
"""Stands for all agreement types that are security agreements."""
Sought = Annotated[Identifier, BeforeValidator(_sought)]
FORMS_OF_ACT = ("kind", "seek", "end", "effort", "stance")
LISTS_OF_ACT = ("targets", "guests", "with", "toward")
WHOM = {"seek": "with", "end": "with", "stance": "toward"}
"""Key that says with whom, by what a policy does."""
OF_FORM = {"kind": ("targets", "guests", "visibility"), "seek": ("nats",)}
"""Further keys that one form of an act alone has."""


class Deed(Strict):
    """What a policy does. One of: an event of a `kind`; an agreement type that is
    sought, `security` for all security agreements, or ended, `with` whom; a rise of
    effort; a stance, nats on its willingness to sign, `toward` whom.

    `nats`: how far a state that seeks agreements raises its willingness; blank: so far
    that it consents."""

    kind: EventType | None = None
    targets: SeenOrRoles = ()
    guests: SeenOrRoles = ()
    visibility: Unit = 1.0
    seek: Sought | None = None
    nats: Nats | None = None
    end: AgreementType | None = None
    effort: Annotated[float, Field(gt=0.0, le=10.0)] | None = None
    stance: Nats | None = None
    toward: SeenOrRoles = ()


def _one_form(deed: Any) -> Any:
    """One form, with what belongs to it."""
    forms = [name for name in FORMS_OF_ACT if getattr(deed, name) is not None]
    if len(forms) != 1:
        why = f"`do` has one of {listed(FORMS_OF_ACT)}, not {len(forms)}"
        empty, several = "say what it does", "write each as a policy of its own"
        raise refusal("E212", why, several if forms else empty)
    whom = WHOM.get(forms[0])
    for name in ("with", "toward"):
        if bool(getattr(deed, name)) != (name == whom):
            why = f"`{forms[0]}` has {'a' if name == whom else 'no'} list `{name}`"
            hint = "name states or groups" if name == whom else f"leave `{name}` out"
            raise refusal("E212", why, hint, place=forms[0])
    for form, names in OF_FORM.items():
        for name in names if form != forms[0] else ():
            if getattr(deed, name) != Deed.model_fields[name].default:
                why = f"`{forms[0]}` has no `{name}`: that is of `{form}`"
                raise refusal("E212", why, f"leave `{name}` out", field=name)
    return deed


if TYPE_CHECKING:
    Do = Deed
else:  # `with` is no name that a class body can give a field
    Do = create_model(
        "Do",
        __base__=Deed,
        __module__=__name__,
        **{"with": (SeenOrRoles, ())},
    )


class Policy(Strict):
    """What a player does when it sees something. `when`: in the language of
    `conditions`. `delay`: days from when that holds to the act. `cost`: of an act, in
    units of the player's own payoff. `at_most`: so many acts in a replication."""

    when: Annotated[str, AfterValidator(_readable)]
    do: Annotated[Do, AfterValidator(_one_form)]
    delay: Annotated[float, Field(ge=0.0, le=36_525.0), BeforeValidator(_days)] = 0.0
    cost: NonNegative = 0.0
    at_most: Annotated[int, Field(ge=0, le=100)] = 1
    source: Text = ""


class Player(WithActors):
    """A state that has policies. `adversaries`, `partners`: whom its policies may speak
    of by these words. `budget`: what its acts may cost in any 365 days."""

    ROLES = {"adversaries": ("state",), "partners": ("state",)}
    state: StateCode
    adversaries: StateCodes = ()
    partners: StateCodes = ()
    budget: NonNegative | None = None
    policies: Annotated[
        dict[Identifier, Policy],
        Field(max_length=MOST_POLICIES),
        AfterValidator(by_name),
    ] = {}

    def deed_of(self, policy: str) -> Deed:
        """What a policy does, with the codes of adversaries and partners where it
        speaks of these."""
        deed, codes = self.policies[policy].do, {}
        for key in LISTS_OF_ACT:
            codes[key] = tuple(
                code
                for name in getattr(deed, key)
                for code in (
                    getattr(self, name) if name in ROLES_OF_PLAYER else (name,)
                )
            )
        return deed.model_copy(update=codes)


# --- as files write them --------------------------------------------------------------


@cache
def ready_policies() -> dict[str, Node]:
    """The shipped policies by name."""
    return from_plain(shipped_yaml("policies.yaml")).fields


def with_policies_by_name(players: Node, problems: Diagnostics) -> Node:
    """The players with their policies as mappings by name, shipped ones laid below.

    problems: takes names of no policy, and those given twice."""
    named = {
        name: player.with_fields({"policies": _by_name(node, name, problems)})
        for name, player in players.fields.items()
        if (node := player.get("policies")) is not None
    }
    return players.with_fields(named) if named else players


def _by_name(policies: Node, player: str, problems: Diagnostics) -> Node:
    """A player's policies as a mapping."""
    path, rows = f"players.{player}.policies", dict(policies.fields)
    for position, item in enumerate(policies.items):
        named = item if isinstance(item.value, str) else item.get("id")
        place = f"{path}[{position}]"
        if named is None or not isinstance(named.value, str):
            why = "a policy in a list is a shipped one's name, or has an `id`"
            problems.add(item, place, "E103", why, "add `id`")
            return policies.with_value(REFUSED)
        if named.value in rows:
            why = f"`{named.value}` is given already"
            problems.add(named, f"{place}.id", "E015", why)
        if named is item and named.value not in ready_policies():
            texts = unknown("policy", named.value, ready_policies())
            problems.add(item, place, "E309", *texts)
            return policies.with_value(REFUSED)
        rows[named.value] = item.without("id") if item.fields else item.with_value({})
    if not (policies.items or isinstance(policies.value, dict)):
        return policies.with_value({}) if policies.value == [] else policies
    laid = {
        name: merged(ready_policies()[name], row) if name in ready_policies() else row
        for name, row in rows.items()
    }
    return policies.with_value(laid)
