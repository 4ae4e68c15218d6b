"""Policies in files: every form in which they may be written, what is refused, and where."""

import operator

import pytest
from balance_sim.scenario import arm_scenario, with_values
from balance_sim.scenario.conditions import Comparison, Joined, Lasting, Observable, Opposite, lasting_in, parsed
from balance_sim.scenario.diagnostics import report
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.scenario.players import ready_policies
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

TOP = "focal: summit\n"
PLAYERS = """players:
  china:
    state: CHN
    adversaries: [NATO, JPN]
    partners: [RUS]
    budget: 1.0
    policies:
      - id: answer
        when: insecurity > 0.05 for 60 days
        do: {kind: reassurance, targets: [JPN]}
        delay: 30 days
        cost: 0.2
        at_most: 3
      - reassure
"""

# text to replace in PLAYERS, its replacement, code, key path; the error stands where the replacement differs.
POLICY = "players.china.policies.answer"
BAD = [
    ("insecurity >", "mood >", "E211", f"{POLICY}.when"),
    ("insecurity >", "hostility >", "E222", f"{POLICY}.when"),
    ("insecurity >", "done(JPN) >", "E222", f"{POLICY}.when"),
    ("insecurity >", "threat(XXX) >", "E301", f"{POLICY}.when"),
    ("insecurity >", "threat(ITA) >", "E307", f"{POLICY}.when"),
    ("insecurity >", "threat(CHN) >", "E306", f"{POLICY}.when"),
    ("insecurity >", "change(day) >", "E211", f"{POLICY}.when"),
    ("insecurity >", "insecurity =", "E222", f"{POLICY}.when"),
    ("for 60 days", "for sixty days", "E222", f"{POLICY}.when"),
    ("for 60 days", "for 0 days", "E222", f"{POLICY}.when"),
    ("for 60 days", "for 60 days and", "E222", f"{POLICY}.when"),
    ("when: insecurity", "when: (insecurity", "E222", f"{POLICY}.when"),
    ("when: insecurity", f"when: {'(' * 30}insecurity", "E222", f"{POLICY}.when"),
    ("kind: reassurance", "kind: reasurance", "E211", f"{POLICY}.do.kind"),
    ("kind: reassurance", "kind: retrenchment", "E212", f"{POLICY}.do.kind"),
    ("targets: [JPN]", "targets: [CHN]", "E306", f"{POLICY}.do.targets"),
    ("targets: [JPN]", "targets: [ITA]", "E307", f"{POLICY}.do.targets[0]"),
    ("targets: [JPN]", "visibility: 0.5", "E212", f"{POLICY}.do.kind"),
    ("targets: [JPN]", "with: [JPN]", "E212", f"{POLICY}.do"),
    ("kind: reassurance, targets: [JPN]", "seek: security", "E212", f"{POLICY}.do"),
    ("kind: reassurance, targets: [JPN]", "effort: 0.1, visibility: 0.5", "E212", f"{POLICY}.do.visibility"),
    ("kind: reassurance, targets: [JPN]", "effort: 0.1, targets: [JPN]", "E212", f"{POLICY}.do.targets"),
    ("kind: reassurance, targets: [JPN]", "seek: security, with: [JPN], guests: [RUS]", "E212", f"{POLICY}.do.guests"),
    ("kind: reassurance, targets: [JPN]", "stance: 1, toward: [JPN], guests: [RUS]", "E212", f"{POLICY}.do.guests"),
    ("kind: reassurance, targets: [JPN]", "end: access, with: [JPN], nats: 1", "E212", f"{POLICY}.do.nats"),
    ("targets: [JPN]", "targets: [JPN], guests: [RUS]", "E212", f"{POLICY}.do.guests"),
    ("kind: reassurance, targets: [JPN]", "seek: defence_pct, with: [JPN]", "E211", f"{POLICY}.do.seek"),
    ("delay: 30 days", "delay: -30 days", "E203", f"{POLICY}.delay"),
    ("cost: 0.2", "cost: 1.2", "E203", f"{POLICY}.cost"),
    ("budget: 1.0", "budget: 0", "E203", f"{POLICY}.cost"),
    ("at_most: 3", "at_most: 1000", "E203", f"{POLICY}.at_most"),
    ("- reassure", "- reasure", "E309", "players.china.policies[1]"),
    ("- reassure", "- {id: answer, when: day > 1, do: {effort: 0.1}}", "E015", "players.china.policies[1].id"),
    ("- reassure", "- {when: day > 1, do: {effort: 0.1}}", "E103", "players.china.policies[1]"),
    ("adversaries: [NATO, JPN]", "adversaries: [CHN, JPN]", "E306", "players.china"),
    ("adversaries: [NATO, JPN]", "", "E103", "players.china.adversaries"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "path"), BAD, ids=[f"{row[2]} {row[1]:.30}" for row in BAD])
def test_what_is_refused_and_where(world, old, new, code, path) -> None:
    assert old in PLAYERS
    found = world.edit(TOP, TOP + PLAYERS.replace(old, new, 1)).errors()
    here = [one for one in found if (one.code, one.path) == (code, path)]
    assert here, report(found)
    assert here[0].suggestion or here[0].allowed, "no next step"
    first = world.line_of("players:")
    lines = world.text.splitlines()[first - 1 :]
    if "adversaries" not in old and "budget" not in old:
        wrong = next(n for n, (a, b) in enumerate(zip(lines, PLAYERS.splitlines(), strict=False)) if a != b)
        assert here[0].line == first + wrong, report(found)
    assert len(found) <= 3, report(found)


def test_a_wrong_condition_is_told_by_its_character(world) -> None:
    """`hostility` is the 23rd character; what stands behind it is of nobody."""
    condition = "insecurity > 0.05 and hostility > 1"
    found = world.edit(TOP, TOP + PLAYERS.replace("insecurity > 0.05 for 60 days", condition)).errors()
    assert [(one.code, one.line) for one in found] == [("E222", world.line_of("when:"))]
    assert f"character {condition.index('>', 20) + 1}:" in found[0].message


def test_the_forms_of_a_list_and_of_a_mapping_say_the_same(world) -> None:
    by_list = world.edit(TOP, TOP + PLAYERS).load()
    rows = PLAYERS.replace("- id: answer", "answer:").replace("        when", "          when")
    for key in ("do", "delay", "cost", "at_most"):
        rows = rows.replace(f"        {key}:", f"          {key}:")
    by_name = world.edit(PLAYERS, rows.replace("- reassure", "reassure: {}")).load()
    assert by_list == by_name and by_list.sha256 == by_name.sha256
    player = by_list.players["china"]
    assert player.adversaries == ("FRA", "JPN", "USA")  # groups stand for their members
    assert (player.policies["answer"].delay, player.policies["answer"].at_most) == (30.0, 3)
    assert player.policies["reassure"].when == ready_policies()["reassure"].value_of("when")


def test_what_a_file_gives_of_a_ready_policy_replaces_the_shipped_value(world) -> None:
    given_cost = PLAYERS.replace("- reassure", "- {id: reassure, cost: 0.3}")
    policy = world.edit(TOP, TOP + given_cost).load().players["china"].policies["reassure"]
    assert (policy.cost, policy.at_most) == (0.3, ready_policies()["reassure"].value_of("at_most"))


def test_arms_set_add_and_drop_policies(world) -> None:
    arms = (
        "  more: {drop: [summit], set: {players.china.policies.answer.at_most: 5, "
        "players.japan: {state: JPN, adversaries: [CHN], policies: [reassure]}}}\n"
        "  one: {set: {players.china.policies.answer.at_most: 0, "
        "players.china.policies.arm: {when: day > 3, do: {effort: 0.1}}}}\n"
        "  none: {set: {players: {}}}\n"
    )
    scenario = world.edit(TOP, TOP + PLAYERS).edit("arms:\n", f"arms:\n{arms}").load()
    assert arm_scenario(scenario, "none").players == {}
    more, one = (arm_scenario(scenario, name).players for name in ("more", "one"))
    assert more["china"].policies["answer"].at_most == 5 and more["japan"].adversaries == ("CHN",)
    assert {*one["china"].policies} == {"answer", "arm", "reassure"} and one["china"].policies["answer"].at_most == 0
    again = with_values(scenario, {"arms.none.title": "without policies"})
    assert arm_scenario(again, "more").players == more


def test_a_wrong_policy_of_an_arm_is_told_with_the_arm(world) -> None:
    arm = "  wrong: {set: {players.china.policies.answer.delay: -3}}\n"
    found = world.edit(TOP, TOP + PLAYERS).edit("arms:\n", f"arms:\n{arm}").errors()
    assert [(one.code, one.line) for one in found] == [("E203", world.line_of("  wrong:"))]


def test_a_scenario_without_players_has_the_digest_that_it_had(world) -> None:
    plain = world.load()
    assert "players" not in plain.model_dump()
    with_players = world.edit(TOP, TOP + PLAYERS).load()
    assert with_players.sha256 != plain.sha256
    without = with_values(with_players, {"players": {}}).counted_as(None)
    assert content_digest(without) == plain.sha256


# --- the language of conditions ---------------------------------------------------------------------------

NAMES = {"insecurity": 0.3, "effort": -0.1, "day": 40.0, "done": 2.0, "hostility(USA)": 0.7, "acts(North-1)": 3.0}
SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
SIDES = st.one_of(st.sampled_from(sorted(NAMES)), st.sampled_from(["0.3", "2", "-.5", "40.", "-1.25"]))
COMPARISONS = st.tuples(SIDES, st.sampled_from(sorted(SIGNS)), SIDES).map(" ".join)
TEXTS = st.recursive(
    COMPARISONS,
    lambda below: st.one_of(
        st.tuples(below, st.sampled_from(["and", "or"]), below).map(
            lambda parts: f"({parts[0]}) {parts[1]} {parts[2]}"
        ),
        below.map(lambda part: f"not ({part})"),
        st.lists(below, min_size=2, max_size=3).map(" or ".join),
        st.lists(COMPARISONS, min_size=2, max_size=3).map(" and ".join),
    ),
    max_leaves=6,
)


def value(side) -> float:
    if isinstance(side, float):
        return side
    return NAMES[f"{side.name}({side.who})" if side.who else side.name]


def held(condition) -> bool:
    if isinstance(condition, Comparison):
        return SIGNS[condition.sign](value(condition.left), value(condition.right))
    if isinstance(condition, Joined):
        return (all if condition.all else any)(map(held, condition.of))
    assert isinstance(condition, Opposite)
    return not held(condition.of)


@settings(deadline=None)
@given(TEXTS)
def test_a_condition_holds_where_python_says_that_it_does(text: str) -> None:
    """Words bind as in Python: `not`, then `and`, then `or`."""
    as_python = text
    for name, number in sorted(NAMES.items(), key=lambda item: -len(item[0])):
        as_python = as_python.replace(name, repr(number))
    assert held(parsed(text)) is eval(as_python)


@settings(deadline=None)
@given(st.text(alphabet="insecurity()<>=. 0123456789forandotdays-_", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    refused = []
    try:
        parsed(text)
    except PydanticCustomError as error:
        refused = [error.type]
    assert {*refused} <= {"E211", "E222"}


def test_for_days_belongs_to_what_stands_before_it() -> None:
    assert parsed("insecurity > 1e-3") == parsed("insecurity > 0.001")
    first = parsed("insecurity > 1 and threat(USA) > 2 for 30 days")
    assert isinstance(first, Joined) and isinstance(first.of[1], Lasting) and lasting_in(first) == 1
    both = parsed("(insecurity > 1 and change(threat(USA)) > 2) for 1 day")
    assert isinstance(both, Lasting) and both.days == 1.0 and lasting_in(both) == 1
    assert both.of.of[1].left == Observable("threat", "USA", change=True)  # type: ignore[union-attr]


def test_an_observable_is_written_as_a_condition_has_it() -> None:
    """Codes may be numbers, as those of the Correlates of War are."""
    for text in ("hostility(710)", "change(threat(USA))", "insecurity", "change(effort)"):
        comparison = parsed(f"{text} > 1")
        assert isinstance(comparison, Comparison) and str(comparison.left) == text
    assert parsed("hostility(710) > 1").left == Observable("hostility", "710")  # type: ignore[union-attr]
