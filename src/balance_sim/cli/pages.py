"""`balance-sim plot`, `report`, `explore` and `export`: figures, pages and tables of
results.

`balance-sim verify`, `package` and `reproduce`: whether results are sound, and an archive that others can run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.cli import options
from balance_sim.cli.program import ExitCode
from balance_sim.cli.progress import resumable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from balance_sim.archive.verify import Verified

ANEW = "`plot`, `report` and `explore` draw figures and pages from the checked blocks"


@click.command()
@click.argument("results", type=options.PATH)
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    help="Blocks of which a part is run again; 0: none.",
)
@click.option("--all", "whole", is_flag=True, help="Run every block again, whole.")
@click.option(
    "--repair", is_flag=True, help="Take damaged blocks away and run them again."
)
@click.option(
    "--workers",
    type=click.IntRange(1, options.MOST_WORKERS),
    default=1,
    show_default=True,
    help="Worker processes.",
)
@options.study_model_option
@options.study_outcomes_option
@options.json_option
@click.pass_context
def verify(
    ctx: click.Context,
    results: Path,
    sample: int,
    whole: bool,
    repair: bool,
    workers: int,
    model: str | None,
    own: str | None,
) -> None:
    """Check every file in RESULTS against its checksum and keys, and run a sample of
    blocks again.

    Compared bit for bit; the sample is another at each call. Summary and tables are
    worked out again; figures and reports are not, and are named as not checked. Exit
    code 6 if something is damaged, with its name; --repair runs it again."""
    from balance_sim.archive.verify import verify as check_folder

    _refuse_forecasts(
        results,
        "are elsewhere: give the command in its `about.command` again; it goes on only if plan and data are the same",
    )
    few = None if whole else sample
    found = check_folder(
        results, sample=few, mend=repair, model=model, outcomes=own, workers=workers
    )
    options.answer(found.as_dict, lambda: _verified_lines(found), indent=2)
    if found.damage:
        ctx.exit(ExitCode.DAMAGED)


def _refuse_forecasts(results: Path, said: str) -> None:
    """Raise WrongRequest for a folder of `hindcast`, which holds no blocks and whose
    data are not in it."""
    from balance_sim.evidence.forecast.score import scored_path
    from balance_sim.scenario.errors import WrongRequest

    if not (results / "manifest.json").exists() and scored_path(results) is not None:
        raise WrongRequest(
            f"{results} holds forecasts of `hindcast`, whose data {said}"
        )


def _verified_lines(found: Verified) -> Iterator[str]:
    """What is sound on stdout, what is not on stderr, in order; names that could steer
    a terminal written out."""
    from balance_sim.scenario.diagnostics import escaped

    yield from (escaped(f"repaired: {line}") for line in found.mended)
    before = [f"note: {note}" for note in found.notes] + [
        f"damaged: {one.text()}" for one in found.damage
    ]
    for text in before:
        click.echo(escaped(text), err=True)
    again = sum(len(one.block) for one in found.rerun)
    which = (
        ", drawn anew each time; --all: every one"
        if found.rerun and again < found.runs
        else ""
    )
    yield escaped(
        f"{found.folder}: {found.study}, {found.blocks:,} blocks, {found.runs:,} runs; "
        f"{again:,} runs of {len(found.rerun):,} blocks run again{which}"
    )
    if found.unchecked:
        click.echo(
            escaped(f"not checked: {', '.join(found.unchecked)}; {ANEW}"), err=True
        )
    if found.damage:
        said = f"damaged: {len(found.damage)}; --repair runs it again, or give the study's own command"
        click.echo(said, err=True)
    else:
        yield f"sound{f'; digest {found.digest}' if found.digest else ''}"


@click.command()
@click.argument("results", type=options.PATH)
@click.option(
    "--out",
    type=options.FILE,
    metavar="ARCHIVE",
    help="The archive to write  [default: RESULTS.zip]",
)
def package(results: Path, out: Path | None) -> None:
    """Write a replication archive of the finished study in RESULTS, for a journal or a
    colleague.

    README in the sections data editors ask for, scenario, parameters with sources,
    versions, seed, tables, digest. No path of this machine is in it, and the same study
    gives the same bytes."""
    from balance_sim.archive.package import package as write_archive

    ours = "hand on its plan and the file of scores, which names the data by their sha256 and the command"
    _refuse_forecasts(results, f"are not ours to pass on: {ours}")
    path = write_archive(results, out)
    click.echo(
        f"wrote {path} ({path.stat().st_size:,} bytes); next: balance-sim reproduce {path}"
    )


@click.command()
@click.argument("archive", type=options.PATH)
@options.workers_option
@click.option(
    "--out", type=options.FOLDER, help="Unpack the archive into this new folder too."
)
@options.study_model_option
@options.study_outcomes_option
@options.json_option
@click.pass_context
def reproduce(
    ctx: click.Context,
    archive: Path,
    workers: int,
    out: Path | None,
    model: str | None,
    own: str | None,
) -> None:
    """Run the study in ARCHIVE again and compare digests.

    The archive is checked whole before anything is written; no code in it is run. Exit
    code 4 if it is refused, 6 if something else came out."""
    from balance_sim.archive.reproduce import read_archive
    from balance_sim.archive.reproduce import reproduce as run_again

    archived = read_archive(archive)
    found = run_again(archived, workers=workers, model=model, outcomes=own, out=out)
    document = {
        "ok": found.ok,
        "how": found.how,
        "digest": found.digest,
        "archived": archived.about.digest,
    }
    document |= {"said": found.said, "differs": list(found.differs)}
    options.answer(
        document, [found.said, *(f"  {line}" for line in found.differs)], indent=2
    )
    if not found.ok:
        ctx.exit(ExitCode.DAMAGED)


REPLICATIONS, AGREEMENTS = (
    ("replications", "runs"),
    ("agreements", "accords"),
)  # names, then old ones


@click.command()
@click.argument("names", nargs=-1, metavar="RESULTS... [NAME]...")
@click.option(
    "--out",
    type=options.FOLDER,
    help="Folder to write figures/ into  [default: RESULTS; comparison/ in the last of several]",
)
@click.option(
    "--list",
    "only_list",
    is_flag=True,
    help="Print the figures there are and what each answers; of RESULTS alone where they are given.",
)
@click.option(
    "--outcome",
    metavar="NAME",
    help="Draw this outcome instead, whichever it is: accords_all_365, own_x, ...",
)
@click.option(
    "--kind",
    type=click.Choice(["ecdf", "hist", "forest", "fan"]),
    show_default="ecdf; of a sweep, forest",
    help="How --outcome is drawn.",
)
def plot(
    names: tuple[str, ...],
    out: Path | None,
    only_list: bool,
    outcome: str | None,
    kind: str | None,
) -> None:
    """Draw the figures of RESULTS: all of them, or those named.

    RESULTS is a folder of `run`, `game`, `sweep` or `hindcast`, FOLDER@point of a
    sweep, or a file with the JSON of
    `hindcast` or `score`. Several folders, or FOLDER:arm, are drawn side by side: theories, for one."""
    from balance_sim.show.figures import catalogue, figures_of
    from balance_sim.show.plots import (
        chosen_figure,
        home_of,
        is_results,
        open_study,
        replications_of,
        save_figures,
    )

    if not names and only_list:
        click.echo("\n".join(catalogue()))
        return
    if not names:
        raise click.UsageError(
            "Missing argument RESULTS: a results folder; --list alone prints all figures there are"
        )
    if kind is not None and outcome is None:
        raise click.UsageError("--kind says how an --outcome is drawn: name one")
    texts = [names[0], *(name for name in names[1:] if is_results(name))]
    wanted = [name for name in names[1:] if not is_results(name)]
    study = open_study(texts)
    figures = figures_of(study)
    unknown = [name for name in wanted if name not in figures]
    folder = out or home_of(texts)
    lines: Sequence[object]
    if outcome is not None:
        from balance_sim.show.save import save_drawn

        figure = chosen_figure(study, outcome, kind)
        lines = save_drawn({figure.name: figure.draw(replications_of(study))}, folder)
    elif only_list:
        width = max(14, *(len(name) + 2 for name in figures))
        lines = [
            f"{name:<{width}}{figure.question}" for name, figure in figures.items()
        ]
    elif unknown:
        raise click.UsageError(
            f"no results and no figure `{unknown[0]}`; figures are: {', '.join(figures)}"
        )
    else:
        lines = save_figures(study, folder, wanted or None)
    for line in lines:
        click.echo(line)


@click.command()
@click.argument("results", nargs=-1, required=True, metavar="RESULTS...")
@click.option(
    "--out",
    type=options.FILE,
    help="File to write  [default: report.html in RESULTS; in comparison/ of the last of several]",
)
@click.option(
    "--map/--no-map",
    "world_map",
    default=True,
    help="With the world map, which shows borders.",
)
def report(results: tuple[str, ...], out: Path | None, world_map: bool) -> None:
    """Write one HTML file of RESULTS, with the answer, the figures, their numbers, the
    inputs and their sources.

    RESULTS is a folder of `run`, `game`, `sweep` or `hindcast`, FOLDER@point of a
    sweep, or a file with the JSON of
    `hindcast` or `score`. Two or more folders, or FOLDER:arm, as `compare` takes them, are compared. The file
    needs no network, works without a script, prints to A4, and is the same for the same
    results."""
    from balance_sim.show.plots import home_of, open_study
    from balance_sim.show.report import save_report

    study = open_study(results)
    click.echo(
        save_report(study, out or home_of(results) / "report.html", world_map=world_map)
    )


@click.command()
@click.argument("results", type=options.PATH)
@click.option(
    "--out", type=options.FILE, help="File to write  [default: RESULTS/explore.html]"
)
@click.option(
    "--runs",
    type=click.IntRange(2, 100_000),
    show_default="200",
    help="With --live: replications asked for at first. Without, it has no effect.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Serve a page on this machine that answers anew as its controls are moved.",
)
@click.option(
    "--port",
    type=click.IntRange(1024, 65535),
    help="With --live: where to listen  [default: any free port]",
)
@click.pass_context
def explore(
    ctx: click.Context,
    results: Path,
    out: Path | None,
    runs: int | None,
    live: bool,
    port: int | None,
) -> None:
    """Write one HTML file whose controls are the factors of the sweep in RESULTS.

    Of a folder of `run`, the controls are how visible the focal event is, who takes
    part, and how reliable the patrons are, and each point is an expected effect,
    without simulation. The file needs no network.

    With --live nothing is written: the page's address, good for this machine and until
    Ctrl-C, is printed on stdout; open it in a browser. It answers with the expected
    effect (as `effect`), then with simulated replications: those of `run` with the same
    values, runs and seed."""
    if live:
        if out is not None:
            raise click.UsageError(
                "--out does not go with --live, which writes no file.", ctx
            )
        _serve(results, 200 if runs is None else runs, port)
        return
    if port is not None:
        raise click.UsageError("--port goes with --live alone.", ctx)
    from balance_sim.app.explorer import design_of, save_explorer
    from balance_sim.show.plots import open_run_or_sweep

    if runs is not None:
        click.echo(
            "Note: --runs has no effect without --live; nothing is simulated here.",
            err=True,
        )

    def tell(done: int, wanted: int) -> None:
        if sys.stderr.isatty():
            click.echo(
                f"\rpoint {done + 1} of {wanted} ", err=True, nl=done + 1 == wanted
            )

    design = design_of(open_run_or_sweep(results), tell)
    click.echo(save_explorer(design, out or results / "explore.html"))


def _serve(results: Path, runs: int, port: int | None) -> None:
    """The live page, until it is stopped."""
    from balance_sim.app import MOST_RUNS, need_extra

    need_extra()
    from balance_sim.app.server import serve

    if runs > MOST_RUNS:
        raise click.UsageError(f"--runs: at most {MOST_RUNS:,} with --live.")

    def announce(address: str) -> None:
        click.echo(address)
        sys.stdout.flush()
        click.echo("Open it in a browser on this machine. Ctrl-C ends it.", err=True)

    with resumable(options.command_line(), "to open it again, at another address"):
        serve(results, runs, port or 0, options.cores(), announce)


@click.command()
@click.argument("results", type=options.PATH)
@click.option(
    "--out",
    type=options.FILE,
    help="File to write: .csv, .parquet, or .tar.gz for EMA  [default: RESULTS/export.csv, or RESULTS/ema.tar.gz]",
)
@click.option(
    "--table",
    type=click.Choice([*REPLICATIONS, *AGREEMENTS]),
    metavar="[replications|agreements]",
    default="replications",
    show_default=True,
    help="A row a replication and arm, or a row an agreement.",
)
@click.option(
    "--ema",
    is_flag=True,
    help="Experiments and outcomes, as the EMA workbench's load_results reads them.",
)
def export(results: Path, out: Path | None, table: str, ema: bool) -> None:
    """Write everything in RESULTS to one file, sweeps with the values of their factors
    in every row."""
    from balance_sim.study.export import export as written
    from balance_sim.study.export import export_ema

    path = out or results / ("ema.tar.gz" if ema else "export.csv")
    if ema:
        click.echo(f"wrote {path}: {export_ema(results, path):,} experiments")
    else:
        rows = written(results, path, "accords" if table in AGREEMENTS else "runs")
        click.echo(f"wrote {path}: {rows:,} rows")
