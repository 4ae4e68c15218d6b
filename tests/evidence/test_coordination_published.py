"""The two-sided choice on records as they are published, against a likelihood in plain NumPy.

The second implementation here reads the files itself, applies them row after row as a stream, and works out
probabilities, scores and both kinds of standard errors from the definitions, with nothing of ours."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import subprocess
import sys
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from balance_sim.cli.program import main
from balance_sim.coordination import choice
from balance_sim.coordination.choice import ChoiceSets, fit_coordination
from balance_sim.coordination.effects import parse_effect, windowed
from balance_sim.coordination.events import event_days
from balance_sim.coordination.files import load_event_data
from balance_sim.coordination.plan import read_coordination_plan
from balance_sim.evidence.data.errors import DataError, DataErrors
from balance_sim.evidence.data.ties import (
    read_covariate,
    read_presence,
    read_ties,
)

_spec = importlib.util.spec_from_file_location("treaties", Path(__file__).with_name("treaties.py"))
assert _spec is not None and _spec.loader is not None
treaties = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(treaties)

MONTHS_18 = 18 * 365.25 / 12
Row = dict[str, str]


@cache
def read(folder: Path, name: str) -> list[Row]:
    with (folder / name).open(encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def day(text: str) -> float:
    """Days since 1960; a blank is the beginning of time."""
    return -np.inf if not text else float((np.datetime64(text) - np.datetime64("1960-01-01")).astype(int))


def number(text: str) -> float:
    return np.nan if text in ("", "NA") else float(text)


class Stream:
    """The record at each moment with events, by applying rows one after the other.

    kept: a later blank takes the mean of the others when its row comes. distinct: equal treaties of one moment are
    one where repetitions are looked for. last: of rows of one moment that set a covariate or a border the last
    holds, else the first."""

    def __init__(self, folder: Path, *, kept: bool = True, distinct: bool = True, last: bool = True) -> None:
        self.labels = [row["label"] for row in read(folder, "states.csv")]
        self.place = {label: k for k, label in enumerate(self.labels)}
        self.kept, self.distinct, self.last = kept, distinct, last
        self.folder = folder
        self.nodes = read(folder, "states.csv")
        self.treaties = read(folder, "treaties.csv")
        self.moments = [self.at(time) for time in sorted({day(t["time"]) for t in self.made()})]

    def made(self) -> list[Row]:
        return [row for row in self.treaties if row["time"] and row["increment"] == "1"]

    def rows(self, name: str, who: str) -> list[Row]:
        """In order of time, rows of one moment in file order; of two of one moment one alone if the first holds."""
        rows = sorted(read(self.folder, name), key=lambda row: day(row["time"]))
        if self.last:
            return rows
        first: dict[tuple[str, ...], Row] = {}
        for row in rows:
            first.setdefault((row["time"], *sorted(row[key] for key in who.split())), row)
        return list(first.values())

    def values(self, column: str, file: str, now: float) -> np.ndarray:
        z = np.array([number(row[column]) for row in self.nodes])
        changes = [row for row in self.rows(file, "node") if day(row["time"]) < now]
        start = [row for row in changes if row["time"] == ""]
        for row in start:
            if self.last:
                z[self.place[row["node"]]] = number(row["replace"])
        z[np.isnan(z)] = z[~np.isnan(z)].mean()
        for row in changes[len(start) :]:
            k, value = self.place[row["node"]], number(row["replace"])
            others = np.delete(z, k)
            z[k] = (others.mean() if self.kept else z.mean()) if np.isnan(value) else value
        return z

    def network(self, now: float, since: float = -np.inf, *, once: bool = False) -> np.ndarray:
        x = np.zeros((len(self.labels), len(self.labels)))
        seen = set()
        for row in self.treaties:
            i, j = sorted((self.place[row["sender"]], self.place[row["receiver"]]))
            key = (i, j, row["time"], row["increment"])
            if not day(row["time"]) < now or day(row["time"]) < since or (once and key in seen):
                continue
            seen.add(key)
            x[i, j] = x[j, i] = x[i, j] + float(row["increment"])
        return x

    def at(self, now: float) -> tuple[np.ndarray, list[tuple[int, int]]]:
        """(P, m, m) statistics among those present, and the events as positions among them."""
        there = np.array([row["present"] == "True" for row in self.nodes])
        for row in sorted(read(self.folder, "presence.csv"), key=lambda row: day(row["time"])):
            if day(row["time"]) <= now:
                there[self.place[row["node"]]] = row["replace"] == "True"
        near = np.zeros((len(self.labels), len(self.labels)))
        for row in self.rows("contiguity.csv", "sender receiver"):
            if day(row["time"]) < now:
                i, j = self.place[row["sender"]], self.place[row["receiver"]]
                near[i, j] = near[j, i] = float(row["replace"])
        tied = (self.network(now) > 0).astype(float)
        recent = self.network(now, now - MONTHS_18) > 0
        fresh = ~(self.network(now, once=self.distinct) > 0)
        regime, gdp = self.values("regime", "regime.csv", now), self.values("gdp", "gdp.csv", now)
        one = np.ones_like(tied)
        s = [
            recent.astype(float),
            tied.sum(axis=0)[None, :] * fresh,
            (tied @ tied) * fresh,
            near,
            one * regime[None, :],
            np.abs(regime[:, None] - regime[None, :]),
            one * gdp[None, :],
            np.outer(gdp, gdp),
        ]
        here = np.flatnonzero(there)
        where = {k: m for m, k in enumerate(here)}
        events = [
            (where[self.place[row["sender"]]], where[self.place[row["receiver"]]])
            for row in self.made()
            if day(row["time"]) == now
        ]
        return np.array([one[np.ix_(here, here)] for one in s]), events


def terms(b: np.ndarray, stream: Stream) -> tuple[float, np.ndarray, np.ndarray]:
    """Log-likelihood, score and expected information: ln P{i,j} = U_ij - ln sum_kl e^U_kl over the dyads present,
    U_ij = b (s_ij + s_ji) - ln sum_k e^(b s_ik) - ln sum_k e^(b s_jk)."""
    value, slope, information = 0.0, np.zeros(len(b)), np.zeros((len(b), len(b)))
    for s, events in stream.moments:
        m = s.shape[1]
        utility = np.exp(np.tensordot(b, s, 1))
        np.fill_diagonal(utility, 0.0)
        total = utility.sum(axis=1)
        mean = (utility * s).sum(axis=2).T / total[:, None]
        i, j = np.triu_indices(m, 1)
        u = np.log(utility[i, j] * utility[j, i] / (total[i] * total[j]))
        d = (s[:, i, j] + s[:, j, i]).T - mean[i] - mean[j]
        chance = np.exp(u) / np.exp(u).sum()
        middle = chance @ d
        for event in events:
            k = int(np.flatnonzero((i == min(event)) & (j == max(event)))[0])
            value += np.log(chance[k])
            slope += d[k] - middle
            information += (d - middle).T @ ((d - middle) * chance[:, None])
    return value, slope, information


def curvature(b: np.ndarray, stream: Stream) -> np.ndarray:
    """Minus the derivative of the score, by central differences."""
    step = 1e-5
    columns = [(terms(b - step * e, stream)[1] - terms(b + step * e, stream)[1]) / (2 * step) for e in np.eye(len(b))]
    return (np.array(columns) + np.array(columns).T) / 2


def peak(stream: Stream) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    """Estimates, log-likelihood, observed and expected standard errors, by Fisher scoring from 0."""
    b = np.zeros(8)
    value, slope, information = terms(b, stream)
    for _ in range(60):
        step = np.linalg.solve(information, slope)
        if slope @ step < 1e-13:
            break
        while (after := terms(b + step, stream))[0] < value - 1e-12:
            step = step / 2
        b, (value, slope, information) = b + step, after
    observed, expected = np.linalg.inv(curvature(b, stream)), np.linalg.inv(information)
    return b, value, np.sqrt(np.diag(observed)), np.sqrt(np.diag(expected))


@pytest.mark.parametrize("seed", [5, *(pytest.param(seed, marks=pytest.mark.long) for seed in (6, 7, 8))])
def test_a_record_as_it_comes_against_plain_numpy(tmp_path: Path, seed: int) -> None:
    """Coefficients, log-likelihood and both standard errors; every trait changes the log-likelihood."""
    plan_file = treaties.as_published(tmp_path, seed)
    out = tmp_path / "o.yaml"
    result = CliRunner().invoke(main, ["fit", str(plan_file), "--model", "coordination", "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    stream = Stream(tmp_path)
    b, value, observed, expected = peak(stream)
    rows = found["effects"]
    assert found["fitted"]["log_likelihood"] == pytest.approx(value, rel=1e-10)
    for key, ours in (
        ("estimate", b),
        ("standard_error_observed", observed),
        ("standard_error_expected", expected),
    ):
        assert [row[key] for row in rows] == pytest.approx(list(ours), rel=5e-6), key
    assert not np.allclose(observed, expected, rtol=1e-3)
    other = partial(Stream, tmp_path)
    for changed in (other(kept=False), other(distinct=False), other(last=False)):
        assert abs(terms(b, changed)[0] - value) > 1e-3


TIES = "a,b,date,value\nA,B,2000-01-01,1\nB,C,2000-02-01,1\nC,D,2000-03-01,1\nA,D,2000-04-01,1\n"
TWICE = {
    "t": TIES + "A,C,2000-05-01,1\nC,A,2000-05-01,2\nA,C,2000-05-01,2\n",
    "n": "a,b,value,date\nA,C,1,\nB,D,1,2000-01-05\nA,C,0,\nB,D,1,2000-01-05\n",
    "z": "actor,date,z\nA,,1\nB,,2\nC,,3\nD,,4\nA,2000-01-05,5\nB,2000-01-05,7\nA,2000-01-05,6\nA,2000-01-05,6\n",
    "y": "actor,z\nA,8\nB,2\n",
    "w": "a,b,date,w\nA,B,,1\nB,A,,2\nC,D,,1\nA,C,,3\n",
    "p": "actor,date,present\nE,2000-01-05,TRUE\nE,2000-01-05,FALSE\nE,2000-01-05,FALSE\n",
}
TWICE_PLAN = (
    "events: t.csv\nnetworks: {t: t.csv, n: n.csv}\nstates: {z: [z.csv, y.csv]}\npairs: {w: w.csv}\npresence: p.csv\n"
    "effects: [inertia(t), tie(n), alter(z), pair(w)]\n"
)


def put(folder: Path, plan: str, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    path = folder / "coordination.yaml"
    path.write_text(plan, encoding="utf-8")
    return path


def test_rows_that_contradict_each_other_are_all_named(tmp_path: Path) -> None:
    """Of ties, networks, covariates of states and of dyads, presence; within a file, and between two."""
    plan = put(tmp_path, TWICE_PLAN, TWICE)
    with pytest.raises(DataErrors) as caught:
        read_coordination_plan(plan).load()
    said = [(Path(str(one.path)).name, one.line, one.message) for one in caught.value.each]
    assert said == [
        ("t.csv", 7, "A-C on 2000-05-01 is set to 2 here, and set to 1 on line 6, at one moment"),
        ("n.csv", 4, "A-C at the start is set to 0 here, and set to 1 on line 2, at one moment"),
        ("y.csv", 2, "A at the start is set to 8 here, and set to 1 on line 2 of z.csv, at one moment"),
        ("z.csv", 8, "A on 2000-01-05 is set to 6 here, and set to 5 on line 6, at one moment"),
        ("w.csv", 3, "A-B at the start is set to 2 here, and set to 1 on line 2, at one moment"),
        ("p.csv", 3, "E on 2000-01-05 is set to FALSE here, and set to TRUE on line 2, at one moment"),
    ]
    for command in (
        ["fit", str(plan), "--model", "coordination", "--out", str(tmp_path / "o.yaml")],
        ["check", str(plan)],
    ):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 4
        assert result.stderr.count("error: ") == 6
        assert f"{tmp_path / 'w.csv'}, line 3: A-B at the start" in result.stderr
        assert "Keep one of the two, or set `conflicts: last`" in result.stderr
        records = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)["errors"]
        assert [(Path(one["file"]).name, one["line"]) for one in records] == [one[:2] for one in said]


def test_the_last_row_of_a_moment_holds_where_a_plan_says_so(tmp_path: Path) -> None:
    """The same as the record cleaned by hand, and a note counts what was overruled."""
    data = read_coordination_plan(put(tmp_path, TWICE_PLAN + "conflicts: last\n", TWICE)).load()
    days = list(event_days(data))
    assert [len(one.first) for one in days] == [1, 1, 1, 1, 1]
    assert days[0].moment.networks["n"][0, 2] == 0
    assert days[0].moment.states["z"].tolist()[:4] == [8, 2, 3, 4]
    assert days[1].moment.states["z"].tolist()[:4] == [6, 7, 3, 4]
    assert days[0].moment.pairs["w"][0, 1] == 2
    assert [bool(one.present[4]) for one in days] == [True, False, False, False, False]
    assert [note for note in data.notes if "holds" in note or "repeat" in note] == [
        "1 rows of t.csv contradict one before them of the same moment: the last holds",
        "1 rows of n.csv contradict one before them of the same moment: the last holds",
        "1 rows of y.csv repeat what a file before it says",
        "2 rows of z.csv, y.csv contradict one before them of the same moment: the last holds",
        "1 rows of w.csv contradict one before them of the same moment: the last holds",
        "1 rows of p.csv contradict one before them of the same moment: the last holds",
    ]


def test_a_tie_that_is_set_and_changed_at_one_moment(tmp_path: Path) -> None:
    """Increments of one moment add up and contradict nothing; beside a value the order of the file counts."""
    text = "a,b,date,increment,value\nA,B,2000-01-01,1,\nA,B,2000-01-01,1,\nB,C,2000-01-01,3,\nB,C,2000-01-01,,1\n"
    text += "A,C,2000-01-01,,2\nA,C,2000-01-01,1,\nA,B,2000-02-01,1,\n"
    file = tmp_path / "t.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataErrors, match="A-C on 2000-01-01 is changed by 1 here, and set to 2 on line 6") as caught:
        load_event_data(file, networks={"t": file})
    assert [one.line for one in caught.value.each] == [5, 7]
    data = load_event_data(file, networks={"t": file}, conflicts="last")
    x = list(event_days(data))[1].moment.networks["t"]
    assert (x[0, 1], x[1, 2], x[0, 2]) == (2, 1, 3)


def test_of_three_rows_the_first_and_last_alike_the_last_holds(tmp_path: Path) -> None:
    """A, B, A: neither is a repetition of the row before it."""
    file = tmp_path / "z.csv"
    file.write_text("actor,z\nA,1\nA,2\nA,1\nB,\nB,\n", encoding="utf-8")
    read = read_covariate(file, "z", conflicts="last")
    assert read.frame.set_index("actor")["z"].to_dict() == pytest.approx({"A": 1, "B": np.nan}, nan_ok=True)
    assert "2 rows contradict one before them of the same moment: the last holds" in read.report.notes
    assert [(one.reason, one.lines) for one in read.report.dropped] == [
        ("the same value of the same actor and date again", (6,))
    ]


@pytest.mark.parametrize("name", ["line", "increment", "value"])
def test_a_covariate_may_have_any_name(tmp_path: Path, name: str) -> None:
    """None of the columns that readers use themselves hides a contradiction, or takes a row for a repetition."""
    files = {"t": TIES, "z": f"actor,{name}\nA,1\nB,2\nC,3\nD,4\nA,5\n"}
    plan = f"events: t.csv\nnetworks: {{t: t.csv}}\nstates: {{{name}: z.csv}}\neffects: [inertia(t), alter({name})]\n"
    with pytest.raises(DataError, match=r"z\.csv, line 6: A at the start is set to 5 here, and set to 1 on line 2"):
        read_coordination_plan(put(tmp_path, plan, files)).load()
    data = read_coordination_plan(put(tmp_path, plan + "conflicts: last\n", files)).load()
    assert next(event_days(data)).moment.states[name].tolist() == [5, 2, 3, 4]


def test_readers_by_themselves_refuse_or_take_the_last(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    readers = {
        "a,b,date,value\nA,B,2000,1\nA,B,2000,2\n": read_ties,
        "actor,date,present\nA,2000,TRUE\nA,2000,FALSE\n": read_presence,
        "actor,year,z\nA,2000,1\nA,2000,2\n": partial(read_covariate, column="z"),
        "a,b,year,z\nA,B,2000,1\nB,A,2000,2\n": partial(read_covariate, column="z", pairs=True),
    }
    for text, reader in readers.items():
        file.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=r"f\.csv, line 3: A(-B)? on 2000-0[17]-01 is set to .* on line 2"):
            reader(file)
        read = reader(file, conflicts="last")
        assert len(read.frame) == 1
        assert "1 rows contradict one before them of the same moment: the last holds" in read.report.notes


def test_an_event_that_is_wrong_is_found_in_its_own_file(tmp_path: Path) -> None:
    """With two files of events the place was a line of the second in the name of the first."""
    for name, text in (
        ("t", "a,b,date\nA,B,2000-01-01\n"),
        ("u", "a,b,date\nA,B,2000-02-01\nA,C,2000-03-01\n"),
    ):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    (tmp_path / "p.csv").write_text("actor,start,end\nC,,1999-01-01\n", encoding="utf-8")
    data = load_event_data([tmp_path / "t.csv", tmp_path / "u.csv"], presence=tmp_path / "p.csv")
    with pytest.raises(DataError, match=r"u\.csv, line 3: an event on 2000-03-01"):
        list(event_days(data))


MEANS = "actor,date,z\nA,,1\nB,,4\nC,,\nD,2000-03-01,\nA,2000-03-01,\nB,2000-03-01,10\nC,2000-06-01,5\n"


def test_means_that_are_kept_by_hand(tmp_path: Path) -> None:
    """At the start (1 + 4) / 2 for C, D and E. In March, in file order, D takes (1 + 4 + 2.5 + 2.5) / 4 = 2.5, then
    A (4 + 2.5 + 2.5 + 2.5) / 4 = 2.875, then B is 10; in June C is 5 and nobody else moves."""
    files = {
        "t": "a,b,date\nA,B,2000-01-01\nB,C,2000-04-01\nC,D,2000-07-01\n",
        "z": MEANS,
        "n": "label\nA\nB\nC\nD\nE\n",
        "p": "actor,start,end\nE,2001,\n",
    }
    plan = "events: t.csv\npresence: p.csv\nstates: {z: z.csv}\neffects: [alter(z)]\nactors: n.csv\n"
    expected = {
        "mean_kept": [[1, 4, 2.5, 2.5], [2.875, 10, 2.5, 2.5], [2.875, 10, 5, 2.5]],
        "mean": [[1, 4, 2.5, 2.5], [10, 10, 10, 10], [7.5, 10, 5, 7.5]],
    }
    for missing, rows in expected.items():
        read = read_coordination_plan(put(tmp_path, plan + f"missing: {missing}\n", files))
        made = ChoiceSets(read.load(), read.effects, read.missing)
        assert [[day.s[j - 1, j, 0] for j in range(4)] for day in made] == rows
        assert made.coverage()[1] == {"z": pytest.approx((2 / 4 + 3 / 4 + 2 / 4) / 3)}
    other_order = {
        **files,
        "z": MEANS.replace("A,2000-03-01,\nB,2000-03-01,10", "B,2000-03-01,10\nA,2000-03-01,"),
    }
    read = read_coordination_plan(put(tmp_path, plan + "missing: mean_kept\n", other_order))
    second = list(ChoiceSets(read.load(), read.effects, read.missing))[1]
    assert second.s[1, 0, 0] == (10 + 2.5 + 2.5 + 2.5) / 4


def test_means_that_are_kept_start_where_values_do(tmp_path: Path) -> None:
    """Without a value at the beginning of time the first moment with one is the start; before it there is none."""
    files = {
        "t": "a,b,date\nA,B,2000-02-01\n",
        "z": "actor,date,z\nA,2000-01-01,1\nB,2000-01-01,3\nC,2000-01-15,\n",
    }
    files["w"] = "a,b,w\nA,B,1\nA,C,5\n"
    plan = "events: t.csv\nstates: {z: z.csv}\npairs: {w: w.csv}\nmissing: mean_kept\neffects: [alter(z), pair(w)]\n"
    read = read_coordination_plan(put(tmp_path, plan, files))
    day = next(iter(ChoiceSets(read.load(), read.effects, read.missing)))
    assert day.s[0, 2].tolist() == [2, 5]
    assert day.s[1, 2].tolist() == [2, 3]  # dyads: (1 + 5) / 2, the diagonal counts for nothing
    files["t"] = "a,b,date\nA,B,1999-02-01\nA,C,2000-02-01\n"
    with pytest.raises(DataError, match="z has no value for anyone before 1999-02-01"):
        read_coordination_plan(put(tmp_path, plan, files)).fit(read_coordination_plan(tmp_path).load())


def test_equal_rows_of_one_moment_count_once_where_repetitions_are_looked_for(tmp_path: Path) -> None:
    """Two treaties of one day, of which one ends: a tie still, and none to a program that counts them once."""
    ties = "a,b,date,increment\nA,B,2000-01-01,1\nB,A,2000-01-01,1\nB,C,2000-01-02,1\nA,B,2000-02-01,-1\n"
    ties += "A,C,2000-03-01,1\n"
    plan = "events: t.csv\nnetworks: {t: t.csv}\neffects: inertia(t) + degree(t, ignore_repetitions)\n"
    for word, (inertia, degree) in {"all": (1, 0), "distinct": (1, 2)}.items():
        read = read_coordination_plan(put(tmp_path, plan + f"repetitions: {word}\n", {"t": ties}))
        day = list(ChoiceSets(read.load(), read.effects, read.missing, read.repetitions))[-1]
        assert day.s[0, 1].tolist() == [inertia, degree]  # A turns to B, who has A and C
    bare = read_coordination_plan(put(tmp_path, plan, {"t": ties}))
    assert (bare.repetitions, bare.conflicts) == ("all", "refuse")
    for option in ("repetitions", "conflicts"):
        result = CliRunner().invoke(main, ["check", str(put(tmp_path, plan + f"{option}: once\n", {"t": ties}))])
        assert result.exit_code == 4
        assert f"error[E211] {option}: `once` is none of" in result.stderr
    with pytest.raises(DataError, match="repetitions has no such value"):
        fit_coordination(bare.load(), bare.effects, repetitions="once")  # type: ignore[arg-type]


SHIPPED = Path(__file__).parents[2] / "experiments" / "invented_treaties"


def test_both_standard_errors_stand_side_by_side_and_named(tmp_path: Path) -> None:
    order = ["fit", str(SHIPPED), "--model", "coordination", "--out", str(tmp_path / "o.yaml")]
    found = json.loads(CliRunner().invoke(main, [*order, "--json"]).stdout)
    kinds = found["standard_errors"]
    assert "Hessian" in kinds["observed"]["from"]
    assert "Fisher" in kinds["expected"]["from"]
    assert "goldfish" in kinds["expected"]["compares_with"]
    assert "Newton" in kinds["observed"]["compares_with"]
    for name, kind in kinds.items():
        root = np.sqrt(np.diag(found[kind["covariance"]]["matrix"]))
        assert [row[kind["key"]] for row in found["effects"]] == pytest.approx(list(root))
        assert [row[f"standard_error_{name}"] for row in found["effects"]] == pytest.approx(list(root))
    text = CliRunner().invoke(main, order).stdout
    assert re.search("estimate +95 % CI +observed +expected +z\n", text)
    assert "Expected ones are from the Fisher information, as goldfish" in " ".join(text.split())
    row = found["effects"][0]
    assert re.search(f"{row['standard_error_observed']:.4f} +{row['standard_error_expected']:.4f} ", text)


GOOD = "a,b,date\nA,B,2000-01-01\nB,C,2000-02-01\nA,B,2000-03-01\nC,D,2000-04-01\n"
GOOD_PLAN = "events: t.csv\nnetworks: {t: t.csv}\nstates: {z: z.csv}\neffects: [alter(z)]\n"
Z = "actor,z\nA,1\nB,2.5\nC,1.5\nD,0.5\n"


def test_check_reports_what_fit_would(tmp_path: Path) -> None:
    bad = {
        "line 3, column date: this is not a date": (GOOD_PLAN, {"t": GOOD.replace("2000-02-01", "soon")}),
        "the file is empty": (GOOD_PLAN, {"z": ""}),
        "z is missing for 1 of 4": (GOOD_PLAN + "missing: refuse\n", {"z": Z.replace("1.5", "")}),
        "has a side that is not present": (
            GOOD_PLAN + "presence: p.csv\n",
            {"p": "actor,start,end\nC,,1999\n"},
        ),
        "it never tells one possible dyad from another": (GOOD_PLAN.replace("alter", "ego"), {}),
        "the data put them at infinity": (
            GOOD_PLAN.replace("[alter(z)]", "[inertia(t)]"),
            {"t": "a,b,date\nA,B,\nA,B,2000-01-01\nA,B,2000-02-01\n"},
        ),
        "none of the actors of z takes part": (GOOD_PLAN, {"z": "actor,z\nQ,1\n"}),
    }
    for message, (plan, files) in bad.items():
        path = put(tmp_path, plan, {"t": GOOD, "z": Z, **files})
        told = [
            CliRunner().invoke(main, command)
            for command in (
                ["check", str(path)],
                ["fit", str(path), "--model", "coordination", "--out", str(tmp_path / "o.yaml")],
            )
        ]
        assert [one.exit_code for one in told] == [4, 4], message
        assert message in told[0].stderr
        assert told[0].stderr == told[1].stderr
    path = put(tmp_path, GOOD_PLAN, {"t": GOOD, "z": Z + "E,\n"})
    result = CliRunner().invoke(main, ["check", str(path)])
    assert result.exit_code == 0, result.output
    assert "4 events at 4 moments, 2000-01-01 to 2000-04-01\n5 actors, 5 to 5 of them present\n" in result.stdout
    assert "note: z: 20.0% of its cells were blank and took a mean" in result.stdout
    told = json.loads(CliRunner().invoke(main, ["check", str(path), "--json"]).stdout)
    assert told["ok"]
    assert (told["plan"]["events"], told["plan"]["actors"], told["plan"]["effects"]) == (4, 5, 1)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("ego_alter_interaction(states$gdp)", "ego_alter(gdp)"),
        ("ego_alter_interaction(list(states$gdp, states$gdp))", "ego_alter(gdp)"),
        ('trans(net, history = "pooled")', "closure(net)"),
        ('indeg(net, type = "alter", ignore_repetitions = TRUE)', "degree(net, ignore_repetitions)"),
        ('inertia(net, window = "6 months")', "inertia(net, window=182.625)"),
        ("inertia(net, window = 1 month)", "inertia(net, window=30.4375)"),
        ('inertia(net, window = "36 hours")', "inertia(net, window=1.5)"),
        ('inertia(net, window = "720 minutes")', "inertia(net, window=0.5)"),
        ('inertia(net, window = "21600 seconds")', "inertia(net, window=0.25)"),
        ('inertia(net, window = "2 weeks")', "inertia(net, window=14)"),
        ('inertia(net, window = "1 year")', "inertia(net, window=365.25)"),
        ('trans(net, ignore_repetitions = "other")', "closure(net, ignore_repetitions=other)"),
        ("tie(network = net, weighted = TRUE)", "tie(net, weighted)"),
        ("alter(attribute = states$gdp)", "alter(gdp)"),
    ],
)
def test_current_spellings_of_other_programs(theirs: str, ours: str) -> None:
    assert parse_effect(theirs) == parse_effect(ours)
    assert parse_effect(theirs).name == ours


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ("tertius(net, states$gdp)", r"tertius has no counterpart here: .* Use alter\(covariate\)"),
        (
            "tertius_diff(net, states$gdp)",
            r"tertius_diff has no counterpart here: .* Use difference\(covariate\)",
        ),
        ("tertiusDiff(net, states$gdp)", r"tertiusDiff has no counterpart here"),
        ("node_trans(net)", r"node_trans has no counterpart here: .* Use closure\(network\)"),
        ("nodeTrans(net)", "nodeTrans has no counterpart here"),
        ("mixed_trans(list(net, border))", r"mixed_trans has no counterpart here: .* Use closure\(network\)"),
        ("mixed_common_sender(list(net, border))", r"Use closure\(network\)"),
        ("recip(net)", r"ties have no direction here.* Use inertia\(network\)"),
        ("common_receiver(net)", r"Use closure\(network\)"),
        ('trans(net, history = "sequential")', 'every effect is that of history="pooled". Leave history out'),
        ('indeg(net, type = "ego")', 'every effect is that of type="alter". Leave type out'),
        (
            "egoAlterInt(list(states$gdp, states$regime))",
            "ego_alter reads one network or covariate, not gdp and regime",
        ),
        ("inertia(net, window = 6 moons)", "Write a number of days.* or with a unit, as in window=6 months"),
    ],
)
def test_spellings_without_a_counterpart_name_ours(theirs: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_effect(theirs)


def test_a_window_is_written_with_every_digit() -> None:
    """Its name has to be read back as the same window, and two windows must not share a name."""
    for text in ("5 hours", "1 second", "7 months"):
        effect = parse_effect(f"inertia(net, window={text})")
        assert parse_effect(effect.name) == effect
    assert windowed("net", 1000000.0) != windowed("net", 1000001.0)


def test_derivatives_are_worked_out_where_a_step_is_taken_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once at the start and once a step: of a step that is too long the log-likelihood alone."""
    counts = {"derivatives": 0, "values": 0}

    def counted(name: str, function: object) -> object:
        def call(*given: object) -> object:
            counts[name] += 1
            return function(*given)  # type: ignore[operator]

        return call

    monkeypatch.setattr(choice, "day_derivatives", counted("derivatives", choice.day_derivatives))
    monkeypatch.setattr(choice, "day_value", counted("values", choice.day_value))
    plan = read_coordination_plan(SHIPPED)
    fit = plan.fit(plan.load())
    assert fit.iterations <= 8
    assert counts["derivatives"] == fit.moments * fit.iterations
    assert counts["values"] > fit.moments * (fit.iterations - 1)  # some step was too long


def test_days_of_different_size_share_their_working_memory() -> None:
    """Actors come and go: the block of one day must not show through in another."""
    plan = read_coordination_plan(SHIPPED)
    data = plan.load()
    days = list(ChoiceSets(data, plan.effects))
    room, b = np.empty(3 * max(day.s.size for day in days)), np.array(list(treaties.TRUTH.values()))
    assert len({len(day.s) for day in days[::16]}) > 3
    for day in days[::-16] + days[::16]:
        alone, shared = choice.day_derivatives(b, day), choice.day_derivatives(b, day, room)
        for one, other in zip(alone, shared, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_fit_needs_no_scipy(tmp_path: Path) -> None:
    """It took a second to import, of a fit of four."""
    code = (
        "import sys\nfrom balance_sim.cli.program import main\n"
        "main(['fit', sys.argv[1], '--model', 'coordination', '--out', sys.argv[2]], standalone_mode=False)\n"
        "assert 'scipy' not in sys.modules"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code, str(SHIPPED), str(tmp_path / "o.yaml")],
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )
