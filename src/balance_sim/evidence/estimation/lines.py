"""What fits to the record found, for a terminal: weights by maximum likelihood, and
beliefs.

What was fitted on which data first, then the estimates with their 95 % CI, then what is
open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from balance_sim.show import wording as say
from balance_sim.show.wording import said, table, wrapped
from balance_sim.stats.intervals import NORMAL

if TYPE_CHECKING:
    from balance_sim.evidence.data.history import History
    from balance_sim.evidence.estimation.beliefs import Profile
    from balance_sim.evidence.estimation.fitting import WeightFit


def normal_interval(estimate: float, error: float, places: int = 3) -> str:
    """The 95 % CI of an estimate that is about normal."""
    margin = NORMAL * error
    return say.interval(estimate - margin, estimate + margin, places)


def with_interval(estimate: float, error: float, places: int = 2) -> str:
    """An estimate and its 95 % CI."""
    interval = normal_interval(estimate, error, places)
    return f"{say.number(estimate, places)} (95 % CI {interval})"


def fit_lines(
    fit: WeightFit,
    history: History,
    whole: WeightFit | None = None,
    *,
    verbose: bool = False,
) -> Iterator[str]:
    """Weights of the model's own rates. whole: the fit with terms of threat in one
    piece, where `fit` has them in two.

    verbose: also intercepts of types, all that is weakly told apart, why terms are not
    fitted, rows left out."""
    from balance_sim.evidence.estimation.choices import NOT_ON_RECORD

    yield from said(_fit_sentence(fit))
    yield from ["", *_estimate_table(fit, verbose=verbose), ""]
    if fit.conflicts:
        yield from wrapped(
            "kept at 0: the record's sign is not that of the theory, so the weight was "
            "left out."
        )
    of_years = f", of years {fit.level_variance:.4f}" if fit.level else ""
    yield from wrapped(
        "Variance of the random intercepts of states "
        f"{fit.propensity_variance:.4f}{of_years}. Log-likelihood "
        f"{fit.log_likelihood:.1f}, marginal {fit.marginal:.1f}; AIC {fit.aic:.1f}, to "
        "compare fits on the same rows."
    )
    if whole is not None:
        yield from _parts(fit, whole)
    if fit.flat:
        names = [", ".join(direction.names) for direction in fit.flat]
        shown = list(map(str, fit.flat)) if verbose else names
        yield from wrapped(f"Weakly told apart by the record: {'; '.join(shown)}.")
    terms = ", ".join(NOT_ON_RECORD)
    yield from wrapped(f"Not fitted: {terms}{':' if verbose else ' (--verbose: why).'}")
    losses = [line for report in history.reports for line in report.losses]
    notes = [*history.notes, *losses]
    if verbose:
        yield from _notes_in_full(notes)
        return
    count = say.plural(len(notes), "note on rows left out", "notes on rows left out")
    notes_count = f" and {count}" if notes else ""
    kinds = len(fit.kinds)
    yield from wrapped(
        f"--verbose prints intercepts of {kinds} types of agreement{notes_count}."
    )


def _fit_sentence(fit: WeightFit) -> str:
    """What was fitted on how much, and of how many weights the CI excludes 0."""
    weights = [row for row in fit.table if "." not in row[0]]
    clear = sum(abs(estimate) > NORMAL * error for _, estimate, error in weights)
    is_clustered = fit.cluster_covariance is not None
    errors = "clustered by dyad" if is_clustered else "from the second derivatives"
    signs = "; signs that theory fixes are held by a prior" if fit.signs else ""
    first, last = fit.years
    return (
        f"Maximum likelihood of the model's own rates on {fit.agreements:,} agreements "
        f"among {int(fit.seen.sum())} states: {fit.rows:,} dyad-years, {first}-{last}. "
        f"The CI of {clear} of {len(weights)} weights excludes 0. Weights are in nats "
        f"a unit of the term, standard errors {errors}{signs}."
    )


def _estimate_table(fit: WeightFit, *, verbose: bool) -> list[str]:
    """A row a weight, with its CI and z; verbose: and a row an intercept."""
    from balance_sim.evidence.estimation.parameter_files import labelled

    rows = [("parameter", "estimate", "95 % CI", "z")]
    for name, estimate, error in fit.table:
        if verbose or "." not in name:
            z = say.number(estimate / error, 2)
            interval = normal_interval(estimate, error)
            rows.append((labelled(name), say.number(estimate, 3), interval, z))
    for term in fit.conflicts:
        value = say.number(term.estimate, 3)
        interval = normal_interval(term.estimate, term.standard_error)
        rows.append((labelled(term.name), value, interval, "kept at 0"))
    return table(rows, "<>>>")


def _notes_in_full(notes: Sequence[str]) -> Iterator[str]:
    """Why terms are not fitted, and every note."""
    from balance_sim.evidence.estimation.choices import NOT_ON_RECORD
    from balance_sim.evidence.estimation.parameter_files import key_path

    for name, reason in NOT_ON_RECORD.items():
        yield from wrapped(f"  {key_path(name)}: {reason}", "    ")
    for note in notes:
        yield from wrapped(f"note: {note}")


def _parts(in_parts: WeightFit, whole: WeightFit) -> Iterator[str]:
    """What terms in two parts and terms in one piece say of threat."""
    from balance_sim.evidence.estimation.choices import SIGNED
    from balance_sim.evidence.estimation.parameter_files import shares_of_change

    shares = [
        f"parameters.change_{term} {with_interval(share, error)}"
        for term, (share, error) in shares_of_change(in_parts).items()
    ]
    if shares:
        shown = ", ".join(shares)
        yield from wrapped(f"Weight within over that between dyads: {shown}.")
    pieces = [
        f"{name} {with_interval(estimate, error)}"
        for name, estimate, error in whole.table
        if name in SIGNED
    ]
    lower = in_parts.marginal - whole.marginal
    yield from wrapped(
        "The same terms in one piece, marginal log-likelihood "
        f"{whole.marginal:.1f} ({lower:.1f} lower): {', '.join(pieces)}."
    )


def profile_lines(
    profiles: Sequence[Profile], joint: Sequence[Profile] = (), *, verbose: bool = False
) -> Iterator[str]:
    """Beliefs and reach: value in use, best value, 95 % CI, verdict; then the joint
    peak. verbose: all of them."""
    from balance_sim.evidence.estimation.beliefs import NOT_IN_RATES

    identified = [_parameter(curve) for curve in profiles if curve.told]
    names = ", ".join(identified) or "none"
    unmoved = "the others keep their value" if joint else "all keep their value"
    yield from said(
        f"Of {len(profiles)} parameters of beliefs and reach the record identifies "
        f"{names}; {unmoved}."
    )
    if not verbose:
        yield from [*_profile_table(joint), "--verbose prints the profile of each."]
        return
    yield from ["", *_profile_table(profiles)]
    if joint:
        yield from ["", "those that the record tells, at their joint peak:"]
        yield from _profile_table(joint)
    yield ""
    yield from wrapped(
        "gain: log-likelihood of the best value in the range over that of the one in "
        "use; < and >: the CI goes on beyond the range."
    )
    for name, reason in NOT_IN_RATES.items():
        yield from wrapped(f"parameters.{name}: {reason}")


def _parameter(curve: Profile) -> str:
    return curve.path.removeprefix("parameters.")


def _profile_table(profiles: Sequence[Profile]) -> list[str]:
    rows = [("parameters", "in use", "best", "95 % CI", "gain", "verdict")]
    for curve in profiles:
        low = f"{'<' if curve.open_below else ''}{curve.low:.4g}"
        high = f"{'>' if curve.open_above else ''}{curve.high:.4g}"
        row = (
            _parameter(curve),
            f"{curve.shipped:.4g}",
            f"{curve.best:.4g}",
            f"{low} to {high}",
            f"{curve.gain:.1f}",
            curve.verdict,
        )
        rows.append(row)
    return table(rows, "<>>><<") if profiles else []
