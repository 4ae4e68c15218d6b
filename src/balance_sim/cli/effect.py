"""`balance-sim effect SCENARIO`: the expected effect, its channels and dyads, without random numbers, in a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from balance_sim.cli.options import json_option, set_option, theory_option

if TYPE_CHECKING:
    from balance_sim.analysis.expected_effect import ExpectedEffect

DYADS = 8


@click.command()
@click.argument("scenario")
@click.option("--arm", help="Which arm; the headline arm if not given.")
@click.option(
    "--dyads", type=click.IntRange(0, 100_000), default=DYADS, show_default=True, help="How many dyads."
)
@set_option
@theory_option
@json_option
def command(
    scenario: str, arm: str | None, dyads: int, settings: tuple[str, ...], theory: str | None, as_json: bool
) -> None:
    """Print the expected effect of an arm of SCENARIO over the control arm, with its channels and dyads.

    The network of agreements is that of the start, and no random numbers are drawn: what agreements made on the way
    change is left out. `run` simulates it, and prints the gap between the two."""
    from balance_sim.analysis.expected_effect import expected_effect
    from balance_sim.scenario import load_scenario

    found = expected_effect(load_scenario(scenario, set=settings, theory=theory), arm)
    if as_json:
        import json

        click.echo(json.dumps(found.as_dict(), allow_nan=False))
        return
    for line in lines(found, dyads):
        click.echo(line)


def lines(found: ExpectedEffect, dyads: int) -> list[str]:
    """For a terminal, at 80 columns."""
    from balance_sim.show.wording import printable, signed

    scenario = found.scenario
    names = {state.id: printable(state.name) or state.id for state in scenario.states}
    window = found.window
    out = [printable(scenario.arms[found.arm].title) or found.arm]
    out.append(
        f"  against: {printable(scenario.arms[scenario.reference_arm].title) or scenario.reference_arm}"
    )
    out += ["", f"{'expected new agreements':<34}{'control':>10}{'arm':>10}{'effect':>10}"]
    for title, what in (("security agreements", "accords"), ("declarations", "declarations")):
        out.append(f"  {title}")
        for name, days, control, level in found.rows(what):
            label = f"  {name.replace('_', ' ')}, {days} days"
            out.append(f"  {label:<32}{control:>10.3f}{level:>10.3f}{signed(level - control, 4):>10}")
    if found.parts is not None:
        out += ["", f"of the effect on counter-balancing security agreements within {window} days:"]
        words = {"picture": "picture: who stands together", "threat": "threat to the event's targets"}
        for name, value in found.parts.items():
            if name in words:
                out.append(f"  {words[name]:<52}{signed(value, 4):>10}")
        if abs(found.parts["rest"]) > 1e-12:
            out.append(f"  {'what else the arm changes':<52}{signed(found.parts['rest'], 4):>10}")
    table = found.dyads.head(dyads).to_dict("records")
    if table:
        out += [
            "",
            f"{'dyads, security, in ' + str(window) + ' days':<34}{'control':>10}{'arm':>10}{'effect':>10}",
        ]
    for row in table:
        label = f"{names[row['a']]} - {names[row['b']]}"
        out.append(
            f"  {label[:32]:<32}{row['control']:>10.4f}{row['mean']:>10.4f}{signed(row['effect'], 4):>10}"
        )
    out += [
        "",
        "Expected estimator: the network as at the start, no random numbers. `run` measures the rest.",
    ]
    return out
