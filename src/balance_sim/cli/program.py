"""The program: its commands, imported when they are asked for, and what each failure
ends with.

Results go to stdout, everything else to stderr. Exit codes: see `ExitCode`.
"""

from __future__ import annotations

import difflib
import enum
import errno
import json
import os
import sys
import traceback
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from balance_sim.registry import EXTRAS, ROOMS, load, places

if TYPE_CHECKING:
    from balance_sim.scenario.diagnostics import Diagnostic

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
FRONT = ("run", "check", "new", "plot", "explain", "explore")
"""Commands that are shown where none is given."""
NAME_WIDTH = 12
"""Columns for names of commands in the help."""
MOVED_OPTIONS = {
    "--accords": "--agreements",
    "--all": "--verbose",
    "--attribution-runs": "--runs",
    "--draw-parameters": "--draws fitted",
    "--from-case": "balance-sim evidence case NAME CASE_ID --cases CSV --data DIR",
    "--pair": "--dyad",
    "--pairs": "--dyads",
    "--propensities": "--random-intercepts",
}
"""Options that are gone, and what does the same."""
AS_JSON = "balance_sim.json"
"""In a context's meta: whether the command was given --json."""

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
UNREADABLE = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO)
UNWRITABLE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
)


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


class Commands(click.Group):
    """Commands of the upper storey that have one role in the registry."""

    def __init__(self, *args: Any, role: str = "command", **options: Any) -> None:
        super().__init__(*args, **options)
        self.role = role

    @property
    def places(self) -> Mapping[str, str]:
        """Place of each command by its name."""
        return places(self.role)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name; its module is imported."""
        if cmd_name not in self.places:
            return None
        command: click.Command = load(self.places[cmd_name])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command as click does; a name that was mistyped or has moved is
        answered with the right one, and an argument without characters is refused."""
        name = args[0]
        names = self.list_commands(ctx)
        if not name.startswith("-") and name not in names:
            ctx.fail(f"No such command '{name}'.{_hint(name, names)}")
        if any(_is_empty(word) for word in args):
            ctx.fail("an argument is empty: write a value, or leave its option out")
        return super().resolve_command(ctx, args)


def _is_empty(word: str) -> bool:
    """Return whether a word is blank, or `--out=`: a variable that is not set."""
    is_bare_option = word.startswith("--") and word.endswith("=")
    return not word.strip() or (is_bare_option and word.count("=") == 1)


def _hint(name: str, names: Iterable[str]) -> str:
    """Return what a name that is no command stood for, or may stand for."""
    for group in GROUPS:
        if name in places(group):
            return f" It is 'balance-sim {group} {name}' now."
    similar = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean '{similar[0]}'?" if similar else ""


class Program(Commands):
    """Commands of the core and the upper storey, and an exit code for every failure."""

    @property
    def places(self) -> Mapping[str, str]:
        """Place of each command by its name, without the groups."""
        return CORE | places("command")

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands and groups."""
        return sorted([*super().list_commands(ctx), *GROUPS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command or group of that name."""
        if cmd_name in GROUPS:
            return Commands(cmd_name, role=cmd_name, help=GROUPS[cmd_name])
        return super().get_command(ctx, cmd_name)

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the commands of the core by what they are for, then those of each room
        of the upper storey."""
        for heading, names in SECTIONS.items():
            self._write(ctx, formatter, heading, names)
        for room in ROOMS:
            commands = [*room.parts.get("command", ())]
            groups = [group for group in GROUPS if group in room.parts]
            if commands or groups:
                self._write(ctx, formatter, room.title, [*commands, *groups])

    def _write(
        self,
        ctx: click.Context,
        formatter: click.HelpFormatter,
        heading: str,
        names: Iterable[str],
    ) -> None:
        """Write one list of commands, each with the first sentence of its help."""
        commands = {name: self.get_command(ctx, name) for name in names}
        with formatter.section(heading):
            rows = [
                (name.ljust(NAME_WIDTH), command.get_short_help_str(limit=200))
                for name, command in commands.items()
                if command is not None
            ]
            formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; an empty one shows where to begin."""
        if not args and not ctx.resilient_parsing:
            formatter = ctx.make_formatter()
            self._write(ctx, formatter, "Begin with", FRONT)
            click.echo(formatter.getvalue())
            click.echo("`balance-sim --help` lists all commands, `balance-sim list`")
            click.echo("what there is to run, `balance-sim COMMAND --help` options.")
            ctx.exit()
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; whatever goes wrong ends here."""
        _print_any_character()
        # NumPy's; what matters raises an error
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except click.ClickException as error:
            vars(error)["message"] = _printable(_with_new_option(error))
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


def _with_new_option(error: click.ClickException) -> str:
    """Return the message; of an option that is gone, with what does the same now."""
    if isinstance(error, click.NoSuchOption) and error.option_name in MOVED_OPTIONS:
        return f"{error.message} Use {MOVED_OPTIONS[error.option_name]}."
    return error.message


def _report(error: Exception, *, as_json: bool) -> ExitCode:
    """Print what went wrong, and return the exit code for it."""
    from balance_sim.scenario.diagnostics import BalanceSimError, InputError

    if isinstance(error, InputError):
        if as_json:
            click.echo(json.dumps(document_of_records(error.records()), indent=2))
        else:
            _print_error("\n".join(error.messages()))
        return ExitCode.BAD_INPUT
    code, message = _code_and_message(error)
    if as_json and isinstance(error, BalanceSimError | MemoryError):
        record: dict[str, object] = {
            "file": "",
            "line": None,
            "col": None,
            "path": "",
            "code": f"E70{int(code)}",
            "message": message,
            "allowed": "",
            "suggestion": "",
        }
        click.echo(json.dumps(document_of_records([record]), indent=2))
    if code is ExitCode.UNWRITABLE:
        _silence_stdout()
    if code is ExitCode.INTERNAL and os.environ.get("BALANCE_SIM_DEBUG") == "1":
        lines = traceback.format_exception(error)
        click.echo("".join(lines), err=True, nl=False)
    _print_error(f"balance-sim: {message}")
    return code


def _code_and_message(error: Exception) -> tuple[ExitCode, str]:
    """Return the exit code of a failure, and what is said of it."""
    from balance_sim.scenario.diagnostics import BalanceSimError

    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, MemoryError) or number in EXHAUSTED:
        reason = "no memory is left" if number is None else os.strerror(number)
        advice = "the same command goes on with fewer --workers, or once others ended"
        message = f"{reason}. What was finished is kept: {advice} (see `ulimit -n`)."
        return ExitCode.UNWRITABLE, message
    if isinstance(error, BalanceSimError):
        return ExitCode(error.exit_code), str(error)
    if number in UNWRITABLE:
        return ExitCode.UNWRITABLE, f"cannot write: {error}"
    if number in UNREADABLE and isinstance(error, OSError) and error.filename:
        from balance_sim.scenario.diagnostics import shown

        name = shown(os.fsdecode(error.filename), 200)
        return ExitCode.BAD_INPUT, f"{name}: {error.strerror}"
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if package in EXTRAS:
            install = f"pip install 'balance-sim[{EXTRAS[package]}]'"
            return ExitCode.USAGE, f"this needs the package {package}: {install}"
    summary = " ".join(f"{type(error).__name__}: {error}".split())
    hint = "(BALANCE_SIM_DEBUG=1 shows where)"
    return ExitCode.INTERNAL, f"internal error: {summary} {hint}"


def document_of(problems: Iterable[Diagnostic], **more: object) -> dict[str, object]:
    """Return for JSON: `ok`, then `more`, then `errors` and `warnings` as records."""
    return document_of_records([problem.record() for problem in problems], **more)


def document_of_records(
    records: Iterable[dict[str, object]], **more: object
) -> dict[str, object]:
    """Return the same from records; a code that begins with W is a warning."""
    errors: list[dict[str, object]] = []
    warned: list[dict[str, object]] = []
    for record in records:
        is_warning = str(record["code"]).startswith("W")
        (warned if is_warning else errors).append(record)
    return {"ok": not errors, **more, "errors": errors, "warnings": warned}


def _printable(text: str) -> str:
    """Return a text in which nothing can steer a terminal; its lines stay."""
    from balance_sim.scenario.diagnostics import escaped

    return "\n".join(escaped(line) for line in text.split("\n"))


def _print_error(text: str) -> None:
    """Print to stderr, whatever a file or a name holds."""
    click.echo(_printable(text), err=True)


def _print_any_character() -> None:
    """Let no character stop the program, whatever the terminal's encoding."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _silence_stdout() -> None:
    """Keep the interpreter from complaining as it closes a stdout that takes nothing
    any more."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


@click.command(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Agent-based simulation of counter-balancing: what an event adds, over a "
    "paired counterfactual.",
)
@click.version_option(package_name="balance-sim", prog_name="balance-sim")
def main() -> None:
    """The program; each command stands in a module of its own."""
