"""What is in force on 1 January: each layer on frames built by hand, by dates on both sides of the boundary, and against
a second program that asks of one day."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest
from balance_sim.evidence.data import codes, layers
from balance_sim.evidence.data.table import Read, ReadReport

YEARS = np.arange(1990, 1996)
ENDLESS = 2100
NONE = ReadReport("nothing", "", 0, 0, None, None)

Row = tuple[object, ...]


def read(columns: str, rows: list[Row], last: int = ENDLESS) -> Read:
    """A source of these columns, of which `start` and `end` are dates, that covers the years to `last`."""
    frame = pd.DataFrame(rows, columns=columns.split())
    for name in {"start", "end"} & {*frame}:
        frame[name] = pd.to_datetime(frame[name])
    return Read(frame, ReadReport("by hand", "hand.csv", len(rows), len(rows), 1816, last))


def roster_of(*spells: tuple[int, str, str, str]) -> layers.Roster:
    """States of these spells: number, code, first day and last day (blank: none)."""
    table = pd.DataFrame(spells, columns=["cow", "iso3", "start", "end"]).assign(name="a state")
    table["start"] = pd.to_datetime(table["start"])
    table["end"] = pd.to_datetime(table["end"].replace("", str(codes.FOREVER.date())))
    iso3 = tuple(sorted({*table["iso3"]}))
    position = table.drop_duplicates("cow").set_index("cow")["iso3"].map(iso3.index).astype(np.int64)
    return layers.Roster(iso3, iso3, table, position)


def always(*numbers: int) -> layers.Roster:
    """States that there are throughout, in the order of their numbers."""
    return roster_of(*((number, f"S{number:02d}", "1900-01-01", "") for number in numbers))


FOUR = always(1, 2, 3, 4)


def by_year(values: layers.Floats, a: int, b: int) -> list[float]:
    """A dyad's values over the years, the same on both sides of the diagonal."""
    np.testing.assert_array_equal(values, values.transpose(0, 2, 1))
    return [float(value) for value in values[:, a, b]]


# --- states ---------------------------------------------------------------------------


def test_membership_by_the_day() -> None:
    """In 1991 and 1992, a leap year; the last day of a spell still counts."""
    states = roster_of(
        (1, "AAA", "1950-01-01", ""),
        (2, "BBB", "1991-12-31", ""),
        (3, "CCC", "1992-01-01", ""),
        (4, "DDD", "1992-01-02", ""),
        (5, "EEE", "1950-01-01", "1991-12-31"),
        (6, "FFF", "1950-01-01", "1992-01-01"),
        (7, "GGG", "1950-01-01", "1991-10-02"),
        (8, "GGG", "1991-10-03", ""),
        (9, "HHH", "1950-01-01", "1990-12-31"),
    )
    entry, leave = layers.membership(states, np.array([1991, 1992]))
    np.testing.assert_allclose(entry[0], [0, 364 / 365, 0, 0, 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(leave[0], [1, 1, 0, 0, 1, 1, 1, 0], atol=1e-12)
    np.testing.assert_allclose(entry[1], [0, 0, 0, 1 / 366, 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(leave[1], [1, 1, 1, 1, 0, 1 / 366, 1, 0], atol=1e-12)


def test_the_roster_has_whoever_is_a_member_on_some_day() -> None:
    """Czechoslovakia is a member to 31 December 1992, its two successors from 1 January 1993; Germany's two numbers share
    a place (COW 2016)."""
    for first, last, members in (
        (1992, 1992, {"CSK"}),
        (1993, 1993, {"CZE", "SVK"}),
        (1992, 1993, {"CSK", "CZE", "SVK"}),
    ):
        states = layers.roster(first, last)
        assert {*states.iso3} & {"CSK", "CZE", "SVK"} == members
        assert list(states.iso3) == sorted({*states.iso3}) and len(states.names) == states.size
    germany = layers.roster(1990, 1990)
    assert germany.position[255] == germany.position[260] == germany.iso3.index("DEU") != germany.position[265]
    assert 260 not in layers.roster(1991, 1991).position


def series(rows: list[Row], states: layers.Roster = FOUR, years: np.ndarray = YEARS) -> np.ndarray:
    """A series of state-years laid out, the same from rows in any order."""
    laid = layers.state_years(read("cow year value", rows), states, years)
    turned = layers.state_years(read("cow year value", rows[::-1]), states, years)
    np.testing.assert_array_equal(laid, turned)
    return laid


def test_a_series_is_known_a_year_late_and_carried_forward_for_five_years_never_back() -> None:
    """What 1989 says stands from 1 January 1990 on; that of 1984 in 1985 and the five years after it, that of 1983 no
    more in 1990."""
    found = series([(1, 1989, 0.1), (1, 1992, 0.4), (2, 1984, 0.2), (3, 1983, 0.3), (4, 1995, 0.7)])
    np.testing.assert_array_equal(found[:, 0], [0.1, 0.1, 0.1, 0.4, 0.4, 0.4])
    np.testing.assert_array_equal(found[:, 1], [0.2, *[np.nan] * 5])
    np.testing.assert_array_equal(found[:, 2], np.full(6, np.nan))
    np.testing.assert_array_equal(found[:, 3], np.full(6, np.nan))


def test_a_gap_in_a_series_is_what_was_before_it_and_no_zero() -> None:
    """A blank of 1991 and a year without a row are the same; nothing of 1994 is known before 1 January 1995."""
    rows: list[Row] = [(1, 1990, 0.1), (1, 1991, None), (1, 1994, 0.9)]
    np.testing.assert_array_equal(series(rows)[:, 0], [np.nan, 0.1, 0.1, 0.1, 0.1, 0.9])
    np.testing.assert_array_equal(series(rows)[:, 0], series([rows[0], rows[2]])[:, 0])


def test_a_new_member_has_its_first_year_s_value_until_one_is_known() -> None:
    """It joins in 1992: its own year's value stands in 1992, and in 1993 where 1992 has none, not in 1994; an earlier
    value, of before it was a member, goes before."""
    spells = [(1, "AAA", "1900-01-01", ""), *((k, f"N{k}", "1992-01-01", "") for k in (2, 3, 4))]
    states = roster_of(*spells)
    found = series(
        [(1, 1992, 0.5), (2, 1992, 0.1), (2, 1993, 0.2), (3, 1993, 0.3), (4, 1989, 0.4), (4, 1992, 0.6)], states
    )
    assert found[2:, 1].tolist() == [0.1, 0.1, 0.2, 0.2]
    np.testing.assert_array_equal(found[2:, 2], [np.nan, 0.3, 0.3, 0.3])
    assert found[2:, 3].tolist() == [0.4, 0.6, 0.6, 0.6]
    assert np.isnan(found[2, 0]) and found[3, 0] == 0.5
    late = series([(2, 1994, 0.3), (2, 1995, 0.4)], states)[:, 1]
    np.testing.assert_array_equal(late[2:], [np.nan, np.nan, np.nan, 0.3])


def test_a_state_that_comes_back_is_new_however_early_the_roster_begins() -> None:
    """Away from 1960 to 1992: the roster of all years says the same as one that begins after it left."""
    rows: list[Row] = [(1, 1992, 0.5), (1, 1993, 0.6), (2, 1992, 0.1), (2, 1993, 0.2), (2, 1955, 0.9)]
    back = (2, "BBB", "1992-03-01", "")
    whole = roster_of((1, "AAA", "1900-01-01", ""), (2, "BBB", "1900-01-01", "1960-05-01"), back)
    later = roster_of((1, "AAA", "1900-01-01", ""), back)
    np.testing.assert_array_equal(series(rows, whole)[2:], series(rows, later)[2:])
    assert series(rows, whole)[2:, 1].tolist() == [0.1, 0.1, 0.2, 0.2]


def test_of_two_numbers_in_one_place_that_which_lasts_to_the_end_of_the_year_counts() -> None:
    states = roster_of(
        (1, "AAA", "1950-01-01", "1990-10-02"), (2, "AAA", "1990-10-03", ""), (3, "BBB", "1950-01-01", "")
    )
    found = series([(1, 1989, 0.1), (1, 1990, 0.2), (2, 1990, 0.3), (3, 1989, 0.5)], states)
    assert found[:, 0].tolist() == [0.1, *[0.3] * 5] and found[0, 1] == 0.5
    held = roster_of((1, "AAA", "1950-01-01", "1990-12-31"), (2, "AAA", "1991-01-01", ""))
    assert series([(1, 1990, 0.2), (2, 1991, 0.3)], held)[1:, 0].tolist() == [0.2, *[0.3] * 4]


# --- distances ------------------------------------------------------------------------

SPELLS = "cow_a cow_b year_from year_to km"
CAPITALS = "cow start end latitude longitude"
EQUATOR: list[Row] = [(k, "1900-01-01", None, 0.0, 10.0 * k) for k in (1, 2, 3, 4)]
TEN_DEGREES = 6371.0 * np.pi / 18


def far(rows: list[Row], capitals: list[Row] = EQUATOR, years: np.ndarray = YEARS) -> np.ndarray:
    """Distances, the same from rows in any order and with the sides turned round."""
    given = read(CAPITALS, capitals)
    found = layers.distances(read(SPELLS, rows), given, FOUR, years)
    turned = [(b, a, *rest) for a, b, *rest in reversed(rows)]
    np.testing.assert_array_equal(found, layers.distances(read(SPELLS, turned), given, FOUR, years))
    assert not np.diagonal(found, axis1=1, axis2=2).any()
    return found


def test_distance_is_the_year_s_else_the_next_on_record_else_the_last() -> None:
    """Of 1 and 2 in each year; 1 and 3 are on the map from 1993 on; 1 and 4 to 1991; 2 and 3 from 1997 on, two
    years after the last, and 2 and 4 a year later, which is too late."""
    found = far(
        [
            (1, 2, 1980, 1991, 100.0), (1, 2, 1992, 1992, 200.0), (1, 2, 1993, 2019, 300.0),
            (1, 3, 1993, 2019, 400.0), (1, 4, 1980, 1991, 500.0), (2, 3, 1997, 2019, 600.0),
            (2, 4, 1998, 2019, 700.0),
        ]
    )  # fmt: skip
    assert by_year(found, 0, 1) == [100, 100, 200, 300, 300, 300]
    assert by_year(found, 0, 2) == [400] * 6
    assert by_year(found, 0, 3) == [500] * 6
    assert by_year(found, 1, 2) == [600] * 6
    assert by_year(found, 1, 3) == pytest.approx([2 * TEN_DEGREES] * 6, rel=2e-3)


def test_a_gap_in_distances_is_filled_by_what_follows() -> None:
    found = far([(1, 2, 1985, 1990, 100.0), (1, 2, 1994, 1994, 200.0)])
    assert by_year(found, 0, 1) == [100, *[200] * 5]


def test_a_distance_of_a_source_that_has_ended_goes_on_whenever_the_history_begins() -> None:
    """The last of two spells, and not that between capitals."""
    rows: list[Row] = [(1, 2, 1970, 1986, 100.0), (1, 2, 1980, 1985, 150.0), (1, 3, 1960, 1970, 200.0)]
    rows.append((1, 3, 1971, 1989, 250.0))
    early, late = far(rows, years=np.arange(1960, 1996)), far(rows, years=np.arange(1995, 1997))
    assert by_year(early, 0, 2)[-1] == by_year(late, 0, 2)[0] == 250.0
    assert by_year(early, 0, 1)[-1] == by_year(late, 0, 1)[0] == 100.0


def test_without_borders_distance_is_between_the_last_capitals_of_the_period() -> None:
    """State 2 moves its capital on the last day of 1995, state 3 on the day after; of 4 no place is known."""
    moved: list[Row] = [
        (1, "1900-01-01", None, 0.0, 0.0), (2, "1900-01-01", "1995-12-30", 0.0, 50.0), (2, "1995-12-31", None, 0.0, 10.0),
        (3, "1900-01-01", "1995-12-31", 0.0, 20.0), (3, "1996-01-01", None, 0.0, 60.0),
    ]  # fmt: skip
    for capitals in (moved, moved[::-1]):
        found = far([(1, 2, 1980, 2019, 7.0)], capitals)
        assert by_year(found, 0, 1) == [7.0] * 6
        assert by_year(found, 1, 2) == pytest.approx([TEN_DEGREES] * 6, rel=2e-3)
        assert by_year(found, 0, 2) == pytest.approx([2 * TEN_DEGREES] * 6, rel=2e-3)
        assert np.isnan(found[:, [0, 1, 2], [3, 3, 3]]).all()


# --- quarrels and alliances ----------------------------------------------------------


def test_contiguity_is_of_the_closest_type_and_goes_on_after_its_source() -> None:
    """1 and 2 by land to 1991, then by water; 1 and 3 in 1992 alone; 2 and 3 after the source's end: it says nothing."""
    rows: list[Row] = [
        (1, 2, 4, 1900, 2016), (1, 2, 1, 1900, 1991), (1, 2, 5, 1900, 2016),
        (1, 3, 2, 1992, 1992), (2, 3, 1, 1995, 2016),
    ]  # fmt: skip
    columns = "cow_a cow_b type year_from year_to"
    for given in (rows, rows[::-1]):
        found = layers.contiguity(read(columns, given, last=1994), FOUR, YEARS)
        assert by_year(found, 0, 1) == [1, 1, 4, 4, 4, 4]
        assert by_year(found, 0, 2) == [0, 0, 2, 0, 0, 0]
        assert by_year(found, 1, 2) == [0] * 6
    nothing = Read(read(columns, []).frame, NONE)
    assert np.isnan(layers.contiguity(nothing, FOUR, YEARS)).all()


def test_a_rivalry_counts_from_the_year_after_it_began_to_the_year_in_which_it_ended() -> None:
    rows: list[Row] = [
        (1, 2, 1991, 1993),
        (1, 3, 1950, None),
        (2, 3, 1992, 1992),
        (1, 4, 1950, 1989),
        (2, 4, 1995, None),
    ]
    found = layers.rivalries(read("cow_a cow_b year_from year_to", rows), FOUR, YEARS)
    assert by_year(found, 0, 1) == [0, 0, 1, 1, 0, 0]
    assert by_year(found, 0, 2) == [1] * 6
    assert not found[:, [1, 0, 1], [2, 3, 3]].any()


SIDES = "cow_a cow_b start end"
BOUNDARY = [
    ("1991-12-31", None, [0, 0, 1, 1, 1, 1]),
    ("1992-01-01", None, [0, 0, 0, 1, 1, 1]),
    ("1992-01-02", None, [0, 0, 0, 1, 1, 1]),
    ("1980-05-05", "1992-12-31", [1, 1, 1, 0, 0, 0]),
    ("1980-05-05", "1993-01-01", [1, 1, 1, 1, 0, 0]),
    ("1980-05-05", "1993-01-02", [1, 1, 1, 1, 0, 0]),
    ("1991-12-31", "1992-01-01", [0, 0, 1, 0, 0, 0]),
    ("1992-01-01", "1992-12-31", [0] * 6),
    ("1980-05-05", None, [1] * 6),
    ("1996-01-01", None, [0] * 6),
]


@pytest.mark.parametrize(("start", "end", "expected"), BOUNDARY)
def test_a_spell_counts_that_began_before_the_day_and_did_not_end_before_it(
    start: str, end: str | None, expected: list[float]
) -> None:
    found = layers.dated(read(SIDES, [(1, 3, start, end)]), FOUR, YEARS)
    assert by_year(found, 0, 2) == expected
    assert found.sum() == 2 * sum(expected)


def test_of_several_spells_the_highest_value_counts_and_one_that_is_over_does_not() -> None:
    rows: list[Row] = [
        (1, 2, "1980-01-01", None, 0.2),
        (1, 2, "1980-01-01", "1991-06-01", 0.9),
        (2, 3, "1980-01-01", None, True),
    ]
    for given in (rows, rows[::-1]):
        found = layers.dated(read(f"{SIDES} value", given), FOUR, YEARS, "value")
        assert by_year(found, 0, 1) == [0.9, 0.9, 0.2, 0.2, 0.2, 0.2]
        assert by_year(found, 1, 2) == [1.0] * 6


def test_the_deepest_and_the_calmest_of_two_treaties_count_while_each_is_in_force() -> None:
    """A declaration (depth 0.1, calm 0.1) to 1992, a treaty of non-aggression (0, 0.4) to 1993, a pact (1, 1) of 1994; a
    type that the model does not have says nothing."""
    kinds = layers.default_depths()
    declared, peace, pact = kinds["political_declaration"], kinds["non_aggression"], kinds["defence_pact"]
    assert peace[0] < declared[0] < pact[0] and declared[1] < peace[1] < pact[1]
    rows: list[Row] = [
        (1, 2, "1980-01-01", "1992-06-01", "political_declaration"), (1, 2, "1980-01-01", "1993-06-01", "non_aggression"),
        (1, 2, "1994-06-01", None, "defence_pact"), (1, 3, "1980-01-01", None, "concert"),
    ]  # fmt: skip
    for part, expected in (
        (0, [declared[0]] * 3 + [0.0, 0.0, pact[0]]),
        (1, [peace[1]] * 4 + [0.0, pact[1]]),
    ):
        found = layers.alliances(read(f"{SIDES} kind", rows), FOUR, YEARS, part)
        assert by_year(found, 0, 1) == expected
        assert by_year(found, 0, 2) == [0.0] * 6


FORCE = f"{SIDES} hostility"


def test_force_is_recent_in_full_for_a_year_and_by_half_ten_years_on() -> None:
    """Force until 31 December 1990 and until 1 January 1991 are a year apart; a threat (3) is none; a dispute that goes on
    does not fade, and counts from the year after it began."""
    years = np.arange(1990, 2006)
    rows: list[Row] = [
        (1, 2, "1990-03-01", "1990-12-31", 4), (1, 3, "1990-03-01", "1991-01-01", 5), (2, 3, "1990-03-01", "1990-05-01", 3),
        (1, 4, "1991-12-31", None, 4), (2, 4, "1992-01-01", "1992-01-02", 4), (3, 4, "1990-03-01", None, np.nan),
    ]  # fmt: skip
    for given in (rows, rows[::-1]):
        found = layers.recent_force(read(FORCE, given), FOUR, years)
        assert by_year(found, 0, 1) == [0.0, *(2.0 ** (-k / 10) for k in range(15))]
        assert by_year(found, 0, 2) == [0.0, 1.0, *(2.0 ** (-k / 10) for k in range(14))]
        assert by_year(found, 0, 1)[11] == 0.5
        assert by_year(found, 0, 3) == [0, 0, *[1] * 14]
        assert by_year(found, 1, 3)[:4] == [0, 0, 0, 1]
        assert not found[:, [1, 2], [2, 3]].any()


def test_the_latest_force_counts_and_not_the_sum() -> None:
    rows: list[Row] = [(1, 2, "1970-01-01", "1979-05-01", 4), (1, 2, "1992-05-01", "1992-06-01", 4)]
    found = by_year(layers.recent_force(read(FORCE, rows), FOUR, YEARS), 0, 1)
    assert found == [2.0 ** (-(year - 1 - (1992 if year > 1992 else 1979)) / 10) for year in YEARS]


LAID: list[tuple[str, Row, Callable[..., layers.Floats]]] = [
    ("cow_a cow_b year_from year_to", (1, 2, 1950, None), layers.rivalries),
    (SIDES, (1, 2, "1950-01-01", None), layers.dated),
    (FORCE, (1, 2, "1950-01-01", None, 5), layers.recent_force),
]


@pytest.mark.parametrize(("columns", "row", "laid"), LAID)
def test_a_source_speaks_to_the_day_after_its_last_and_is_missing_then(
    columns: str, row: Row, laid: Callable[..., layers.Floats]
) -> None:
    """To the end of 1992, so on 1 January 1993 and not on that of 1994; a state apart is missing as well, and everything
    is where there is no file."""
    found = laid(read(columns, [row], last=1992), FOUR, YEARS)
    assert by_year(found[:4], 0, 1) == [1.0] * 4 and by_year(found[:4], 2, 3) == [0.0] * 4
    assert np.isnan(found[4:]).all()
    nothing = Read(read(columns, []).frame.astype({"cow_a": float, "cow_b": float}), NONE)
    assert np.isnan(laid(nothing, FOUR, YEARS)).all()


def test_rows_of_a_state_off_the_roster_or_with_itself_say_nothing() -> None:
    found = layers.dated(read(SIDES, [(1, 99, "1950-01-01", None), (2, 2, "1950-01-01", None)]), FOUR, YEARS)
    assert not found.any()


# --- a second program ----------------------------------------------------------------


def plain_in_force(rows: list[Row], day: date, a: int, b: int) -> list[Row]:
    """The rows of a dyad, either way round, that began before a day and have not ended before it."""
    held = []
    for row in rows:
        begun = pd.Timestamp(str(row[2])).date() < day
        over = row[3] is not None and pd.Timestamp(str(row[3])).date() < day
        if {row[0], row[1]} == {a, b} and begun and not over:
            held.append(row)
    return held


def plain_force(rows: list[Row], year: int, a: int, b: int) -> float:
    """How recent the last use of force of a dyad is."""
    best = 0.0
    for row in rows:
        began = pd.Timestamp(str(row[2])).year
        if {row[0], row[1]} != {a, b} or began >= year or int(str(row[4])) < 4:
            continue
        last = year - 1 if row[3] is None else min(pd.Timestamp(str(row[3])).year, year - 1)
        best = max(best, 0.5 ** ((year - 1 - last) / 10))
    return best


@pytest.mark.parametrize("seed", range(8))
def test_random_spells_as_a_second_program_has_them(seed: int) -> None:
    """Dates crowd around the turn of the year; rows come in any order, with the sides any way round."""
    rng = np.random.default_rng(seed)

    def day() -> str:
        turn = np.datetime64(f"{rng.integers(1988, 1997)}-01-01")
        return str(turn + rng.choice([-1, 0, 1, 180]))

    rows: list[Row] = []
    for _ in range(40):
        a, b = (int(x) for x in rng.choice([1, 2, 3, 4], 2, replace=False))
        start, end = sorted((day(), day()))
        rows.append((a, b, start, None if rng.uniform() < 0.2 else end, int(rng.integers(1, 6))))
    source = read(FORCE, rows)
    highest = layers.dated(source, FOUR, YEARS, "hostility")
    recent = layers.recent_force(source, FOUR, YEARS)
    for t, year in enumerate(YEARS):
        for a in range(1, 5):
            for b in range(1, 5):
                held = plain_in_force(rows, date(int(year), 1, 1), a, b) if a != b else []
                assert highest[t, a - 1, b - 1] == max((int(str(row[4])) for row in held), default=0)
                force = plain_force(rows, int(year), a, b) if a != b else 0.0
                assert recent[t, a - 1, b - 1] == pytest.approx(force, abs=1e-12)
