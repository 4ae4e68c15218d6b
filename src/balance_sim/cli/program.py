"""The program: its commands, imported when they are asked for, and what each failure
ends with.

Results go to stdout, everything else to stderr. Exit codes: see `ExitCode`. A command
parses its options, makes one call of the library, and prints lines or one JSON
document (`options.answer`); it catches nothing. Whatever is raised ends in
`Program.invoke`: errors of ours know their exit code, a bad input file has records with
file, line and column, and all else is an internal error.
"""

from __future__ import annotations

import atexit
import enum
import errno
import gc
import json
import os
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli.advice import COMMANDS, improve
from balance_sim.registry import EXTRAS, ROOMS, load, places

if TYPE_CHECKING:
    from balance_sim.scenario.diagnostics import BalanceSimError

SECTIONS = {
    "Simulate": {
        "run": "cli.run:run",
        "sweep": "cli.sweep:sweep",
        "status": "cli.run:status",
    },
    "Effects": {
        "effect": "cli.effect:effect",
        "explain": "cli.explain:explain",
        "compare": "cli.compare:compare",
        "sensitivity": "cli.sensitivity:sensitivity",
    },
    "Figures and tables": {
        "plot": "cli.pages:plot",
        "report": "cli.pages:report",
        "export": "cli.pages:export",
    },
    "Inputs": {
        "check": "cli.check:check",
        "list": "cli.inputs:list_",
        "new": "cli.inputs:new",
        "parameters": "cli.inputs:parameters",
        "schema": "cli.inputs:schema",
    },
}
"""Commands of the core under the headings of the help, and the place of each, as
`registry.load` takes it."""
CORE = {name: place for section in SECTIONS.values() for name, place in section.items()}
GROUPS = {"evidence": "Fit, calibrate, forecast and score: what the numbers rest on."}
"""Groups of commands of the upper storey, each with the role of the same name."""
FRONT = ("run", "check", "new", "plot", "explain", "app")
"""Commands that are shown where none is given."""
WORDS = "balance_sim.words"
"""In a context's meta: the words of the command line."""
AS_JSON = "balance_sim.json"
"""In a context's meta: whether the command was given --json."""


class ExitCode(enum.IntEnum):
    """What the program ends with."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    FAILED_RUNS = 3
    BAD_INPUT = 4
    BUSY = 5
    DAMAGED = 6
    UNWRITABLE = 7  # or the machine gave out: memory, open files, the cluster
    INTERRUPTED = 130
    TERMINATED = 143


atexit.register(gc.freeze)  # no search for garbage in memory that goes anyway
UNREADABLE = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO)


class Commands(click.Group):
    """Commands that are imported when they are asked for.

    Parameters
    ----------
    commands_at : place of each by its name, as `registry.load` takes it
    """

    def __init__(
        self, *args: Any, commands_at: Mapping[str, str], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*self.commands_at, *self.commands})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name; its module is imported."""
        if cmd_name not in self.commands_at:
            return self.commands.get(cmd_name)
        command: click.Command = load(self.commands_at[cmd_name])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command as click does; a name that was mistyped or has moved is
        answered with the right one, and an argument without characters, such as a
        variable that is not set, is refused."""
        name, names = args[0], self.list_commands(ctx)
        if not name.startswith("-") and name not in names:
            import difflib

            evidence = [f"evidence {subcommand}" for subcommand in places("evidence")]
            commands = {line.rpartition(" ")[2]: line for line in [*names, *evidence]}
            near = difflib.get_close_matches(name, commands, n=1)
            if name in COMMANDS:
                near = [COMMANDS[name].rpartition(" ")[2]]
            hint = f" Did you mean 'balance-sim {commands[near[0]]}'?" if near else ""
            ctx.fail(f"No such command '{name}'.{hint}")
        bare = [word for word in args if word.startswith("--") and word.endswith("=")]
        if bare or not all(word.strip() for word in args):
            ctx.fail("an argument is empty: write a value, or leave its option out")
        return super().resolve_command(ctx, args)


class Program(Commands):
    """Commands of the core and the upper storey, and an exit code for every failure."""

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the commands of the core by what they are for, then those of each room
        of the upper storey."""
        sections = {heading: list(names) for heading, names in SECTIONS.items()}
        for room in ROOMS:
            groups = [group for group in GROUPS if group in room.parts]
            sections[room.title] = [*room.parts.get("command", ()), *groups]
        for heading, names in sections.items():
            self._write(ctx, formatter, heading, names)

    def _write(
        self,
        ctx: click.Context,
        formatter: click.HelpFormatter,
        heading: str,
        names: Iterable[str],
    ) -> None:
        """Write one list of commands, each with the first sentence of its help."""
        rows = []
        for name in names:
            command = self.get_command(ctx, name)
            assert command is not None
            rows.append((name.ljust(12), command.get_short_help_str(limit=200)))
        if rows:
            with formatter.section(heading):
                formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; an empty one shows where to begin."""
        ctx.meta[WORDS] = tuple(args)
        if not args and not ctx.resilient_parsing:
            formatter = ctx.make_formatter()
            self._write(ctx, formatter, "Begin with", FRONT)
            click.echo(formatter.getvalue())
            click.echo("`balance-sim --help` lists all commands, `balance-sim list`")
            click.echo("what there is to run, `balance-sim COMMAND --help` options.")
            ctx.exit()
        return super().parse_args(ctx, args)

    def main(self, *args: Any, **options: Any) -> Any:
        """Begin the program, with all three standard streams open."""
        _open_streams()
        return super().main(*args, **options)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; whatever goes wrong ends here."""
        # none of ours: it would look for them in every package that is installed
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
        for stream in (sys.stdout, sys.stderr):  # no character stops the program
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        # NumPy's; what matters raises an error
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except click.ClickException as error:
            improve(error, ctx.meta.get(WORDS, ()))
            vars(error)["message"] = _printable(error.message)
            raise
        except (click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            _silence_stdout()
            raise click.exceptions.Exit(ExitCode.OK) from None
        except Exception as error:
            code = _report(error, as_json=bool(ctx.meta.get(AS_JSON)))
            raise click.exceptions.Exit(code) from None


def _report(error: Exception, *, as_json: bool) -> ExitCode:
    """Print what went wrong, and return the exit code for it.

    Parameters
    ----------
    error : that ended the command
    as_json : print records on stdout, as `document_of` has them
    """
    from balance_sim.scenario.diagnostics import InputError

    fault = _fault(error)
    code = ExitCode(fault.exit_code)
    if as_json and code is not ExitCode.INTERNAL and not isinstance(error, OSError):
        click.echo(json.dumps(document_of(fault.records()), indent=2))
    if code is ExitCode.UNWRITABLE:
        _silence_stdout()
    if code is ExitCode.INTERNAL and os.environ.get("BALANCE_SIM_DEBUG") == "1":
        import traceback

        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    if not (as_json and isinstance(error, InputError)):
        click.echo(_printable("\n".join(fault.messages())), err=True)
    return code


def _fault(error: Exception) -> BalanceSimError:
    """Return a failure as one of ours: its exit code, and what is said of it."""
    from balance_sim.scenario.diagnostics import BalanceSimError, shown

    if isinstance(error, BalanceSimError):
        return error
    advice = "What was finished is kept: the same command goes on"
    package = (getattr(error, "name", "") or "").partition(".")[0]
    summary = " ".join(f"{type(error).__name__}: {error}".split())
    message = f"internal error: {summary} (BALANCE_SIM_DEBUG=1 shows where)"
    code = ExitCode.INTERNAL
    if isinstance(error, MemoryError):
        message = f"no memory is left. {advice} with fewer --workers."
        code = ExitCode.UNWRITABLE
    elif isinstance(error, OSError) and error.errno in UNREADABLE and error.filename:
        name = shown(os.fsdecode(error.filename), 200)
        message, code = f"{name}: {error.strerror}", ExitCode.BAD_INPUT
    elif isinstance(error, OSError):
        message = f"cannot write: {error}. {advice}."
        code = ExitCode.UNWRITABLE
    elif isinstance(error, ModuleNotFoundError) and package in EXTRAS:
        install = f"pip install 'balance-sim[{EXTRAS[package]}]'"
        message = (
            f"this needs the package {package}: {install}; in a clone: "
            f"./balance-sim --with {EXTRAS[package]} ..."
        )
        code = ExitCode.USAGE
    fault = BalanceSimError(message)
    fault.exit_code = code
    return fault


def document_of(
    records: Sequence[dict[str, object]], **more: object
) -> dict[str, object]:
    """Return for JSON: `ok`, then `more`, then `errors` and `warnings`, records whose
    code begins with W."""
    warned = [record for record in records if str(record["code"]).startswith("W")]
    errors = [record for record in records if record not in warned]
    return {"ok": not errors, **more, "errors": errors, "warnings": warned}


def _open_streams() -> None:
    """Open those standard streams that were closed as the program began (`>&-`) to
    nothing: else the next file that is opened would be one of them."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            place = os.open(os.devnull, os.O_RDWR)  # the first that is free: its own
            os.set_inheritable(place, True)
            setattr(sys, name, os.fdopen(place, "r" if name == "stdin" else "w"))


def _printable(text: str) -> str:
    """Return a text in which nothing can steer a terminal; its lines stay."""
    from balance_sim.scenario.diagnostics import escaped

    return "\n".join(escaped(line) for line in text.split("\n"))


def _silence_stdout() -> None:
    """Keep the interpreter from complaining as it closes a stdout that takes nothing
    any more."""
    with suppress(OSError, ValueError):  # it is no file of the system's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.command(
    cls=Program,
    commands_at=CORE | places("command"),
    commands={
        group: Commands(group, commands_at=places(group), help=words)
        for group, words in GROUPS.items()
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Agent-based simulation of counter-balancing: what an event adds, over a "
    "paired counterfactual.",
)
@click.version_option(package_name="balance-sim", prog_name="balance-sim")
def main() -> None:
    """The program; each command stands in a module of its own."""
