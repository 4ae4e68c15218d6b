"""Do the tests hold the model? One change of meaning at a time, and whether a test falls.

    uv run python benchmarks/mutations.py                        # 240 changes drawn with seed 1, all rooms
    uv run python benchmarks/mutations.py --room model --count 60 --seed 2
    uv run python benchmarks/mutations.py --only model/threat.py:62
    uv run python benchmarks/mutations.py --named               # those that passed the tests once, and the like
    uv run python benchmarks/mutations.py --quick                # without the widest tests of each room
    uv run python benchmarks/mutations.py --own [ROOM]           # those written for a room, in benchmarks/mutants

Changes are of the kinds that a reader can make: a comparison's edge, an operator, a sign, a constant, an axis, two
indices or arguments exchanged, a factor or a summand left out, a condition turned round, the largest for the least, ego
for alter, a statement left out. They are drawn at random, as many from a file as it has places, from the modules of
ROOMS. Each is laid over a copy of the package; the tests of its room run first, those worked out by hand before all
others, then wider ones (`--quick`: not the widest), until one falls. Text, annotations, refusals and what is marked as
changing no result are left alone.

`--own` lays changes that a person wrote, each with what is wrong in it: benchmarks/mutants/<room>.toml has a room's,
and the tests that have to kill them, none of them a stored text.

Written for each: killed, by which test; or survived. A survivor is a place to look at: SAME names those that were
looked at and change no result that anybody can see, with the reason."""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = REPOSITORY / "src" / "balance_sim"
MUTANTS = REPOSITORY / "benchmarks" / "mutants"

BY_HAND = ("tests/model/by_hand", "tests/golden")
WIDER = (
    "tests/scenarios",
    "tests/study/test_mechanisms.py",
    "tests/study/test_explain.py",
    "tests/study/test_classes.py",
    "tests/study/test_hazard.py",
)


NOT_COMPUTING = (
    "__init__.py",
    "command.py",
    "documents.py",
    "figures.py",
    "files.py",
    "lines.py",
    "page.py",
    "parameter_files.py",
    "report.py",
)
"""Modules that read, print or draw."""


@dataclass(frozen=True)
class Room:
    """What is changed together, and who looks.

    Attributes
    ----------
    patterns : of files below src/balance_sim
    tests : paths, step by step: those worked out by hand before all others
    """

    patterns: tuple[str, ...]
    tests: tuple[tuple[str, ...], ...]

    @property
    def files(self) -> list[str]:
        """The files that there are, in order."""
        paths = [path for pattern in self.patterns for path in SOURCE.glob(pattern)]
        names = {path.relative_to(SOURCE).as_posix() for path in paths}
        return sorted(name for name in names if Path(name).name not in NOT_COMPUTING)


ROOMS = {
    "model": Room(
        ("model/*.py",),
        (
            BY_HAND,
            ("tests/model", "tests/results/test_by_hand.py"),
            ("tests/results/test_expected.py", *WIDER),
        ),
    ),
    "study": Room(
        (
            "study/control_variates.py",
            "study/estimates.py",
            "study/expected.py",
            "study/filtered.py",
            "study/outcomes.py",
            "study/recorder.py",
            "study/scene.py",
            "study/spans.py",
            "study/tables.py",
            "study/talks_at_start.py",
        ),
        ((*BY_HAND, "tests/results/test_estimates.py"), ("tests/results",), WIDER),
    ),
    "effects": Room(
        ("effects/*.py", "effects/explain/*.py"),
        (
            (
                "tests/results/test_expected.py",
                "tests/results/test_by_hand.py",
                "tests/study/test_sensitivity_by_hand.py",
                "tests/study/test_channels.py",
            ),
            (
                "tests/study/test_explain.py",
                "tests/study/test_indices.py",
                "tests/study/test_placebos.py",
                "tests/study/test_scale.py",
                "tests/results/test_headline_distance.py",
                "tests/study/test_world_at_start.py",
            ),
            WIDER,
        ),
    ),
    "stats": Room(
        ("stats/*.py",),
        (("tests/stats", "tests/study/test_indices.py"), ("tests/results",)),
    ),
    "evidence": Room(
        (
            "evidence/*.py",
            "evidence/estimation/*.py",
            "evidence/events/*.py",
            "evidence/reactions/*.py",
        ),
        (
            ("tests/evidence/test_by_hand.py", "tests/evidence/test_not_entering.py"),
            (
                "tests/evidence/test_likelihood.py",
                "tests/evidence/test_panel.py",
                "tests/evidence/test_event_weights.py",
                "tests/evidence/test_reactions.py",
            ),
            ("tests/evidence",),
        ),
    ),
    "posterior": Room(
        ("evidence/posterior/*.py", "evidence/goodness/*.py"),
        (
            ("tests/results/test_gof.py", "tests/evidence/test_not_entering.py"),
            (
                "tests/stats",
                "tests/results/test_effect_draws.py",
                "tests/study/test_values_in_use.py",
                "tests/study/test_parameter_draws.py",
                "tests/study/test_gof.py",
                "tests/study/test_hazard.py",
            ),
            ("tests/evidence",),
        ),
    ),
    "scores": Room(
        (
            "evidence/forecast/*.py",
            "evidence/cases/scor*.py",
        ),
        (
            (
                "tests/evidence/test_by_hand.py",
                "tests/evidence/test_cases_scores.py",
                "tests/evidence/test_not_entering.py",
                "tests/evidence/test_hindcast.py",
                "tests/evidence/test_reaction.py",
            ),
            ("tests/evidence",),
        ),
    ),
    "games": Room(
        (
            "games/acts.py",
            "games/choice.py",
            "games/equilibria.py",
            "games/extensive_form.py",
            "games/normal_form.py",
            "games/play.py",
            "games/players.py",
            "games/solve.py",
            "games/stages.py",
            "games/tables.py",
            "games/uncertain.py",
        ),
        (
            (
                "tests/game/test_solve.py",
                "tests/game/test_measures.py",
                "tests/game/test_study.py",
                "tests/stats",
            ),
            ("tests/game",),
        ),
    ),
    "article": Room(
        ("article/mechanisms/*.py", "article/beliefs.py"),
        (("tests/study/test_mechanisms.py",), BY_HAND),
    ),
}
"""Every room that computes."""

EDGE = "an equality of drawn numbers, which has probability zero"
ROUNDING = "a margin for rounding errors"
SAME: dict[tuple[str, str, str], str] = {
    (
        "model/baseline.py",
        "1.0",
        "1.25",
    ): "what stands in for a balance of 0, of which the threat is 0 too",
    ("model/beliefs.py", "day < world.grid[-1]", "day <= world.grid[-1]"): EDGE,
    ("model/landscape.py", "1e-12", "1.25e-12"): ROUNDING,
    ("model/landscape.py", "1e-300", "1.25e-300"): "a guard against a sum of 0",
    (
        "model/state.py",
        "state.depth[run, i, j]",
        "state.depth[run, j, i]",
    ): "depth is symmetric",
    ("model/thinning.py", "0.0", "0.5"): "spells begin on whole days",
    ("model/thinning.py", "1 + 1e-09", "1 - 1e-09"): ROUNDING,
    ("model/thinning.py", "1 + 1e-09", "1"): ROUNDING,
    ("model/thinning.py", "1 - 1e-09", "1 + 1e-09"): ROUNDING,
    ("model/thinning.py", "1 - 1e-09", "1"): ROUNDING,
    (
        "model/thinning.py",
        "consent(most.reshape(-1, *most.shape[-3:])) * (1 + 1e-09)",
        "consent(most.reshape(-1, *most.shape[-3:])) / (1 + 1e-09)",
    ): ROUNDING,
    ("model/thinning.py", "1e-09", "1.25e-09"): ROUNDING,
    (
        "model/perception.py",
        "state.provoked is not None and world.hazards is not None",
        "state.provoked is not None",
    ): "acts are drawn only where there are provocations",
    (
        "stats/intervals.py",
        "(freedom > 0) & (spread > rounding)",
        "(freedom > 0) | (spread > rounding)",
    ): "sizes differ only where there are two of a sign, so that there is a degree of freedom; else "
    + ROUNDING,
    (
        "stats/intervals.py",
        "(freedom > 0) & (spread > rounding)",
        "freedom > 0",
    ): ROUNDING,
    ("model/baseline.py", "0.0", "0.5"): "spells begin on whole days",
    (
        "study/scene.py",
        "cast.junior is not None and cast.third is not None and (cast.junior != cast.third)",
        "cast.junior is not None or cast.third is not None or cast.junior != cast.third",
    ): "a cast has a junior and a third, who differ, or neither",
    (
        "stats/lags.py",
        "1.0",
        "1.25",
    ): "what stands in where a factor is known, and is not read",
    (
        "study/recorder.py",
        "counter.sum",
        "counter.mean",
    ): "more or less than none; who has signed itself passes no buck, whatever others did",
    (
        "study/scene.py",
        "world.dyad_index[others, k]",
        "world.dyad_index[k, others]",
    ): "a dyad has one number",
    ("stats/intervals.py", "1e-09", "1.25e-09"): ROUNDING,
    (
        "stats/lags.py",
        "12",
        "13",
    ): "a closed form and SciPy's function, the same to the last digits",
}
"""Changes that were looked at and change nothing that anybody can see: (file, before, after) and the reason."""

NAMED: tuple[tuple[str, str, str, str, str], ...] = (
    ("model", "model/willingness.py", "autonomy reads the other side's partners",
     "(-p.world.autonomy * p.state.log_partners).take(p.row)",
     "(-p.world.autonomy * p.state.log_partners).take(p.other)"),
    ("model", "model/perception.py", "announced agreements never fade",
     "beliefs.decay(age, world.rules.signature_half_life_days)", "beliefs.decay(age, None)"),
    ("model", "model/pipeline.py", "negotiations on record are as long as any, however long they have lasted",
     "talks_length(world, key, kind, elapsed)", "talks_length(world, key, kind)"),
    ("model", "model/pipeline.py", "signed before the start and in force at once",
     "np.where(at_once & (waited == 0), 0.0, lag)", "np.where(at_once, 0.0, lag)"),
    ("model", "model/pipeline.py", "the wait since signature does not count",
     "clocks.gamma(draw, shape, mean, elapsed=waited)", "clocks.gamma(draw, shape, mean)"),
    ("model", "model/responses.py", "polarisation without weights",
     "weight = capability[i] * capability[j]", "weight = np.ones(len(i))"),
    ("model", "model/state.py", "a second agreement of a kind on record is not counted",
     "np.add.at(in_force, (record.dyad[rows], record.kind[rows]), 1)",
     "in_force[record.dyad[rows], record.kind[rows]] = 1"),
    ("model", "model/state.py", "a second agreement of a kind in a run is not counted",
     "np.add.at(state.in_force, state.agreements.clocks(rows), np.int16(by))",
     "state.in_force[state.agreements.clocks(rows)] = by"),
    ("model", "model/willingness.py", "ego's size for alter's",
     "log_size(p.world).take(p.alter)", "log_size(p.world).take(p.ego)"),
    ("model", "model/willingness.py", "ego's activity for alter's",
     "above_mean(logs).take(p.other)", "above_mean(logs).take(p.row)"),
    ("model", "model/willingness.py", "ego's partners for alter's",
     "above_mean(p.state.log_partners).take(p.other)", "above_mean(p.state.log_partners).take(p.row)"),
    ("model", "model/willingness.py", "the sign of hostility", "return -p.hostility", "return p.hostility"),
    ("model", "model/world.py", "trade of the partner for the state's",
     "trade[roster[row.state], roster[row.partner]]", "trade[roster[row.partner], roster[row.state]]"),
    ("model", "model/beliefs.py", "an event counts before its date",
     "np.where(starts >= dates, shares, 0.0)", "shares"),
    ("study", "study/outcomes.py", "in force on the focal day counts",
     "came = (made.in_force >= day + 1.0)", "came = (made.in_force >= day)"),
    ("study", "study/outcomes.py", "days rounded", "np.floor(signed) - focal", "np.round(signed) - focal"),
    ("study", "study/outcomes.py", "more than thirty days for thirty or more", "control_day - day >= days", "control_day - day > days"),
    ("study", "study/outcomes.py", "days without a counter-agreement run to the horizon",
     "first, float(longest)", "first, float(end - day)"),
    ("study", "study/outcomes.py", "the first one only within the longest window",
     "is_new(made.origin, signed, end - day)", "is_new(made.origin, signed, longest)"),
    ("study", "study/outcomes.py", "signed on the focal day counts", "& (after >= 1) & (after", "& (after >= 0) & (after"),
    ("study", "study/outcomes.py", "the last day of a window does not count",
     "(after >= 1) & (after <= window)", "(after >= 1) & (after < window)"),
    ("stats", "stats/intervals.py", "Welch's degrees of freedom pooled",
     "freedom = variance**2 / squares", "freedom = left.n + right.n - 2"),
    ("evidence", "evidence/scores.py", "the factor of few groups dropped",
     "count / (count - 1) * (sums**2)", "(sums**2)"),
    ("scores", "evidence/forecast/score.py", "the worst baseline for the best",
     "others.append((-skill, name))", "others.append((skill, name))"),
    ('effects', 'effects/placebos.py', 'placebo dates on days that have an event',
     'free = [day for day in days if day not in taken]',
     'free = [*days]'),
    ('effects', 'effects/participants.py', "sets with all of the event's principals but one",
     '<= size // 2]',
     '< size]'),
    ('effects', 'effects/participants.py', 'the least capable is the host',
     'return codes[max(principals, key=lambda',
     'return codes[min(principals, key=lambda'),
    ('effects', 'effects/placebos.py', "the event itself in a placebo's days",
     'range(int(world.focal_day) + 1,',
     'range(int(world.focal_day),'),
    ('effects', 'effects/sensitivity.py', 'total order under the name of first order',
     'columns = _columns(first=first, total=total)',
     'columns = _columns(first=total, total=first)'),
    ('effects', 'effects/sensitivity.py', 'factors named in reverse',
     'for path, first, total in zip(paths, estimates.first',
     'for path, first, total in zip(paths[::-1], estimates.first'),
    ('effects', 'effects/sensitivity.py', 'an elementary effect without the sign of its step',
     '[size * sign for _, sign in order]',
     '[size for _, _ in order]'),
    ('effects', 'effects/sensitivity.py', 'chance and parameters exchanged in the split',
     '            parameters=split.parameters,\n            chance=split.chance,',
     '            parameters=split.chance,\n            chance=split.parameters,'),
    ('effects', 'effects/sensitivity.py', 'the split over mixed points too',
     'if not part.startswith("AB")]',
     'if not part.startswith("X")]'),
    ('effects', 'effects/sensitivity.py', 'an effect is the control arm less the arm',
     'y = y - matrix(control, outcome)',
     'y = matrix(control, outcome) - y'),
    ('effects', 'effects/sensitivity.py', 'counts for filtered estimates',
     'values = point.smooth(arm, outcome)',
     'values = point.values(arm, outcome)'),
    ('effects', 'effects/compare.py', 'dyads: left less right',
     'difference = frame["right"] - frame["left"]',
     'difference = frame["left"] - frame["right"]'),
    ('effects', 'effects/channels.py', 'picture and threat exchanged',
     'WITHOUT = (TOGETHER | AIMED, AIMED, TOGETHER)',
     'WITHOUT = (TOGETHER | AIMED, TOGETHER, AIMED)'),
    ('games', 'games/solve.py', 'costs are paid out',
     'np.asarray(values.reshape(shape) - by_profile)',
     'np.asarray(values.reshape(shape) + by_profile)'),
    ('games', 'games/players.py', 'agreements of two that are wary alone are against a player',
     '~b_own & fearful & threatened)',
     '~b_own & fearful)'),
    ('games', 'games/players.py', "agreements among a player's own states are with it",
     'np.asarray(a_own != b_own)',
     'np.asarray(a_own | b_own)'),
    ('games', 'games/players.py', 'influence is over the player',
     '[scene.influence(state)[:, own].sum(axis=1) for state in members]',
     '[scene.influence(state)[:, members].sum(axis=1) for state in own]'),
    ('games', 'games/players.py', 'dependence counts what the player lends itself',
     'lent[:, own] = 0.0',
     'lent[:, own] *= 1.0'),
    ('games', 'games/players.py', 'relations of the player to itself',
     '    if part.outcome != "agreements_among":\n        named -= {*states}',
     '    named -= set()'),
    ('games', 'games/tables.py', 'best reply is what may be one',
     '"best": name in reply["best"],',
     '"best": name in reply["may_be"],'),
    ('games', 'games/tables.py', 'the outcome of the row before',
     'item = items[number]',
     'item = items[number - 1]'),
    ('evidence', 'evidence/estimation/calibration.py', 'the year that is forecast is in its calibration',
     'record.within(origin - window, origin - 1)',
     'record.within(origin - window, origin)'),
    ('evidence', 'evidence/estimation/calibration.py', 'the oldest year counts most towards the level',
     'year_weight = LEVEL_MEMORY ** np.arange(count - 1.0, -1.0, -1.0)',
     'year_weight = LEVEL_MEMORY ** np.arange(0.0, count)'),
    ('scores', 'evidence/forecast/skill_card.py', 'the year that is forecast trains its baselines',
     'rows.within(record.years[0], origin - 1)',
     'rows.within(record.years[0], origin)'),
    ('scores', 'evidence/forecast/own_baselines.py', 'an eleventh year in a baseline of ten',
     'last - WINDOW + 1, last',
     'last - WINDOW, last'),
    ('scores', 'evidence/forecast/own_baselines.py', "later agreements in a year's columns",
     'signed[signed["day"] < start]',
     'signed'),
    ('scores', 'evidence/forecast/baselines.py', "an eleventh year in a hindcast's baseline of ten",
     'last - window + 1, last',
     'last - window, last'),
    ('scores', 'evidence/forecast/hindcast.py', 'the first year forecast trains the baselines',
     'fitted_rows = rows.within(plan.first, plan.last)',
     'fitted_rows = rows.within(plan.first, plan.last + 1)'),
    ('scores', 'evidence/forecast/hindcast.py', 'the first year forecast is in the fit',
     'plan.last - plan.window + 1), plan.last)',
     'plan.last - plan.window + 1), plan.last + 1)'),
    ('posterior', 'evidence/goodness/set_back.py', 'dates fixed later in a world set back',
     '("signed", "in_force", "scheduled_signed", "scheduled_in_force", "ended")',
     '("signed", "in_force", "ended")'),
    ('posterior', 'evidence/goodness/set_back.py', 'events after the span in a world set back',
     'for event in in_arm.events if event.date < span.stop)',
     'for event in in_arm.events)'),
    ('evidence', 'evidence/estimation/choices.py', 'dates fixed later in a year of the record',
     '        "scheduled_in_force": None,\n',
     ''),
    ('evidence', 'evidence/estimation/choices.py', 'legs of treaties are choices of two states',
     'signed_on is None or agreement.multilateral or',
     'signed_on is None or'),
    ('posterior', 'evidence/goodness/networks.py', 'outside of a band is outside of both ends',
     'number < low or number > high',
     'number < low and number > high'),
    ('evidence', 'evidence/estimation/parameter_files.py', "declarations' intercepts are not what is added",
     'effects[-1] - effects[0], np.maximum',
     'effects[-1], np.maximum'),
    ('evidence', 'evidence/estimation/lines.py', 'the least ready states are named as most ready',
     'np.argsort(-intercepts, kind',
     'np.argsort(intercepts, kind'),
    ('study', 'study/estimates.py', 'shares of replications that rise and fall exchanged',
     '"share_positive": (late > late_control)',
     '"share_positive": (late < late_control)'),
    ('scores', 'evidence/forecast/reaction.py', 'counter-balancing and other agreements exchanged',
     'np.array([sum(counter), len(counter) - sum(counter)]',
     'np.array([len(counter) - sum(counter), sum(counter)]'),
    ('scores', 'evidence/forecast/reaction.py', 'legs of treaties count',
     '\n        | (rows["accord_id"].map(legs) > 1)',
     ''),
    ('scores', 'evidence/forecast/reaction.py', 'declarations count',
     'scenario.kinds.items() if kind.security]',
     'scenario.kinds.items()]'),
    ('scores', 'evidence/forecast/reaction.py', 'an eleventh year in the dispersion',
     'if period < periods and',
     'if period <= periods and'),
    ('scores', 'evidence/forecast/reaction.py', 'agreements from the start on in the dispersion',
     'agreement.multilateral or day >= scenario.start',
     'agreement.multilateral'),
    ('scores', 'evidence/forecast/reaction.py', 'the level apart for each count',
     'level = level - (shape + total) * np.log(shape + sum_expected)',
     'level = level - shape * np.log(shape + sum_expected)'),
    ('scores', 'evidence/forecast/reaction.py', 'a Bayes factor turned round',
     'factor = float(of_arm.mean() / of_control.mean())',
     'factor = float(of_control.mean() / of_arm.mean())'),
    ('scores', 'evidence/forecast/reaction.py', 'the ratio is to the arm with the event',
     'control = means[result.reference]',
     'control = means[result.headline_arm]'),
    ('scores', 'evidence/forecast/reaction.py', 'all agreements for the others',
     'np.stack([counter, total - counter], axis=1)',
     'np.stack([counter, total], axis=1)'),
    ('scores', 'evidence/forecast/reaction.py', 'dispersion widens nothing',
     'c, o = counter * scale, other * scale',
     'c, o = counter, other'),
    ('scores', 'evidence/forecast/forecast.py', 'the focal day is in the window',
     'return focal + timedelta(days=1), focal',
     'return focal, focal'),
    ('posterior', 'evidence/goodness/study.py', 'out of sample the span is calibrated on',
     'own_record(plain, WINDOW, until=day)',
     'own_record(plain, WINDOW)'),
    ('posterior', 'evidence/goodness/networks.py', 'a lag that ends after the span is known',
     'in_force < span.stop.toordinal()',
     'in_force < np.inf'),
    ('posterior', 'evidence/goodness/networks.py', 'the simulated vectors are tested against the record',
     'fit = lies_among(tested[0], tested[1:])',
     'fit = lies_among(tested[-1], tested[:-1])'),
    ('study', 'study/estimates.py', 'the control arm less the arm',
     'difference = having.smooth - control.smooth',
     'difference = control.smooth - having.smooth'),
    ('study', 'study/estimates.py', "a dyad's level in the arm for that in the control arm",
     'frame["mean_control"] = np.tile(frame["mean"][: len(dyads)], len(arms))',
     'frame["mean_control"] = frame["mean"]'),
    ('study', 'study/estimates.py', 'quantiles of filtered estimates',
     'counts, moments = having.counts, having.moments',
     'counts, moments = having.smooth, having.moments'),
    ('stats', 'stats/intervals.py', "Fieller's covariance by t, not its square",
     'a * b - t**2 * ab',
     'a * b - t * ab'),
    ('stats', 'stats/intervals.py', 'losses spread by the number of gains',
     'sides.lost**2 / np.maximum(sides.down, 1.0)',
     'sides.lost**2 / np.maximum(sides.up, 1.0)'),
    ('stats', 'stats/lags.py', 'at once and later exchanged',
     'at_once * signed + (1.0 - at_once) * later',
     '(1.0 - at_once) * direct + at_once * later'),
    ('stats', 'stats/lags.py', 'a level of the inverse variance',
     'gammaincinv(1.0 / variance, shares)',
     'gammaincinv(variance, shares)'),
    ('stats', 'stats/superposition.py', 'every copy of a draw is the same repetition',
     '(target + copy) % repetitions',
     'target % repetitions'),
    ('stats', 'stats/superposition.py', 'spreads below and above the median exchanged',
     'np.where(z < 0, below, above)',
     'np.where(z < 0, above, below)'),
    ('study', 'study/estimates.py', 'parts put together without their number',
     'squared(gap) * n * m / (n + m)',
     'squared(gap) * n * m'),
    ('study', 'study/estimates.py', 'the last replication that differs',
     'run < first[arm][0]',
     'run > first[arm][0]'),
    ('study', 'study/estimates.py', 'population for sample',
     'self.squares / (self.n - 1)',
     'self.squares / self.n'),
    ('study', 'study/estimates.py', 'quantiles one place too low',
     'np.ceil(np.array([*shares]) * count - 1e-9)',
     'np.floor(np.array([*shares]) * count - 1e-9)'),
    ('effects', 'effects/headline.py', 'an interval lies on both sides at once',
     'return bool(low > 0 or high < 0)',
     'return bool(low > 0 and high < 0)'),
    ('effects', 'effects/headline.py', 'simulated over expected',
     'self.expected / self.estimate["mean"] - 1',
     'self.estimate["mean"] / self.expected - 1'),
    ('effects', 'effects/channels.py', 'the rest holds all',
     '"rest": float(worth[0] - level)',
     '"rest": float(worth[-1] - level)'),
    ('effects', 'effects/scale.py', 'the largest from the day of the event on',
     'self.study.scenario.start if is_largest else self.focal.date',
     'self.focal.date'),
    ('effects', 'effects/participants.py', 'less in either direction',
     '(sign * placebos < sign * self.event - TOO_SMALL)',
     '(placebos < self.event - TOO_SMALL)'),
    ('effects', 'effects/participants.py', 'targets are the least hostile',
     '(np.array(self.control.codes), -quarrel)',
     '(np.array(self.control.codes), quarrel)'),
    ('effects', 'effects/placebos.py', 'the shortest window that leaves room',
     'for window in reversed(windows):',
     'for window in windows:'),
    ('posterior', 'evidence/posterior/files.py', 'a mean for what the file gives',
     ' and path not in given_paths\n',
     '\n'),
    ('posterior', 'evidence/posterior/weights.py', 'excess without its threshold',
     'np.log(smooth + threshold)',
     'np.log(smooth)'),
    ('posterior', 'evidence/posterior/uncertainty.py', 'a walk leaves out its first group',
     'order[walk, :-1]:',
     'order[walk, 1:]:'),
    ('posterior', 'evidence/posterior/uncertainty.py', 'variance left for standard deviation left',
     'sd * float(np.sqrt(1.0 - explained[k]))',
     'sd * float(1.0 - explained[k])'),
    ('posterior', 'evidence/posterior/uncertainty.py', 'draws that are equal count as below',
     'below = np.searchsorted(ordered, values)',
     'below = np.searchsorted(ordered, values, side="right")'),
    ('posterior', 'evidence/posterior/uncertainty.py', 'theories not told apart count in full',
     '(row["weight"] or 0.0) / len(together) * effect',
     '(row["weight"] or 0.0) * effect'),
    ('posterior', 'evidence/posterior/uncertainty.py', 'the spread of the prior divided, not of the posterior',
     'last, walks = sources[-1], None',
     'last, walks = sources[0], None'),
    ('posterior', 'evidence/posterior/uncertainty.py', 'levels for effects at the ends of a walk',
     'total, inner = (values[:, -1] for',
     'total, inner = (values[:, 0] for'),
    ('posterior', 'evidence/posterior/parameter_draws.py', 'a value that the file gives is drawn',
     'if is_other or is_given or',
     'if is_other or'),
    ('posterior', 'evidence/posterior/parameter_draws.py', 'draws of other priors are taken',
     'if priors_digest() != named.priors_sha256:',
     'if not named.priors_sha256:'),
    ('evidence', 'evidence/estimation/fitting.py', 'AIC of another likelihood',
     '2.0 * self.marginal',
     '2.0 * self.log_likelihood'),
    ('study', 'study/talks_at_start.py', 'a clock that the record has signed is free',
     'under_way = initial.stage < 2',
     'under_way = initial.stage < 1'),
    ('study', 'study/filtered.py', 'agreements in force before the event come into force',
     '(*NEW_ORIGINS, ORIGINS.index("in_force"))',
     'NEW_ORIGINS'),
    ('study', 'study/filtered.py', 'a member by a change goes on with its talks',
     'np.minimum(day, joining_day) for day in self.windows.bounds(window)',
     'np.full(len(rows.day), day) for day in self.windows.bounds(window)'),
    ('study', 'study/outcomes.py', 'accessions of the focal day count',
     'is_signed = (days >= 1) &',
     'is_signed = (days >= 0) &'),
    ('study', 'model/state.py', 'a busy clock counts as idle',
     'np.where(is_busy, -1.0, 1.0)',
     'np.where(is_busy, 1.0, -1.0)'),
    ('study', 'study/control_variates.py', 'a clock changes at the beginning of the span',
     'from_span_on - openings[span, row] * passed',
     'from_span_on + 0 * passed'),
    ('study', 'study/control_variates.py', 'the variate is not divided by what was kept',
     'self.openings.take(place) / answers.kept',
     'self.openings.take(place) * answers.kept'),
    ('study', 'study/expected.py', 'what is in force at once waits',
     '1.0 - ladder.at_once, 0.0',
     'ladder.at_once, 0.0'),
    ('effects', 'effects/expected_effect.py', 'control less the arm',
     '"effect": mean - level}\n            for',
     '"effect": level - mean}\n            for'),
    ('effects', 'effects/participants.py', 'a principal is a guest too',
     'self._codes(guests - {*principals})',
     'self._codes(guests)'),
    ('effects', 'effects/participants.py', 'guests are targets',
     'apart = {*principals, *guests}',
     'apart = {*principals}'),
    ('effects', 'effects/scale.py', 'alarm of a side without the other',
     'unsided, start, floor)[sides, sides[::-1]]',
     'unsided, start, floor)[sides, sides]'),
    ('effects', 'effects/explain/attribution.py', 'alone and last exchanged',
     'alone, last = (by_run.mean(axis=0)',
     'last, alone = (by_run.mean(axis=0)'),
    ('effects', 'effects/explain/coalitions.py', 'gains over nobody, not over the control arm',
     'gained = (opening - openings[-1])',
     'gained = (opening - openings[0])'),
    ('evidence', 'evidence/estimation/calibration.py', 'a prior narrower by the discount',
     'prior.covariance * DISCOUNT',
     'prior.covariance / DISCOUNT'),
    ('evidence', 'evidence/estimation/fitting.py', 'the term furthest from 0 in nats',
     '(row[1] / row[2], row[0])',
     '(row[1], row[0])'),
    ('evidence', 'evidence/estimation/features.py', 'ties are those that ended',
     'signed[~(signed["ended"] < start)]',
     'signed[signed["ended"] < start]'),
    ('evidence', 'evidence/estimation/features.py', "this year's agreements are recent",
     'signed_between(history, year - RECENT_YEARS, year - 1)',
     'signed_between(history, year - RECENT_YEARS, year)'),
    ('evidence', 'evidence/events/absorbed.py', 'beta-binomial of one trial more',
     'scale = panel.count / (1.0 + (panel.count - 1.0) * rho)',
     'scale = panel.count / (1.0 + panel.count * rho)'),
    ('evidence', 'evidence/reactions/record.py', 'actor and target exchanged',
     'frame["target"].map(place), frame["actor"].map(place)',
     'frame["actor"].map(place), frame["target"].map(place)'),
    ('evidence', 'evidence/reactions/alarm.py', "the row's usual distance for the column's",
     'filled - usual[:, None, :]',
     'filled - usual[:, :, None]'),
    ('evidence', 'evidence/reactions/measure.py', 'a rise from today on',
     'alarm[lead:] - alarm[lead - 1 : -1]',
     'alarm[lead:] - alarm[:-lead]'),
    ('evidence', 'evidence/reactions/measure.py', 'the record is not among its placebos',
     'placebos + 1 if placebos',
     'placebos if placebos'),
    ('evidence', 'evidence/reactions/hostility.py', 'capabilities of both sides exchanged',
     '"actor\'s capability": size[:, None, :],\n        "target\'s capability": size[:, :, None],',
     '"actor\'s capability": size[:, :, None],\n        "target\'s capability": size[:, None, :],'),
    ('evidence', 'evidence/reactions/hostility.py', 'the rate of onsets known afterwards',
     'float(fitted["onset"].mean())',
     'float(later["onset"].mean())'),
    ('evidence', 'evidence/events/measurement.py', 'the scale is known without error',
     'np.hypot(error, multiplier * slope[1]) / slope[0]',
     'error / slope[0]'),
    ('evidence', 'evidence/events/exposure.py', 'who takes part is a target too',
     'count = count - count.multiply(part)',
     'count = count * 1.0'),
    ('evidence', 'evidence/events/measurement.py', 'alignment sees acts of the year itself',
     'every_act if group == "intent" else earlier_acts',
     'every_act'),
    ('evidence', 'evidence/estimation/choices.py', 'agreements after the last year are in it',
     'if t >= 0 and signed_on < years_before(starts[t], -1):',
     'if t >= 0:'),
    ('evidence', 'evidence/estimation/calibration.py', 'a forecast at the mean level',
     'no_factor, no_factor, posterior.level_variance',
     'no_factor, no_factor, 0.0'),
    ('scores', 'evidence/forecast/baselines.py', 'a whole year at risk for a part',
     'x @ self.coefficient + offset(rows)',
     'x @ self.coefficient'),
    ('scores', 'evidence/cases/scores.py', 'a month is its last day',
     '{"month": "M", "year": "Y"}',
     '{"year": "Y"}'),
    ('scores', 'evidence/cases/scores.py', 'dyads as replicates where fewer states signed',
     'max(min(carry, signing), 2)',
     'max(carry, 2)'),
    ('scores', 'evidence/forecast/score.py', "Brier's error for that of the log skill",
     'DETECTION * row["log_skill_se"]',
     'DETECTION * row["brier_skill_se"]'),
    ('posterior', 'evidence/goodness/dyad_probabilities.py', 'talks at the start on types that are not sought',
     'certain = np.minimum(talks * sought.kinds, 1.0)',
     'certain = np.minimum(talks, 1.0)'),
    ('posterior', 'evidence/goodness/networks.py', 'the first day of a month is a lag',
     'row.in_force if row.precision == "day" else None',
     'row.in_force'),
    ('posterior', 'evidence/goodness/networks.py', 'what was signed before is new',
     'agreements[is_new & agreements["signed"].notna()]',
     'agreements[agreements["signed"].notna()]'),
    ('stats', 'stats/indices.py', 'noise that is shared counts in first order',
     'fb * (fab - fa) - _covariance(b, ab - a) / runs',
     'fb * (fab - fa)'),
    ('stats', 'stats/indices.py', 'sizes that noise alone gives are effects',
     'low = max(size.low - SIZE_OF_NOISE * float(noise_size), 0.0)',
     'low = max(size.low, 0.0)'),
    ('stats', 'stats/indices.py', 'the longer of two causes',
     'below = np.hypot(value - index.low, value - low)',
     'below = max(value - index.low, value - low)'),
    ('games', 'games/solve.py', 'effects over the first profile',
     'values - control for values in profiles',
     'values - profiles[0] for values in profiles'),
    ('games', 'games/choice.py', 'the observed strategy for the best',
     'best = chosen(total)',
     'best = strategies.index(game.plan.observed[name])'),
    ('games', 'games/solve.py', "one player's error for another's",
     '"mcse": float(estimated.mcse[index])',
     '"mcse": float(estimated.mcse[(*place, 0)])'),
    ('games', 'games/solve.py', 'the least bound',
     '"bound": float(estimated.regret_bound[place].max())',
     '"bound": float(estimated.regret_bound[place].min())'),
    ('games', 'games/solve.py', 'theories before draws',
     'np.concatenate([drawn, theories])',
     'np.concatenate([theories, drawn])'),
    ('games', 'games/uncertain.py', 'a fit that predicts worse than the mean',
     'is_better = squares < (deviation**2).sum(axis=0)',
     'is_better = squares < np.inf'),
    ('games', 'games/players.py', 'efforts of one state',
     'scene.state.effort[:, own].mean(axis=1)',
     'scene.state.effort[:, own[:1]].mean(axis=1)'),
    ('games', 'games/players.py', 'declarations count as agreements',
     '        new &= world.ladder.security[agreements.kind]\n',
     ''),
    ('games', 'games/players.py', 'states feel at the start',
     'step = min(step, spans.steps - 1)',
     'step = 0'),
    ('games', 'games/choice.py', 'what is left with a row, not without it',
     'without = total - terms[..., term].mean(axis=0)',
     'without = terms[..., term].mean(axis=0)'),
    ('games', 'games/choice.py', 'the same in any kind of sample',
     'np.mean(np.all(samples, axis=0))',
     'np.mean(np.any(samples, axis=0))'),
    ('games', 'games/solve.py', 'a coding alone for all but it',
     'remaining = over.effects[coding != which]',
     'remaining = over.effects[coding == which]'),
    ('games', 'games/solve.py', 'the same theory for all',
     '{"theory.preset": theory}',
     '{"theory.preset": theories[0]}'),
)  # fmt: skip
"""Changes that once passed the tests, or the like: room, file, what is wrong with it, the text before and after."""

UNTOUCHED = (
    "AT_ONCE",
    "KEPT",
    "CLOCKS_AT_ONCE",
    "ROWS_AT_ONCE",
    "MOST_VALUES",
    "CHUNK",
    "TABLES_KEPT",
    "MOST_STATES",
)
"""Constants that change no result, only what fits into memory together."""
SYMMETRIC = {
    "maximum",
    "minimum",
    "max",
    "min",
    "fmin",
    "fmax",
    "multiply",
    "add",
    "hypot",
    "logaddexp",
    "vecdot",
}
SYMMETRIC |= {"array_equal", "broadcast_shapes"}
"""Functions of two arguments that may be exchanged."""
COMPARED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
TURNED = {ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt}
OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
}
OPERATORS |= {ast.BitOr: ast.BitAnd}
NAMES = {
    "max": "min",
    "min": "max",
    "any": "all",
    "all": "any",
    "argmax": "argmin",
    "argmin": "argmax",
}
NAMES |= {
    "maximum": "minimum",
    "minimum": "maximum",
    "floor": "round",
    "sum": "mean",
    "mean": "sum",
    "std": "var",
}
NAMES |= {
    "first": "second",
    "second": "first",
    "ego": "alter",
    "alter": "ego",
    "row": "other",
    "other": "row",
}
NAMES |= {
    "log1p": "log",
    "expm1": "exp",
    "opened": "signed",
    "signed": "in_force",
    "in_force": "signed",
}
NAMES |= {
    "starts": "moments",
    "alignment": "intent",
    "intent": "alignment",
    "principals": "guests",
}
NAMES |= {
    "talks_days": "force_days",
    "force_days": "talks_days",
    "talks_shape": "force_shape",
    "depth": "calm",
}
NAMES |= {
    "active": "engaged",
    "engaged": "active",
    "offensive": "at_hand",
    "at_hand": "offensive",
}


@dataclass(frozen=True)
class Change:
    """One change: the file under src/balance_sim, its line before and after, and the kind."""

    file: str
    line: int
    kind: str
    before: str
    after: str
    number: int  # of the file's changes; -1: one that somebody wrote

    @property
    def name(self) -> str:
        before, after = " ".join(self.before.split()), " ".join(self.after.split())
        return f"{self.file}:{self.line} {self.kind}: {before}  ->  {after}"


def variants(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:  # noqa: C901 - one case a kind
    """What may stand in place of a node, each with the kind of change."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            for kind, table in (("edge", COMPARED), ("turned", TURNED)):
                if type(op) in table:
                    yield kind, ast.Compare(left, [table[type(op)]()], [right])
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) in OPERATORS:
                yield "operator", ast.BinOp(left, OPERATORS[type(op)](), right)
            if isinstance(
                op, ast.Mult | ast.Div | ast.Add | ast.Sub | ast.BitAnd | ast.BitOr
            ):
                yield "right part left out", left
            if isinstance(op, ast.Mult | ast.Add | ast.BitAnd | ast.BitOr):
                yield "left part left out", right
            if isinstance(op, ast.Sub | ast.Div | ast.Pow):
                yield "exchanged", ast.BinOp(right, op, left)
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            if not isinstance(operand, ast.Constant) or isinstance(node.op, ast.Not):
                yield "sign", operand
        case ast.BoolOp(op=op, values=[one, *rest]):
            yield (
                "operator",
                ast.BoolOp(
                    ast.Or() if isinstance(op, ast.And) else ast.And(), [one, *rest]
                ),
            )
            yield "part left out", one
        case ast.Constant(value=bool(value)):
            yield "constant", ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield "constant", ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield "constant", ast.Constant(value * 1.25 if value else 0.5)
        case ast.Constant(value="right"):
            yield "edge", ast.Constant("left")
        case ast.Subscript(
            value=value, slice=ast.Tuple(elts=[*before, one, two]), ctx=ctx
        ):
            if (
                not isinstance(one, ast.Slice)
                and not isinstance(two, ast.Slice)
                and ast.dump(one) != ast.dump(two)
            ):
                yield (
                    "index",
                    ast.Subscript(
                        value, ast.Tuple([*before, two, one], ast.Load()), ctx
                    ),
                )
        case ast.Call(func=func, args=[one, two, *rest], keywords=keywords):
            called = (
                func.attr
                if isinstance(func, ast.Attribute)
                else getattr(func, "id", "")
            )
            plain = not any(
                isinstance(arg, ast.Starred | ast.Constant) for arg in (one, two)
            )
            if plain and called not in SYMMETRIC and ast.dump(one) != ast.dump(two):
                yield "arguments", ast.Call(func, [two, one, *rest], keywords)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield "condition", ast.IfExp(test, orelse, body)
        case ast.If(test=test, body=body, orelse=orelse) if not _refuses(body):
            yield "condition", ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.AugAssign() | ast.Expr(value=ast.Call()):
            yield "left out", ast.Pass()
        case ast.keyword(arg="axis", value=ast.UnaryOp(operand=ast.Constant(value=1))):
            yield "axis", ast.keyword("axis", ast.Constant(-2))
        case ast.keyword(arg="axis", value=ast.Constant(value=int(value))):
            yield "axis", ast.keyword("axis", ast.Constant(1 - min(value, 1)))
    if (
        isinstance(node, ast.Attribute)
        and node.attr in NAMES
        and isinstance(node.ctx, ast.Load)
    ):
        yield "name", ast.Attribute(node.value, NAMES[node.attr], node.ctx)


def _refuses(body: list[ast.stmt]) -> bool:
    return any(isinstance(one, ast.Raise) for one in body)


def places(tree: ast.Module) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Parent, field and index of every node that may change."""

    def inside(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
        for field, value in ast.iter_fields(node):
            if field in (
                "annotation",
                "returns",
                "decorator_list",
                "type_params",
                "type_comment",
            ):
                continue
            for at, one in (
                enumerate(value) if isinstance(value, list) else [(None, value)]
            ):
                if (
                    isinstance(one, ast.AST)
                    and not _left_alone(one)
                    and not _any_length(node, one)
                ):
                    yield node, field, at
                    yield from inside(one)

    yield from inside(tree)


def _any_length(node: ast.AST, argument: ast.AST) -> bool:
    """The length of `reshape` that is worked out: any negative number says so."""
    shaped = (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "reshape"
    )
    return shaped and isinstance(argument, ast.UnaryOp)


def _left_alone(node: ast.AST) -> bool:
    match node:
        case (
            ast.Raise()
            | ast.Assert()
            | ast.Import()
            | ast.ImportFrom()
            | ast.JoinedStr()
        ):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]) if name in (*UNTOUCHED, "__all__"):
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.If(test=test, body=body):
            return _refuses(body) or ast.unparse(test) == "TYPE_CHECKING"
        case (
            ast.Call(func=ast.Name(id="refuse_invalid"))
            | ast.keyword(arg="strict" | "dtype" | "copy")
        ):
            return True
    return False


def changes(file: str) -> list[Change]:
    """All changes of a file."""
    tree, out = ast.parse((SOURCE / file).read_text(encoding="utf-8")), []
    for parent, field, at in places(tree):
        node = _held(parent, field, at)
        for kind, other in variants(node):
            line = getattr(node, "lineno", None) or getattr(node.value, "lineno", 0)  # type: ignore[attr-defined]
            before, after = (ast.unparse(one).splitlines()[0] for one in (node, other))
            out.append(Change(file, line, kind, before, after, len(out)))
    return out


def named() -> list[tuple[str, Change]]:
    """The changes of NAMED. Raises ValueError where a file has no such text, or more than one."""
    out = []
    for room, file, what, before, after in NAMED:
        text = (SOURCE / file).read_text(encoding="utf-8")
        if text.count(before) != 1:
            raise ValueError(
                f"{file} has {before!r} {text.count(before)} times, not once"
            )
        out.append(
            (
                room,
                Change(
                    file,
                    text[: text.index(before)].count("\n") + 1,
                    what,
                    before,
                    after,
                    -1,
                ),
            )
        )
    return out


def own(name: str) -> tuple[Room, list[Change]]:
    """A room's tests and changes in benchmarks/mutants. Raises ValueError where a file has no such text, or more than
    one."""
    told = tomllib.loads((MUTANTS / f"{name}.toml").read_text(encoding="utf-8"))
    out = []
    for one in told["mutant"]:
        text, old = (SOURCE / one["file"]).read_text(encoding="utf-8"), one["old"]
        if text.count(old) != 1:
            raise ValueError(
                f"{name}: {one['file']} has {old!r} {text.count(old)} times, not once"
            )
        line = text[: text.index(old)].count("\n") + 1
        out.append(Change(one["file"], line, one["name"], old, one["new"], -1))
    files = tuple(dict.fromkeys(change.file for change in out))
    return Room(files, (tuple(told["tests"]),)), out


def survivors(written: Path) -> list[tuple[str, Change]]:
    """The changes that survived in an earlier run, as the files have them now."""
    rows = [
        json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()
    ]
    lived = [
        (row["file"], row["kind"], row["before"], row["after"], row["line"])
        for row in rows
        if not row["by"]
    ]
    out = []
    for room, where in ROOMS.items():
        for file in where.files:
            known = [one for one in lived if one[0] == file]
            every = changes(file) if known else []
            out += [
                (room, c)
                for c in every
                if (c.file, c.kind, c.before, c.after, c.line) in known
            ]
    return out


def laid(change: Change) -> str:
    """The text of the file with the change."""
    if change.number < 0:
        return (
            (SOURCE / change.file)
            .read_text(encoding="utf-8")
            .replace(change.before, change.after)
        )
    tree, number = ast.parse((SOURCE / change.file).read_text(encoding="utf-8")), 0
    for parent, field, at in places(tree):
        for _, other in variants(_held(parent, field, at)):
            if number == change.number:
                _put(parent, field, at, other)
                return ast.unparse(ast.fix_missing_locations(tree))
            number += 1
    raise ValueError(
        f"{change.file} has {number} changes, none of number {change.number}"
    )


def _held(parent: ast.AST, field: str, at: int | None) -> ast.AST:
    held = getattr(parent, field)
    return held if at is None else held[at]


def _put(parent: ast.AST, field: str, at: int | None, node: ast.AST) -> None:
    if at is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[at] = node


def drawn(rooms: list[str], count: int, seed: int) -> list[tuple[str, Change]]:
    """So many changes of the rooms together, each place as likely as any other."""
    every = [
        (room, change)
        for room in rooms
        for file in ROOMS[room].files
        for change in changes(file)
    ]
    return sorted(
        random.Random(seed).sample(every, min(count, len(every))),
        key=lambda one: one[1].file,
    )


class Bench:
    """A copy of the package over which changes are laid, and tests run in a fork, so that nothing is imported twice."""

    def __init__(self, folder: Path, seconds: int) -> None:
        self.source = folder / "src"
        shutil.copytree(
            SOURCE,
            self.source / "balance_sim",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        self.log = folder / "pytest.log"
        self.seconds = seconds
        os.environ["PYTHONPATH"] = str(self.source)
        os.chdir(REPOSITORY)

    def falls(self, tests: tuple[str, ...]) -> str | None:
        """The first test that falls; None if all hold. `too slow` counts as a fall: the change hangs."""
        pid = os.fork()
        if pid == 0:
            self._child(list(tests))
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return None if code == 0 else self._which() if code > 0 else "too slow"

    def _child(self, tests: list[str]) -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (self.seconds, self.seconds))
        log = os.open(self.log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.path.insert(0, str(self.source))
        sys.dont_write_bytecode = True
        import pytest

        plain = [
            "-q",
            "-x",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            "--tb=line",
            "--no-header",
        ]
        try:
            status = pytest.main([*plain, *tests])
        except BaseException:  # noqa: BLE001 - whatever ends the fork is a fall
            status = 1
        os._exit(int(status))

    def _which(self) -> str:
        for line in self.log.read_text(errors="replace").splitlines():
            if line.startswith(("FAILED ", "ERROR ")):
                return line.split(" - ")[0]
        return "no test was collected"

    def tried(self, change: Change, steps: tuple[tuple[str, ...], ...]) -> str | None:
        """Which test falls with a change laid over the copy."""
        target = self.source / "balance_sim" / change.file
        original, times = target.read_bytes(), target.stat()
        target.write_text(laid(change), encoding="utf-8")
        try:
            for tests in steps:
                fallen = self.falls(tests)
                if fallen:
                    return fallen
            return None
        finally:
            target.write_bytes(original)
            os.utime(target, (times.st_atime, times.st_mtime))


def preload() -> None:
    """What every fork needs and no change touches."""
    for name in (
        "hypothesis",
        "matplotlib",
        "pandas",
        "pyarrow.parquet",
        "pydantic",
        "scipy.special",
        "scipy.stats",
    ):
        import_module(name)


def chosen(
    given: argparse.Namespace, ask: argparse.ArgumentParser
) -> tuple[dict[str, Room], list[tuple[str, Change]]]:
    """The rooms by name, and the changes that are asked for."""
    if given.own is not None:
        stored = sorted(path.stem for path in MUTANTS.glob("*.toml"))
        names = [given.own] if given.own else stored
        if not {*names} <= {*stored}:
            ask.error(f"no room {given.own}; there are {', '.join(stored)}")
        by_room = {name: own(name) for name in names}
        looks = {name: room for name, (room, _) in by_room.items()}
        return looks, [
            (name, one) for name, (_, every) in by_room.items() for one in every
        ]
    if given.named:
        return ROOMS, named()
    if given.again:
        return ROOMS, survivors(given.again)
    if given.only:
        file, _, line = given.only.partition(":")
        room = next(name for name in ROOMS if file in ROOMS[name].files)
        return ROOMS, [
            (room, one) for one in changes(file) if not line or one.line == int(line)
        ]
    return ROOMS, drawn(given.room or list(ROOMS), given.count, given.seed)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--room", action="append", choices=sorted(ROOMS))
    ask.add_argument("--count", type=int, default=240)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--only", help="FILE, or FILE:LINE: all changes there")
    ask.add_argument("--named", action="store_true", help="the changes of NAMED")
    ask.add_argument(
        "--own",
        nargs="?",
        const="",
        metavar="ROOM",
        help="those of benchmarks/mutants, of one room or of all",
    )
    ask.add_argument(
        "--again",
        type=Path,
        metavar="OUT",
        help="those that survived in a run written with --out",
    )
    ask.add_argument(
        "--quick", action="store_true", help="without the last step, the widest tests"
    )
    ask.add_argument(
        "--seconds",
        type=int,
        default=400,
        help="of CPU, after which a step counts as fallen",
    )
    ask.add_argument("--out", type=Path, help="JSON lines of what was found")
    given = ask.parse_args()
    looks, picked = chosen(given, ask)
    preload()
    lived: list[Change] = []
    told: list[str] = []
    by_room: dict[str, list[bool]] = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), given.seconds)
        for room in dict.fromkeys(room for room, _ in picked):
            fallen = bench.falls(looks[room].tests[0])
            if fallen:
                sys.exit(f"{room}: without any change {fallen}")
        for number, (room, change) in enumerate(picked, 1):
            steps = looks[room].tests
            if given.quick and len(steps) > 1:
                steps = steps[:-1]
            by = bench.tried(change, steps)
            why = SAME.get((change.file, change.before, change.after))
            if by is None:
                (
                    told.append(f"{change.name}\n    {why}")
                    if why
                    else lived.append(change)
                )
            if by or not why:
                by_room.setdefault(room, []).append(bool(by))
            how = "killed" if by else "same" if why else "SURVIVED"
            print(
                f"{number}/{len(picked)} {how} {change.name} [{by or ''}]", flush=True
            )
            if given.out:
                row = asdict(change) | {"room": room, "by": by, "same": why}
                with given.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
    counted = len(picked) - len(told)
    print(
        f"\nkilled {counted - len(lived)} of {counted}, {100 * (1 - len(lived) / max(counted, 1)):.1f} %"
    )
    for room, falls in by_room.items():
        print(
            f"  {room}: {sum(falls)} of {len(falls)}, {100 * sum(falls) / len(falls):.1f} %"
        )
    for change in lived:
        print(f"survived: {change.name}")
    for text in told:
        print(f"changes nothing: {text}")


if __name__ == "__main__":
    main()
