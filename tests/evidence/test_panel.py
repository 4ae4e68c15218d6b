"""The history by year, on the extracts: 1990-1993, through German unification and the Soviet Union's end."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import LAYERS, History, last_carried_forward, load_history
from balance_sim.evidence.data.record_scenario import scenario_at
from balance_sim.evidence.data.table import ReadReport
from balance_sim.evidence.estimation.features import feature_years, network_moment
from balance_sim.evidence.forecast.baselines import base_rate
from invented import invented
from refusals import refused

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def history() -> History:
    return load_history(DATA, 1990, 1993)


def place(history: History, *iso3: str) -> tuple[int, ...]:
    return tuple(history.iso3.index(code) for code in iso3)


def test_membership_starts_and_ends_inside_a_year(history: History) -> None:
    """Ukraine joins on 1991-12-26, the German Democratic Republic leaves on 1990-10-02 (COW 2016)."""
    ukraine, east, usa = place(history, "UKR", "DDR", "USA")
    assert history.present[:, ukraine].tolist() == [False, True, True, True]
    assert history.exposure(1991)[ukraine, usa] == pytest.approx(6 / 365)
    assert history.exposure(1990)[east, usa] == pytest.approx(275 / 365)
    assert history.exposure(1990)[east, ukraine] == 0.0
    assert not history.present[1:, east].any()
    assert np.array_equal(history.exposure(1991), history.exposure(1991).T)


def test_state_years_are_those_of_the_year_before(history: History) -> None:
    usa, germany, ukraine, russia = place(history, "USA", "DEU", "UKR", "RUS")
    assert history.capability[2, usa] == 0.1373024  # 1992 knows 1991
    assert history.capability[1, germany] == pytest.approx(0.02926712)  # united Germany's 1990, not West's
    assert history.capability[0, germany] == pytest.approx(0.02710148)  # West Germany's 1989
    assert history.ideal[3, russia] == 1.10489
    assert history.capability[1, ukraine] == 0.02316366  # a new member: its first year's own value


def test_a_region_is_the_same_among_its_states_alone(history: History) -> None:
    region = history.among(["usa", "RUS", "KOR"])
    assert region.iso3 == ("KOR", "RUS", "USA")
    places = place(history, *region.iso3)
    assert np.array_equal(region.distance, history.distance[:, places][..., places])
    assert np.array_equal(region.capability, history.capability[:, places], equal_nan=True)
    mine = history.agreements["a"].isin(places) & history.agreements["b"].isin(places)
    assert region.agreements["accord_id"].tolist() == history.agreements["accord_id"][mine].tolist() != []
    for side in ("a", "b"):
        assert [places[i] for i in region.agreements[side]] == history.agreements[side][mine].tolist()
    for codes in (["USA", "ZZZ"], ["USA", "Poland"], ["USA", "TWN", "SSD"], ["USA"]):
        with refused("E600", column="states"):
            history.among(codes)


def test_gaps_are_carried_for_five_years_and_no_more() -> None:
    """The extract ends in 1993: 1999 still has a value and 2000 has none."""
    long = load_history(DATA, 1998, 2000)
    (usa,) = place(long, "USA")
    assert np.isnan(long.ideal[:, usa]).tolist() == [False, False, True]


def test_quarrels_and_alliances_stand_on_new_year_s_day(history: History) -> None:
    usa, russia, iraq, serbia, korea = place(history, "USA", "RUS", "IRQ", "SRB", "KOR")
    assert history.rivalry[:, usa, russia].tolist() == [0, 0, 0, 0]  # ended in 1989
    assert history.war[:, usa, iraq].tolist() == [0, 1, 0, 0]
    assert history.militarised[:, usa, iraq].tolist() == [0, 1, 1, 2**-0.1]  # force until 1991
    assert history.militarised[:, usa, serbia].tolist() == [0, 0, 0, 1]  # July 1992
    assert history.alliance_depth[:, usa, korea].tolist() == [1, 1, 1, 1]
    china, india, japan = place(history, "CHN", "IND", "JPN")
    assert history.claim[:, china, japan].tolist() == [1, 1, 1, 1]
    assert history.claim[:, china, india].tolist() == [1, 1, 1, 1]
    east, soviet = place(history, "DDR", "RUS")
    assert history.alliance_depth[:2, east, soviet].tolist() == [1, 0]


def test_pair_years_know_only_what_was_before(history: History) -> None:
    rows = feature_years(history)
    usa, korea = sorted(place(history, "USA", "KOR"))
    mine = (rows.a == usa) & (rows.b == korea)
    assert rows.y[mine].tolist() == [0, 1, 0, 0]
    assert rows.x["earlier"][mine].tolist() == [0, 0, 1, 1]
    assert rows.x["since_last"][mine].fillna(-1).tolist() == [-1, -1, 1, 2]
    n = history.present.sum(axis=1)
    assert (rows.year == 1990).sum() == (history.exposure(1990) > 0).sum() // 2 <= n[0] * (n[0] - 1) // 2
    for column in ("partners", "activity", "shared"):
        weight = rows.x[column][rows.year == 1992].mean()
        assert abs(weight) < 0.05  # relative to the year's mean


def test_what_stands_and_what_is_recent_on_new_years_day() -> None:
    """Of states 0 to 4 on 1 January 1993: 0-1 goes on, 0-2 ends on the day, 0-3 has ended; 1-2 was signed on the day,
    1-3 three years and 1-4 four years before."""
    rows = [
        (0, 1, "1985-05-01", None), (0, 2, "1985-05-01", "1993-01-01"), (0, 3, "1985-05-01", "1992-12-31"),
        (1, 2, "1993-01-01", None), (1, 3, "1990-01-01", None), (1, 4, "1989-12-31", None),
    ]  # fmt: skip
    agreements = pd.DataFrame(rows, columns=["a", "b", "signed", "ended"]).assign(kind="logistics")
    agreements[["signed", "ended"]] = agreements[["signed", "ended"]].apply(pd.to_datetime)
    moment = network_moment(replace(invented(5, 4), agreements=agreements), 1993)

    def dyads(values: np.ndarray) -> list[list[int]]:
        assert np.array_equal(values, values.T)
        return np.argwhere(np.triu(values)).tolist()

    assert dyads(moment.ties) == [[0, 1], [0, 2], [1, 3], [1, 4]]
    assert dyads(moment.recent) == [[1, 3]]
    assert dyads(moment.earlier) == [[0, 1], [0, 2], [0, 3], [1, 3], [1, 4]]
    assert moment.since_last[1, 3] == moment.since_last[3, 1] == 3.0 and np.isnan(moment.since_last[1, 2])
    assert moment.memory[1, 3] == pytest.approx(2.0 ** (-1096 / 365.25 / 5.0))


def test_what_is_not_on_record_is_no_zero() -> None:
    """The extract's agreements end in 2002: 2003 can be forecast but not scored, 2004 not even forecast."""
    rows = feature_years(load_history(DATA, 2002, 2003))
    assert np.isnan(rows.y[rows.year == 2003]).all()
    assert np.isfinite(rows.y[rows.year == 2002]).all()
    with pytest.raises(DataError, match=r"the agreements on record end in 2002 .*Give the later agreements"):
        feature_years(load_history(DATA, 2003, 2004))
    with pytest.raises(DataError, match="no agreements on record"):
        base_rate(rows)


def test_a_source_that_is_not_there_is_missing_and_named(tmp_path: Path) -> None:
    for name in ("dcad_agreements.csv", "nmc_state_year.csv"):
        shutil.copy(DATA / name, tmp_path)
    thin = load_history(tmp_path, 1992, 1992)
    assert np.isnan(thin.rivalry).all()
    assert any(note.startswith("no file of rivalry") for note in thin.notes)
    (tmp_path / "nmc_state_year.csv").unlink()
    with refused("E601"):
        load_history(tmp_path, 1992, 1992)
    with refused("E601"):
        load_history(tmp_path / "none", 1992, 1992)
    for first, last in ((-5, 1992), (1815, 1992), (1992, 99999)):
        with pytest.raises(DataError, match=r"1816\.\.2200"):
            load_history(DATA, first, last)
    with pytest.raises(DataError, match="not in order"):
        load_history(DATA, 1993, 1992)


def test_outcomes_count_after_the_year_and_the_folder_up_to_it(tmp_path: Path) -> None:
    """Even where an outcome has the number of an earlier agreement of the same pair, that one stands."""
    without = load_history(DATA, 1990, 1995)
    known, codes = without.agreements, without.iso3
    last = int(known["signed"].dt.year.max()) - 1
    first = known.iloc[0]
    head = "id,iso3_a,iso3_b,kind,stage,date\n"
    dyad = f"{codes[first['a']]},{codes[first['b']]},{first['kind']}"
    path = tmp_path / "outcomes.csv"
    path.write_text(
        f"{head}{first['accord_id']},{dyad},signed,{last + 1}-05-01\nold,JPN,KOR,logistics,signed,{last}-05-01\n",
        encoding="utf-8",
    )
    history = load_history(DATA, 1990, 1995, outcomes=(path, last))
    before = history.agreements["signed"].dt.year <= last
    assert before.sum() == (known["signed"].dt.year <= last).sum()
    assert first["accord_id"] in set(history.agreements[before]["accord_id"])
    after = history.agreements[~before]
    assert list(after["accord_id"]) == [f"outcome-{first['accord_id']}"]
    with pytest.raises(DataError, match="no agreement signed after 2005"):
        load_history(DATA, 1990, 1995, outcomes=(path, 2005))


def test_what_ends_early_goes_on_as_it_was_last() -> None:
    """Rivalries end two years before the history does: its last disputes stay, the other layers as well."""
    whole = invented(12, 6)
    rivalry = whole.rivalry.copy()
    rivalry[4:] = np.nan
    ends = ReadReport("strategic rivalries", "some/where/tss.csv", 9, 9, 1500, 1992)
    full = ReadReport("COW NMC", "nmc.csv", 9, 9, 1816, 2022)
    cut = replace(whole, rivalry=rivalry, reports=(ends, full))
    assert not [d for d in scenario_at(cut, 1995).disputes if d.rivalry]  # what would happen without
    carried = last_carried_forward(cut)
    for layer in LAYERS:
        np.testing.assert_array_equal(getattr(carried, layer), getattr(whole, layer))
    assert scenario_at(carried, 1995).disputes == scenario_at(whole, 1995).disputes
    assert carried.notes == (
        "strategic rivalries ends in 1992 (tss.csv): what it says last stands for the years to 1995",
    )
