"""`balance-sim sensitivity RESULTS`: which factor matters, how much is chance, how many more runs are wanted."""

from __future__ import annotations

from pathlib import Path

import click

from balance_sim.cli.options import FiniteRange, json_option


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--outcome", "outcomes", multiple=True, help="Only this outcome. Repeatable.  [default: the file's]"
)
@click.option(
    "--precision", type=FiniteRange(min=1e-9), default=0.1, show_default=True,
    help="Wanted half-width of the 95 % intervals of means and effects.",
)  # fmt: skip
@click.option(
    "--bootstrap",
    type=click.IntRange(10, 100_000),
    default=1000,
    show_default=True,
    help="Resamples, for Sobol and the variances.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True, help="Of the resampling."
)
@json_option
def command(
    results: Path, outcomes: tuple[str, ...], precision: float, bootstrap: int, seed: int, as_json: bool
) -> None:
    """Sobol or Morris indices with intervals, on means and on paired effects, and the split of the variance
    into parameters and chance, with the noise of finite runs removed."""
    from balance_sim.analysis.sensitivity import sensitivity
    from balance_sim.analysis.sensitivity_text import as_lines, as_plain
    from balance_sim.results.sweep_result import open_sweep

    found = sensitivity(open_sweep(results), outcomes or None, precision, bootstrap, seed)
    if as_json:
        import json

        click.echo(json.dumps(as_plain(found), allow_nan=False))
        return
    for line in as_lines(found):
        click.echo(line)
