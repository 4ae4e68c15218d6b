"""Codes of states: the table is sound, and a wrong code is explained."""

import re

import pytest
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.scenario import check_scenario, load_scenario, new_scenario
from balance_sim.scenario.actors import code_table, explain, is_invented, known
from balance_sim.show.wording import state_names


def test_codes_are_three_capitals_and_unique_in_every_system():
    table = code_table()
    assert len(table) > 250
    assert all(re.fullmatch(r"[A-Z]{3}", code) for code in table)
    for field in ("iso2", "numeric", "cow"):
        given = [getattr(entry, field) for entry in table.values() if getattr(entry, field)]
        assert len(given) == len(set(given)), field


def test_no_code_is_one_that_iso_leaves_to_its_users():
    assert {code for code in code_table() if is_invented(code)} == {"XKX"}
    assert is_invented("QMA") and is_invented("AAA") and is_invented("ZZZ")
    assert not is_invented("XXX") and not is_invented("QAT")


# Correlates of War Project 2017, State System Membership v2016; ISO 3166-1.
@pytest.mark.parametrize(
    ("code", "year", "valid"),
    [("SUN", 1950, True), ("SUN", 2020, False), ("SSD", 2005, False), ("SSD", 2011, True),
     ("DDR", 1989, True), ("DDR", 1991, False), ("RUS", 1950, True), ("BUR", 1950, True),
     ("MMR", 1950, True), ("YUG", 1940, True), ("SVK", 1940, True), ("CSK", 1993, False),
     ("USA", 1816, True)],
)  # fmt: skip
def test_years_in_which_a_state_existed(code, year, valid):
    assert (known(code, year) is None) == valid


@pytest.mark.parametrize(
    ("written", "code", "hint"),
    [
        ("NO", "E301", "`NOR`"),
        ("Burma", "E302", "`MMR`"),
        ("Germny", "E302", "`DEU`"),
        (99999, "E303", "ISO3 codes"),
        ("usa", "E301", "`USA`"),
    ],
)
def test_explanations(written, code, hint):
    found = explain(written, ())
    assert found[0] == code
    assert hint in found[2]


def test_a_state_that_does_not_exist_yet(world):
    world.edit("id: KOR, name: South Korea", "id: SSD, name: South Sudan").edit("start: 2025", "start: 2005")
    found = [one for one in check_scenario(world.path)[1] if one.code == "E304"]
    assert [one.path for one in found] == ["states.SSD.id"]


@pytest.mark.parametrize(("name", "accepted"), [("name: Ruritania, ", True), ("", False)])
def test_invented_states_must_be_named(world, name, accepted):
    figures = "gdp_bn: 1, milex_bn: 1, population_m: 1, latitude: 1, longitude: 1"
    world.edit("  - {id: KOR,", f"  - {{id: QRU, {name}{figures}}}\n  - {{id: KOR,")
    assert (world.check()[0] is not None) == accepted


def renamed(text):
    for code, word in (("XAR", "Arden"), ("XBE", "Belmar"), ("XCO", "Corvia"), ("XDO", "Dorn"), ("XEL", "el_2")):
        text = text.replace(f" {code}", f" {word}").replace(f"[{code}", f"[{word}")
    return text


def test_invented_states_go_by_words_of_ones_own(tmp_path):
    """The same world under other ids has the same expected effect; a word that nobody has is refused."""
    plain = new_scenario("mine", 2.0)
    paths = [tmp_path / "codes.yaml", tmp_path / "words.yaml"]
    for path, text in zip(paths, (plain, renamed(plain)), strict=True):
        path.write_text(text)
    codes, words = (load_scenario(path) for path in paths)
    assert words.codes == ("Arden", "Belmar", "Corvia", "Dorn", "el_2")
    assert expected_effect(words).effect == pytest.approx(expected_effect(codes).effect, rel=1e-9)
    paths[1].write_text(renamed(plain).replace("North: [Corvia", "North: [Corvai"))
    first = check_scenario(paths[1])[1][0]
    assert (first.code, first.suggestion) == ("E301", "use `Corvia`")
    bare = renamed(plain).replace("name: Arden (made up), ", "")
    paths[1].write_text(bare)
    assert state_names(load_scenario(paths[1]))["Arden"] == "Arden"
