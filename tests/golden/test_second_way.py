"""What is stored as bytes alone, worked out a second way: whoever makes a file again has its bytes pass, not these.

Golden texts by counting what they list; calibrations by the engine in place of the likelihood; posterior effects by
draws of the table beside them."""

import re
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import yaml
from balance_sim.evidence.estimation.choices import scenario_on, signing_day
from balance_sim.evidence.posterior.effect_draws import COLUMNS, effects_over
from balance_sim.evidence.posterior.parameter_draws import posterior_draws
from balance_sim.model.baseline import classes_of, compile_worlds, expected_a_year
from balance_sim.scenario import load_scenario

HERE = Path(__file__).parent
SCENARIOS = HERE.parents[1] / "scenarios"
TEXTS = sorted(path.stem for path in HERE.glob("*.txt"))
LISTED = re.compile(
    r"(?P<mark>[-+ ]?) ?(?P<day>\d{4}-\d\d-\d\d)  (?P<a>[A-Z]{3})-(?P<b>[A-Z]{3})  (?P<kind>\w+)  (?P<of>\w+): (?P<how>.*)"
)
CONSENT = re.compile(r" {6}[A-Z]{3} (?P<p>[01]\.\d+) against (?P<needs>[01]\.\d+): ")
TALKS = re.compile(r"talks since (\d{4}-\d\d-\d\d), (\d+) days")


@pytest.mark.parametrize("name", TEXTS)
def test_what_a_golden_text_counts_is_what_it_lists(name: str) -> None:
    scenario, lines = load_scenario(SCENARIOS / f"{name}.yaml"), (HERE / f"{name}.txt").read_text().splitlines()
    classes = classes_of(scenario)
    focal = next(
        event.date for version in [scenario, *scenario.arms.values()] for event in getattr(version, "events", ())
        if event.id == scenario.focal
    )  # fmt: skip
    heads = [k for k, line in enumerate(lines) if re.match(r"\w+, \d+ agreements", line)]
    outcomes = next(k for k, line in enumerate(lines) if line.startswith("outcomes: "))
    windows = [int(days) for days in re.findall(r"\d+(?= \||(?= days))", lines[outcomes])]
    assert windows == sorted(scenario.report.windows)
    counted = dict(line.split(": ", 1) for line in lines[outcomes + 1 :] if ": " in line)
    control = [match for line in lines[heads[0] : heads[1]] if (match := LISTED.fullmatch(line))]
    changes = [match for line in lines[heads[1] : outcomes] if (match := LISTED.fullmatch(line))]
    key = ("day", "a", "b", "kind", "of", "how")
    in_control = Counter(match.group(*key) for match in control)
    in_arm = in_control.copy()
    for match in changes:
        in_arm[match.group(*key)] += {"+": 1, "-": -1}[match["mark"]]
    assert min(in_arm.values(), default=0) >= 0
    for head, rows in zip(heads, (in_control, in_arm), strict=True):
        assert int(re.findall(r", (\d+) agreements", lines[head])[0]) == rows.total()
    for of in ("counter", "with_participant", "other"):
        for title, is_security in (("accords", True), ("declarations", False)):
            written = [[int(n) for n in cell.split(", ")] for cell in counted[f"{title}_{of}"].split(" | ")]
            for window, numbers in zip(windows, written, strict=True):
                mine = []
                for rows in (in_control, in_arm):
                    number = 0
                    for (day, a, b, kind, direction, how), times in rows.items():
                        assert direction == classes.direction(a, b)
                        days = (date.fromisoformat(day) - focal).days
                        is_new = not how.startswith(("date fixed", "by accession")) and 1 <= days <= window
                        number += times * (is_new and direction == of and scenario.kinds[kind].security == is_security)
                    mine.append(number)
                assert mine == [numbers[0], numbers[-1]], (title, of, window)


@pytest.mark.parametrize("name", TEXTS)
def test_talks_of_a_golden_text_opened_where_both_consented(name: str) -> None:
    """The uniform number lies below the probability on both sides; the days of talks are those between the dates."""
    lines = (HERE / f"{name}.txt").read_text().splitlines()
    consents = [match for line in lines if (match := CONSENT.match(line))]
    assert len(consents) % 2 == 0
    assert all(float(match["needs"]) <= float(match["p"]) + 0.001 for match in consents)
    for line in lines:
        match, talks = LISTED.fullmatch(line), TALKS.search(line)
        if match and talks:
            opened, signed = date.fromisoformat(talks[1]), date.fromisoformat(match["day"])
            assert (signed - opened).days == int(talks[2])


@pytest.mark.parametrize("name", ["nolimits_2022", "aukus_2021"])
def test_levels_of_a_calibration_by_the_engine(name: str) -> None:
    """A year's level is its agreements over what the engine expects of the world as it stood on its first day: the
    likelihood is not asked. Of the three years with most agreements."""
    scenario = load_scenario(SCENARIOS / f"{name}.yaml", drawn=False)
    written = yaml.safe_load((SCENARIOS / name / "calibration.yaml").read_text())
    levels = {date.fromisoformat(str(day)): level for day, level in written["levels"].items()}
    starts = sorted(levels)
    signed: dict[date, int] = dict.fromkeys(starts, 0)
    for agreement in scenario.agreements:
        day = signing_day(agreement)
        if day is not None and not agreement.multilateral and starts[0] <= day < scenario.start:
            signed[max(start for start in starts if start <= day)] += 1
    most = sorted(starts[:-1], key=lambda start: -signed[start])[:3]
    assert min(signed[start] for start in most) > 8
    ratios = []
    for start in most:
        worlds = compile_worlds(scenario_on(scenario, start))
        ratios.append(signed[start] / expected_a_year(worlds.reference, worlds.baseline) / levels[start])
    assert ratios == pytest.approx([1.0] * len(ratios), rel=0.02)


def test_the_effect_over_draws_is_that_of_the_table() -> None:
    """The first draws of the table, through the expected estimator: median and spread of level and effect."""
    scenario = load_scenario(SCENARIOS / "solomon_2022.yaml")
    draws, headline = posterior_draws(scenario), scenario.posterior.headline
    few = effects_over(scenario, [(draws.first(60), True)], headline["arm"])[0]
    for place, name in enumerate(COLUMNS):
        of = headline["posterior"]["of"][name]
        low, high = of["ci95"]
        inside = np.mean((few[:, place] >= low) & (few[:, place] <= high))
        assert inside >= 0.8, name
        below = np.mean(few[:, place] <= of["median"])
        if high > low:
            assert 0.3 <= below <= 0.7, name
