"""The two-sided choice by the road of a user: files, a plan, the command line.

The likelihood is worked out a second time from the files themselves by plain loops, without anything of ours."""

from __future__ import annotations

import csv
import importlib.util
import itertools
import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from balance_sim.cli.program import main
from balance_sim.coordination.choice import (
    ChoiceSets,
    fit_coordination,
    log_likelihood,
    simulate,
)
from balance_sim.coordination.effects import KINDS, Effect, parse_effect, parse_formula
from balance_sim.coordination.events import EventData, event_days
from balance_sim.coordination.files import Source, load_event_data
from balance_sim.coordination.plan import CoordinationPlan, read_coordination_plan
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.ties import read_presence, read_ties, spells_of

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "experiments" / "invented_treaties"
_spec = importlib.util.spec_from_file_location("treaties", Path(__file__).with_name("treaties.py"))
assert _spec is not None and _spec.loader is not None
treaties = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(treaties)


@cache
def rows(name: str) -> list[dict[str, str]]:
    with (SHIPPED / name).open(encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


Net = dict[frozenset[str], int]


def networks_at(now: str, window: int | None) -> tuple[Net, Net, Net]:
    """Treaties, treaties added within a window (all without one), and contiguity, before a date."""
    x: Net = {}
    recent: Net = {}
    near: Net = {}
    for row in rows("treaties.csv"):
        key = frozenset((row["sender"], row["receiver"]))
        if row["time"] < now:
            x[key] = x.get(key, 0) + int(row["increment"])
        if row["time"] and window is not None:
            age = (np.datetime64(now) - np.datetime64(row["time"])).astype(int)
            if 0 < age <= window:
                recent[key] = recent.get(key, 0) + int(row["increment"])
    for row in sorted(rows("contiguity.csv"), key=lambda row: row["time"]):
        if row["time"] < now:
            near[frozenset((row["sender"], row["receiver"]))] = int(row["replace"])
    return x, x if window is None else recent, near


def states_at(now: str) -> tuple[list[str], dict[str, float], dict[str, float]]:
    """Who is there on a date, and regime and ln gdp before it."""
    there, regime, size = [], {}, {}
    for row in rows("states.csv"):
        who = row["label"]
        moves = [r for r in rows("presence.csv") if r["node"] == who and r["time"] <= now]
        if (max(moves, key=lambda r: r["time"])["replace"] if moves else row["present"]) == "True":
            there.append(who)
        regime[who] = float(row["regime"])
        for turn in sorted(rows("regime.csv"), key=lambda r: r["time"]):
            if turn["node"] == who and turn["time"] < now:
                regime[who] = float(turn["replace"])
        for year in rows("gdp.csv"):
            if year["label"] == who and f"{year['year']}-01-01" < now:
                size[who] = math.log(float(year["gdp"]))
    return there, regime, size


def by_loops(b: list[float], until: str, window: int | None = None) -> float:
    """Sum of ln P{i,j} = ln p_ij p_ji / sum_kl p_kl p_lk over the events up to a date, effects of the plan.

    window: closure counts ties added within so many days before the event, if given."""
    labels = [row["label"] for row in rows("states.csv")]
    made = [row for row in rows("treaties.csv") if row["time"] and row["increment"] == "1"]
    total = 0.0
    for event in (row for row in made if row["time"] <= until):
        x, recent, near = networks_at(event["time"], window)
        there, regime, size = states_at(event["time"])

        def tied(i: str, j: str, net: Net) -> int:
            return int(i != j and net.get(frozenset((i, j)), 0) > 0)

        degree = {j: sum(tied(k, j, x) for k in labels) for j in labels}
        partners = {i: {k for k in labels if tied(i, k, recent)} for i in labels}
        weight = {}
        for i, j in itertools.permutations(there, 2):
            new = not tied(i, j, x)
            s = [
                tied(i, j, x),
                degree[j] * new,
                len(partners[i] & partners[j]) * new,
                tied(i, j, near),
                regime[j],
                abs(regime[i] - regime[j]),
                size[j],
                abs(size[i] - size[j]),
            ]
            weight[i, j] = math.exp(sum(q * v for q, v in zip(b, s, strict=True)))
        whole = {i: sum(weight[i, k] for k in there if k != i) for i in there}
        both = {(i, j): weight[i, j] / whole[i] * weight[j, i] / whole[j] for i, j in itertools.combinations(there, 2)}
        i, j = sorted((event["sender"], event["receiver"]))
        total += math.log(both[i, j] / sum(both.values()))
    return total


def test_the_likelihood_of_the_shipped_files_by_plain_loops() -> None:
    plan = read_coordination_plan(SHIPPED)
    until = "1961-12-31"
    data = load_event_data(
        plan.events,
        presence=plan.presence,
        networks=plan.networks,
        states=plan.states,
        last=pd.Timestamp(until).date(),
    )
    truth = list(treaties.TRUTH.values())
    b = np.array(truth)
    assert log_likelihood(b, ChoiceSets(data, plan.effects)) == pytest.approx(by_loops(truth, until), rel=1e-10)
    inside = [
        *plan.effects[:2],
        parse_effect("trans(treaties, ignoreRep = TRUE, window = 300)"),
        *plan.effects[3:],
    ]
    within = log_likelihood(b, ChoiceSets(data, inside))
    assert within == pytest.approx(by_loops(truth, until, 300), rel=1e-10)
    assert abs(within - log_likelihood(b, ChoiceSets(data, plan.effects))) > 1


def test_the_command_line_finds_what_the_treaties_were_drawn_with(tmp_path: Path) -> None:
    """Chi-square of the whole vector with 8 degrees of freedom: above 26.1 one time in 1,000."""
    out = tmp_path / "found.yaml"
    order = ["fit", str(SHIPPED), "--model", "coordination", "--out", str(out), "--json"]
    result = CliRunner().invoke(main, order)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["fitted"]["events"] == 240
    assert found["fitted"]["present"] == [34, 39]
    names = [row["effect"] for row in found["effects"]]
    assert names == list(treaties.TRUTH) == found["covariance"]["names"]
    off = np.array([row["estimate"] for row in found["effects"]]) - list(treaties.TRUTH.values())
    for key in ("covariance", "fisher_covariance"):
        assert off @ np.linalg.inv(found[key]["matrix"]) @ off < 26.1
    assert all(abs(row["estimate"] / row["standard_error"]) > 2 for row in found["effects"])
    assert found["fitted"]["log_likelihood"] > found["fitted"]["log_likelihood_null"] + 300
    text = CliRunner().invoke(main, order[:-1]).output
    page = (ROOT / "docs" / "coordination.md").read_text(encoding="utf-8")
    assert "\n".join(f"    {line}" for line in text.splitlines()[:6]) in page
    for row in found["effects"]:
        shown = f"| {row['estimate']:.4f} | {row['standard_error']:.4f} | {treaties.TRUTH[row['effect']]} |"
        assert f"| `{row['effect']}` {shown}" in page
    assert (SHIPPED / "coordination.yaml").read_text(encoding="utf-8") in page
    assert all(len(line) <= 80 for line in text.splitlines() if not line.startswith("wrote"))


def test_a_fit_that_forgets_who_was_there_is_another() -> None:
    plan = read_coordination_plan(SHIPPED)
    data = plan.load()
    open_to_all = EventData(data.actors, data.events, None, data.networks, data.states)
    b = np.array(list(treaties.TRUTH.values()))
    there, all_of_them = (log_likelihood(b, ChoiceSets(d, plan.effects)) for d in (data, open_to_all))
    assert there > all_of_them + 10  # fewer pairs to choose among: each event less surprising


def test_recovery_through_files_when_ties_repeat_and_carry_weight(tmp_path: Path) -> None:
    """Other streams than the shipped one: inertia by weight, a window, a logarithm of a count.

    Chi-square, 4 streams x 5 effects: above 45.3 one time in 1,000. All coefficients 0 are rejected."""
    effects = parse_formula(
        "inertia(t, weighted, log1p) + degree(t, window=400) + closure(t, ignore_repetitions, log1p)"
        " + egoAlterInt(z) + pair(w)"
    )
    b = np.array([0.5, 0.25, 0.5, 0.3, 0.6])
    distance = wrong = 0.0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        labels = tuple(f"A{k:02d}" for k in range(15))
        pairs = list(itertools.combinations(labels, 2))
        states = pd.DataFrame({"actor": labels, "date": pd.NaT, "value": rng.normal(size=15)})
        trade = pd.DataFrame(pairs, columns=["a", "b"]).assign(date=pd.NaT, value=rng.normal(size=105))
        days = np.datetime64("2000-01-01") + 9 * np.arange(220).astype("timedelta64[D]")
        none = EventData(labels, pd.DataFrame(), None, {}, {"z": states}, {"w": trade})
        made = simulate(none, effects, b, list(days), "t", rng)
        made.sample(frac=1, random_state=seed).to_csv(tmp_path / "t.csv", index=False)
        states.drop(columns="date").to_csv(tmp_path / "z.csv", index=False)
        trade.to_csv(tmp_path / "w.csv", index=False)
        file = tmp_path / "t.csv"
        data = load_event_data(
            file, networks={"t": file}, states={"z": tmp_path / "z.csv"}, pairs={"w": tmp_path / "w.csv"}
        )
        fit = fit_coordination(data, effects)
        weight = np.linalg.inv(fit.covariance)
        distance += (fit.estimate - b) @ weight @ (fit.estimate - b)
        wrong += fit.estimate @ weight @ fit.estimate
    assert distance < 45.3
    assert wrong > 300


def test_size_of_a_covariate_changes_its_unit_alone() -> None:
    plan = read_coordination_plan(SHIPPED)
    data = plan.load()
    effects = plan.effects[3:]
    large = {k: frame.assign(value=frame["value"] * 1e9 + 1e12) for k, frame in data.states.items()}
    plain = fit_coordination(data, effects)
    scaled = fit_coordination(EventData(data.actors, data.events, data.presence, data.networks, large), effects)
    unit = np.array([1, *[1e9] * 4])
    assert scaled.estimate * unit == pytest.approx(plain.estimate, rel=1e-4)
    assert scaled.standard_error * unit == pytest.approx(plain.standard_error, rel=1e-4)


def test_the_same_record_in_the_tables_of_another_program(tmp_path: Path) -> None:
    """Nodes with starting values, dated changes, matrices with row names, moments in seconds, a formula."""
    table = pd.read_csv(SHIPPED / "states.csv")
    gdp = pd.read_csv(SHIPPED / "gdp.csv")
    first = gdp[gdp["year"] == gdp["year"].min()].set_index("label")["gdp"]
    table["gdp"] = np.log(table["label"].map(first))
    yes = {True: "TRUE", False: "FALSE"}
    table.assign(present=table["present"].map(yes)).to_csv(tmp_path / "states.csv")
    later = gdp[gdp["year"] > gdp["year"].min()]
    days = pd.to_datetime(later["year"].astype(str) + "-01-01") - pd.Timestamp("1970-01-01")
    changes = pd.DataFrame({"time": days.dt.days * 86_400, "node": later["label"], "replace": np.log(later["gdp"])})
    changes.to_csv(tmp_path / "gdpchanges.csv", index=False)
    presence = pd.read_csv(SHIPPED / "presence.csv")
    presence = presence.assign(time=presence["time"] + " 00:00:00", replace=presence["replace"].map(yes))
    presence.to_csv(tmp_path / "sovchanges.csv")
    pd.read_csv(SHIPPED / "regime.csv").to_csv(tmp_path / "regchanges.csv")
    for name in ("treaties", "contiguity"):
        ties = pd.read_csv(SHIPPED / f"{name}.csv")
        net = pd.DataFrame(0, index=list(table["label"]), columns=list(table["label"]))
        for row in ties[ties["time"].isna()].itertuples():
            net.loc[row.sender, row.receiver] = net.loc[row.receiver, row.sender] = 1
        net.to_csv(tmp_path / f"{name}net.csv", quoting=csv.QUOTE_NONNUMERIC)
        ties[ties["time"].notna()].to_csv(tmp_path / f"{name}changes.csv")
    (tmp_path / "coordination.yaml").write_text(
        "events: treatieschanges.csv\nactors: states.csv\npresence: [states.csv, sovchanges.csv]\nnetworks:\n"
        "  treaties: [treatiesnet.csv, treatieschanges.csv]\n  contiguity: [contiguitynet.csv, contiguitychanges.csv]\n"
        "states:\n  regime: [states.csv, regchanges.csv]\n  gdp: [states.csv, gdpchanges.csv]\n"
        "effects: create ~ inertia(treaties) + indeg(treaties, ignoreRep = TRUE) + trans(treaties, ignoreRep = TRUE)"
        " + tie(contiguity) + alter(states$regime) + diff(states$regime) + alter(states$gdp) + diff(states$gdp)\n",
        encoding="utf-8",
    )
    ours, theirs = (read_coordination_plan(folder) for folder in (SHIPPED, tmp_path))
    assert theirs.effects == ours.effects
    b = np.array(list(treaties.TRUTH.values()))
    values = [log_likelihood(b, ChoiceSets(plan.load(), plan.effects)) for plan in (ours, theirs)]
    assert values[1] == pytest.approx(values[0], rel=1e-12)


def test_usual_names_are_understood() -> None:
    ours = parse_formula(
        "inertia(t, weighted) + degree(t, ignore_repetitions) + closure(t, ignore_repetitions=u, log1p)"
        "+ tie(c, window=730.5) + difference(gdp) + similarity(gdp) + same(regime) + ego_alter(gdp)"
    )
    theirs = parse_formula(
        "createBilat ~ inertia(t, weighted = TRUE) + indeg(t, ignoreRep = TRUE, weighted = FALSE) +"
        ' trans(t, ignoreRep="u", transformFun = log1p)'.replace('"u"', "u")
        + " + tie(c, window = 2 years) + diff(states$gdp) + sim(states$gdp) + same(states$regime)"
        " + egoAlterInt(states$gdp)"
    )
    assert ours == theirs
    assert [parse_effect(effect.name) for effect in ours] == list(ours)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("indeg", "is no effect"),
        ("altr(z)", "Did you mean alter"),
        ("alter(z, weighted)", "alter has no weighted form"),
        ("alter(z, ignore_repetitions)", "name the one whose repetitions"),
        ("inertia(t, squared)", "no option is called 'squared'"),
        ("inertia(t, window=soon)", "'soon' is no window"),
        ("inertia(t, window=-3)", "days above 0"),
        ("inertia(t, weighted=maybe)", "is yes or no"),
        ("inertia(t, weighted, weighted)", "given twice"),
        ("inertia()", "names nothing"),
        ("", "there is no effect"),
    ],
)
def test_formulas_that_are_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_formula(text)


def test_every_effect_and_name_is_on_the_page() -> None:
    page = (ROOT / "docs" / "coordination.md").read_text(encoding="utf-8")
    table = page.split("| effect | also read as |")[1].split("\n\n")[0]
    assert {row.split("(")[0][3:] for row in table.splitlines() if row.startswith("| `")} == set(KINDS)
    keys = page.split("| key | holds |")[1].split("\n\n")[0]
    assert {word for row in keys.splitlines() for word in row.split("|")[1:2] for word in word.split("`")[1::2]} == set(
        CoordinationPlan.model_fields
    )


def put(folder: Path, **files: str) -> dict[str, Path]:
    out = {}
    for name, text in files.items():
        out[name] = folder / f"{name}.csv"
        out[name].write_text(text, encoding="utf-8")
    return out


def test_rows_of_one_pair_and_date_and_their_order(tmp_path: Path) -> None:
    """Two increments add up; an event sees neither itself nor others of its moment; order is no matter."""
    lines = [
        "A,B,2000-03-01,1",
        "A,B,2000-03-01,1",
        "C,D,2000-03-01,1",
        "A,B,2000-04-01,-1",
        "A,C,2000-05-01,1",
    ]
    for order in (lines, lines[::-1]):
        file = put(tmp_path, t="a,b,date,increment\n" + "\n".join(order) + "\n")["t"]
        data = load_event_data(file, networks={"t": file})
        days = list(event_days(data))
        assert [len(day.first) for day in days] == [3, 1]
        assert days[0].moment.networks["t"].sum() == 0
        last = days[1].moment.networks["t"]
        assert (last[0, 1], last[2, 3], last[0, 2]) == (1, 1, 0)
    assert data.notes == ("1 rows end or lower a tie: no events",)


def test_a_time_of_day_orders_events_and_seconds_are_read(tmp_path: Path) -> None:
    seconds = put(tmp_path, t="sender,receiver,time\nA,B,-315619200\nB,C,-315615600\n")["t"]
    written = put(tmp_path, u="sender,receiver,time\nA,B,1960-01-01\nB,C,1960-01-01 01:00:00\n")["u"]
    for file in (seconds, written):
        days = list(event_days(load_event_data(file, networks={"t": file})))
        assert [str(day.date) for day in days] == ["1960-01-01T00:00:00", "1960-01-01T01:00:00"]
        assert days[1].moment.networks["t"][0, 1] == 1


def test_rows_that_are_no_events_are_counted(tmp_path: Path) -> None:
    files = put(
        tmp_path,
        t="a,b,date,value\nA,B,,1\nA,B,2000-01-05,0\nA,C,1999-01-01,1\nB,C,2000-02-01,2\nA,B,2001-01-01,1\n",
    )
    data = load_event_data(
        files["t"],
        networks={"t": files["t"]},
        first=pd.Timestamp("2000-01-01").date(),
        last=pd.Timestamp("2000-12-31").date(),
    )
    assert data.events[["a", "b"]].to_numpy().tolist() == [["B", "C"]]
    assert data.notes == (
        "1 rows end or lower a tie: no events",
        "1 ties without a date stand from the beginning: no events",
        "1 ties before 2000-01-01 are history: no events",
        "1 ties after 2000-12-31 are left out",
    )
    before = next(event_days(data)).moment.networks["t"]
    assert (before[0, 1], before[0, 2]) == (0, 1)


def test_a_tie_that_ends_unbegun_stays_at_nothing(tmp_path: Path) -> None:
    file = put(tmp_path, t="a,b,date,increment\nA,B,2000-01-01,-1\nA,B,2000-02-01,1\nA,C,2000-03-01,1\n")["t"]
    data = load_event_data(file, networks={"t": file})
    assert list(event_days(data))[1].moment.networks["t"][0, 1] == 1
    assert "t: 1 dyads end ties that were never begun; such a tie stays at 0" in data.notes


def test_presence_by_changes_and_by_spells(tmp_path: Path) -> None:
    """In changes the day itself is after; in spells the last day counts."""
    files = put(
        tmp_path,
        t="a,b,date\nA,B,2000-01-01\nA,B,2000-06-01\nA,B,2000-06-02\n",
        changes="node,time,replace\nC,,TRUE\nC,2000-06-01,FALSE\nD,2000-06-01,TRUE\nE,2000-06-02,F\nA,,1\n",
        spells="actor,start,end\nC,,2000-05-31\nD,2000-06-01,\nE,,2000-06-01\n",
    )
    for name in ("changes", "spells"):
        days = list(event_days(load_event_data(files["t"], presence=files[name])))
        assert [day.present.tolist() for day in days] == [
            [True, True, True, False, True],
            [True, True, False, True, True],
            [True, True, False, True, False],
        ]
    never = spells_of(read_presence(put(tmp_path, n="actor,present\nX,no\n")["n"]).frame)
    assert str(never["end"].iloc[0]) == "0001-01-01 00:00:00"


def test_a_matrix_is_a_list_of_ties(tmp_path: Path) -> None:
    files = put(
        tmp_path,
        t="a,b,date\nA,B,2000-01-01\nB,C,2000-01-02\n",
        m='"","A","B","C"\n"A",0,1,0\n"B",1,0,2.5\n"C",0,2.5,NA\n',
        e="a,b,value\nA,B,1\nC,B,2.5\n",
        w="A,B,C\nA,0,1,0\nB,1,0,7\nC,0,7,0\n",
    )
    as_matrix, as_list = (read_ties(files[name]).frame[["a", "b", "value"]] for name in "me")
    pd.testing.assert_frame_equal(as_matrix, as_list)
    day = next(event_days(load_event_data(files["t"], networks={"m": files["m"]}, pairs={"w": files["w"]})))
    assert day.moment.networks["m"].tolist() == [[0, 1, 0], [1, 0, 2.5], [0, 2.5, 0]]
    assert day.moment.pairs["w"][0].tolist()[1:] == [1, 0]  # a value of 0 is known, not missing


def test_codes_of_states_are_brought_together(tmp_path: Path) -> None:
    """Ties by COW numbers, one covariate by ISO codes, one by both, which has the numbers read."""
    files = put(
        tmp_path,
        t="ccode1,ccode2,date\n2,260,1985-01-01\n2,255,1995-01-01\n200,2,1995-01-01\n",
        iso="iso3c,year,gdp\nUSA,1984,5\nDEU,1984,3\nDEU,1994,4\nGBR,1984,2\nATL,1984,9\n",
        both="iso3,ccode,year,polity\nUSA,002,1980,10\nDEU,255,1991,9\n",
    )
    data = load_event_data(
        files["t"], networks={"t": files["t"]}, states={"gdp": files["iso"], "polity": files["both"]}
    )
    gdp = data.states["gdp"].set_index("actor")["value"].to_dict()
    assert gdp == {"2": 5, "260": 3, "255": 4, "200": 2}
    assert set(data.states["polity"]["actor"]) == {"2", "255"}
    report = next(one for one in data.reports if one.path.endswith("iso.csv"))
    assert report.dropped[0].reason == "no member of the state system on that date"


def test_accords_with_stages_and_dcad_are_ties(tmp_path: Path) -> None:
    files = put(
        tmp_path,
        a="id,iso3_a,iso3_b,kind,stage,date\nx,JPN,PHL,access,talks,2000-01-01\nx,JPN,PHL,access,signed,2001-05-05\n"
        "x,JPN,PHL,access,in_force,2002-01-01\nx,JPN,PHL,access,ended,2003-01-01\ny,AUS,JPN,logistics,signed,2004-01-01\n",
    )
    data = load_event_data(files["a"], networks={"a": files["a"]})
    assert data.events[["a", "b"]].to_numpy().tolist() == [["740", "840"], ["740", "900"]]
    assert list(event_days(data))[1].moment.networks["a"].sum() == 0
    only = load_event_data(files["a"], networks={"a": files["a"]}, kinds=["logistics"])
    assert len(only.events) == 1
    dcad = Path(__file__).parent / "data" / "dcad_agreements.csv"
    assert len(load_event_data(dcad, networks={"d": dcad}).events) == 16


def test_changed_values_of_covariates(tmp_path: Path) -> None:
    files = put(tmp_path, t="a,b,date\nA,B,2000-01-01\n", z="actor,z\nA,1\nB,3\nC,\n")
    forms: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "log": np.log,
        "log1p": np.log1p,
        "sqrt": np.sqrt,
        "standardise": lambda v: (v - 2.0) / 1.0,
    }
    for name, form in forms.items():
        data = load_event_data(files["t"], states={"z": Source(file=(files["z"],), transform=name)})
        value = data.states["z"]["value"].to_numpy()
        assert value[:2] == pytest.approx(form(np.array([1.0, 3.0])))
        assert np.isnan(value[2])
    minus = put(tmp_path, z="actor,z\nA,1\nB,-3\n")["z"]
    with pytest.raises(DataError, match=r"log of z does not exist .*found '-3'"):
        load_event_data(files["t"], states={"z": Source(file=(minus,), transform="log")})


def test_missing_values_may_take_the_mean_of_all(tmp_path: Path) -> None:
    files = put(
        tmp_path,
        t="a,b,date\nA,B,2000-01-01\n",
        z="actor,z\nA,1\nB,3\nC,\nD,11\n",
        p="actor,start,end\nD,2001-01-01,\n",
    )
    data = load_event_data(files["t"], states={"z": files["z"]}, presence=files["p"])
    for missing, mean in (("mean", 2.0), ("mean_of_all", 5.0)):
        day = next(iter(ChoiceSets(data, [Effect("alter", "z")], missing=missing)))
        assert day.s[0, 2, 0] == mean


GOOD = "a,b,date,increment\nA,B,2000-01-01,1\nB,C,2000-02-01,1\n"
PLAN = "events: t.csv\nnetworks: {t: t.csv}\nstates: {z: z.csv}\neffects: [inertia(t), alter(z)]\n"


@pytest.mark.parametrize(
    ("plan", "files", "message"),
    [
        (PLAN, {"t": GOOD.replace("2000-02-01", "8 July")}, "t.csv, line 3, column date: this is not a date"),
        (
            PLAN,
            {"t": GOOD.replace("-01,1\nB", "-01,one\nB")},
            "line 2, column increment: this is not a number",
        ),
        (PLAN, {"t": "a,b,date\nA,B,2000-01-01\nB,A,2000-01-01\n"}, "every tie stands in both directions"),
        (
            PLAN,
            {"t": "a,b,date,value\nA,B,2000-01-01,1\nB,A,2000-01-01,2\n"},
            "t.csv, line 3: A-B on 2000-01-01 is set to 2 here, and set to 1 on line 2",
        ),
        (PLAN, {"t": "a,b,date\n"}, "t.csv: there is no event in it. Give dated ties that begin"),
        (PLAN, {"t": "a,b,date\nA,B,\n"}, "no event in it: 1 ties without a date stand from the beginning"),
        (PLAN, {"t": "a,date\nA,2000\n"}, "line 1: ties needs a column b or receiver"),
        (
            PLAN,
            {"z": "actor,z,year\nA,1,2000\nA,2,2000\n"},
            "z.csv, line 3: A on 2000-01-01 is set to 2 here, and set to 1 on line 2",
        ),
        (PLAN, {"z": "actor,z\nQ,1\n"}, "none of the actors of z takes part in an event"),
        (PLAN, {"z": "actor,gdp\nA,1\n"}, "z needs a column z or value or replace"),
        (PLAN, {"z": "actor,z,date\nA,1,2000-06-01\n"}, "z has no value for anyone before 2000-01-01"),
        (PLAN + "missing: refuse\n", {}, "z is missing for 1 of 3 before 2000-01-01"),
        (
            PLAN + "presence: p.csv\n",
            {"p": "actor,start,end\nC,,2000-01-15\n"},
            "t.csv, line 3: an event on 2000-02-01 has a side that is not present (found 'B-C')",
        ),
        (
            PLAN + "actors: n.csv\n",
            {"n": "label\nA\nB\n"},
            "t.csv, line 3: this actor is not on the list (found 'C')",
        ),
        (PLAN + "actors: n.csv\n", {"n": "label,since\n,1900\n"}, "n.csv: the list names no actor"),
        (
            PLAN,
            {"z": "label,A,B\nA,1,2\n", "t": "x,A,B\nA,0,1\nB,2,0\n"},
            "t.csv, line 2, column B: the two halves",
        ),
        (
            PLAN.replace("alter(z)", "altr(z)"),
            {},
            "plan.yaml:4:23: error[E211] effects[1]: no effect is called 'altr'",
        ),
        (
            PLAN.replace("alter(z)", "alter(q)"),
            {},
            "plan.yaml:4:23: error[E107] effects[1]: alter(q) reads `q`",
        ),
        (PLAN.replace("z.csv", "zz.csv"), {}, "plan.yaml:3:13: error[E001] states.z: not found: `zz.csv`"),
        (PLAN.replace("states", "state"), {}, "plan.yaml:3:1: error[E101] state: unknown key `state`"),
        (
            PLAN + "first: 2001-01-01\nlast: 2000-01-01\n",
            {},
            "plan.yaml:6:7: error[E210] last: 2000-01-01 is before",
        ),
        (
            PLAN + "missing: zero\n",
            {},
            "plan.yaml:5:10: error[E211] missing: `zero` is none of mean, mean_of_all, mean_kept, refuse",
        ),
        ("effects: [inertia(t)]\n", {}, "error[E103] events: `events` is required"),
        ("[1, 2]\n", {}, "error[E201] expected a mapping with keys title"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, plan: str, files: dict[str, str], message: str) -> None:
    put(tmp_path, **{"t": GOOD, "z": "actor,z\nA,1\nB,2\nC,\n", **files})
    (tmp_path / "plan.yaml").write_text(plan, encoding="utf-8")
    order = ["fit", str(tmp_path / "plan.yaml"), "--model", "coordination", "--out", str(tmp_path / "o.yaml")]
    result = CliRunner().invoke(main, order)
    assert result.exit_code == 4, result.output
    assert message in result.output
    assert not (tmp_path / "o.yaml").exists()
    told = json.loads(CliRunner().invoke(main, [*order, "--json"]).stdout)
    assert told["errors"][0]["message"]


def test_others_and_absent_may_be_left_out(tmp_path: Path) -> None:
    put(
        tmp_path,
        t=GOOD + "A,X,2000-03-01,1\n",
        n="label,since\nA,1900\nB,1900\nC,1900\nA,1950\n",
        p="actor,start,end\nC,,2000-01-15\n",
    )
    plan = tmp_path / "coordination.yaml"
    plan.write_text(
        "events: t.csv\nnetworks: {t: t.csv}\nactors: n.csv\nothers: drop\nabsent: drop\npresence: p.csv\n"
        "effects: inertia(t)\n",
        encoding="utf-8",
    )
    data = read_coordination_plan(tmp_path).load()
    assert data.actors == ("A", "B", "C")
    assert len(data.events) == 1
    assert "1 events with a side that is not present left out" in data.notes
    assert sum("not on the list" in note for note in data.notes) == 2


def test_a_network_and_a_covariate_of_one_name(tmp_path: Path) -> None:
    """Each brings its own actors."""
    files = put(tmp_path, t=GOOD, n="a,b,value\nA,D,1\n", z="actor,z\nA,1\nE,2\n")
    data = load_event_data(files["t"], networks={"z": files["n"]}, states={"z": files["z"]})
    assert data.actors == ("A", "B", "C", "D", "E")


def test_what_is_imputed_is_of_the_covariate_that_is_read(tmp_path: Path) -> None:
    """Of states a third is missing, of pairs of the same name nothing."""
    files = put(tmp_path, t=GOOD, z="actor,z\nA,1\nB,2\nC,\n", p="a,b,z\nA,B,1\nA,C,1\nB,C,1\n")
    data = load_event_data(files["t"], states={"z": files["z"]}, pairs={"z": files["p"]})
    found = ChoiceSets(data, [Effect("alter", "z")], missing="mean").coverage()[1]
    assert found == {"z": pytest.approx(1 / 3)}


def test_options_of_the_rates_are_refused() -> None:
    result = CliRunner().invoke(main, ["fit", str(SHIPPED), "--model", "coordination", "--first", "1990"])
    assert result.exit_code == 2
    assert "--first belongs to --model rates" in result.output
    result = CliRunner().invoke(main, ["fit", str(SHIPPED / "coordination.yaml")])
    assert result.exit_code == 2
    assert "a plan needs --model coordination" in result.output


def test_words_that_an_option_does_not_know_are_refused(tmp_path: Path) -> None:
    """From Python too, where no plan has checked them."""
    (tmp_path / "t.csv").write_text("a,b,date\nx,y,2000-01-01\n", encoding="utf-8")
    for option in ("others", "absent"):
        with pytest.raises(DataError, match=f"{option} has no such value .*'Drop'.*refuse or drop"):
            load_event_data(tmp_path / "t.csv", **{option: "Drop"})
    data = load_event_data(tmp_path / "t.csv")
    with pytest.raises(DataError, match="missing has no such value"):
        fit_coordination(data, (), missing="median")  # type: ignore[arg-type]
