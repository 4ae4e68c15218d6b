"""The program itself: its commands, found when they are needed, and what each failure
ends with.

Results go to stdout, everything else to stderr. Exit codes: see `ExitCode`."""

from __future__ import annotations

import enum
import errno
import io
import json
import os
import re
import sys
import traceback
import warnings
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TextIO

import click

from balance_sim.registry import load, places

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed import ReadableBuffer

    from balance_sim.scenario.diagnostics import Diagnostic

CORE = {
    "check": "cli.check:check",
    "compare": "cli.compare:compare",
    "effect": "cli.explain:effect",
    "explain": "cli.explain:explain",
    "export": "cli.pages:export",
    "list": "cli.inputs:list_",
    "new": "cli.inputs:new",
    "parameters": "cli.inputs:parameters",
    "plot": "cli.pages:plot",
    "report": "cli.pages:report",
    "run": "cli.run:run",
    "schema": "cli.inputs:schema",
    "sensitivity": "cli.compare:sensitivity",
    "status": "cli.run:status",
    "sweep": "cli.run:sweep",
}
"""Commands of the core, and the place of each, as `registry.load` takes it."""
GROUPS = {"evidence": "Fit, calibrate, forecast and score: what the numbers rest on."}
"""Groups of commands of the upper storey, each with the role of the same name."""
RULES = (
    *(
        "run",
        "sweep",
        "check",
        "effect",
        "explain",
        "explore",
        "game",
        "gof",
        "plot",
        "report",
        "sensitivity",
    ),
    *("compare", "package", "reproduce", "verify"),
)
"""Commands that compute with the rules of a scenario, and so take `--terms`."""
AS_JSON = (
    "balance_sim.json"  # in a context's meta: whether the command was given --json
)
UNREADABLE = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO)
KEPT = "What was finished is kept: the same command goes on"
_NO_MEMORY = re.compile(
    "failed to map segment|[Cc]annot allocate memory|cannot map zero-fill"
)
"""What the loader of shared libraries says of a package that found no room."""
_NO_MEMORY_LEFT = (
    f"no memory is left. {KEPT}, with fewer --workers, or where more memory is free."
)
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
    """Commands whose modules are imported when they are asked for.

    role: that they have in the registry; moved: names that are found elsewhere now."""

    def __init__(self, *args: Any, role: str = "command", **options: Any) -> None:
        super().__init__(*args, **options)
        self.role = role

    @property
    def places(self) -> dict[str, str]:
        """Place of each command by its name."""
        return places(self.role)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click names it
        """Names of all commands."""
        return sorted(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name."""
        if cmd_name not in self.places:
            return None
        command: click.Command = load(self.places[cmd_name])
        if cmd_name in RULES:
            from balance_sim.cli.options import terms_option

            command.params += [] if terms_option in command.params else [terms_option]
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a name that was mistyped or has
        moved."""
        if (
            args
            and not args[0].startswith("-")
            and args[0] not in self.list_commands(ctx)
        ):
            ctx.fail(f"No such command '{args[0]}'.{self.hint(ctx, args[0])}")
        _refuse_empty(ctx, args)
        return super().resolve_command(ctx, args)

    def hint(self, ctx: click.Context, name: str) -> str:
        """What a name that is no command may stand for."""
        import difflib

        for group in GROUPS:
            if name in places(group):
                return f" It is 'balance-sim {group} {name}' now."
        near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
        return f" Did you mean '{near[0]}'?" if near else ""


class Program(Commands):
    """The program: commands of the core and the upper storey, and an exit code for
    every failure."""

    @property
    def places(self) -> dict[str, str]:
        """Place of each command by its name."""
        return CORE | super().places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands and groups."""
        return sorted([*super().list_commands(ctx), *GROUPS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command or group of that name."""
        if cmd_name in GROUPS:
            return Commands(cmd_name, role=cmd_name, help=GROUPS[cmd_name])
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; whatever goes wrong ends here."""
        _hold_streams()
        _say_to_nobody()
        _print_anything()
        warnings.filterwarnings(
            "ignore", category=RuntimeWarning
        )  # NumPy's; what matters raises an error
        left: Exception
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except click.ClickException as error:
            from balance_sim.scenario.diagnostics import escaped

            vars(error)["message"] = "\n".join(
                map(escaped, _with_bounds(error).split("\n"))
            )
            raise
        except (click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            _silence_stdout()
            raise click.exceptions.Exit(ExitCode.OK) from None
        except SystemExit as end:
            if isinstance(
                end.__context__, BrokenPipeError
            ):  # rich ends with 1 where nobody reads any more
                raise click.exceptions.Exit(ExitCode.OK) from None
            left = RuntimeError(f"code of another ended the program with {end.code!r}")
        except Exception as error:  # noqa: BLE001 - the one place where every failure ends
            left = error
        raise click.exceptions.Exit(_report(left, as_json=bool(ctx.meta.get(AS_JSON))))


def _refuse_empty(ctx: click.Context, args: list[str]) -> None:
    """Refuse an argument of no characters, such as a variable of a shell that is not
    set: `--out ""` is no folder."""
    for before, word in pairwise(["", *args]):
        option = before if before.startswith("-") and "=" not in before else ""
        if word.startswith("--") and word.endswith("=") and word.count("=") == 1:
            option = word[:-1]
        elif word.strip():
            continue
        if option:
            ctx.fail(
                f"{option} is given an empty value: write one, or leave {option} out"
            )
        ctx.fail("an argument is empty: give a path or a name")


def _with_bounds(error: click.ClickException) -> str:
    """The message; where no number, or one that is not allowed, was given for one, with
    the numbers that are."""
    kind = (
        error.param.type
        if isinstance(error, click.BadParameter) and error.param
        else None
    )
    refused = re.match(r"(.+) is not (a valid|in the range) ", error.message)
    if not isinstance(kind, click.IntRange | click.FloatRange) or refused is None:
        return error.message
    whole = isinstance(kind, click.IntRange)
    low, high = (
        "" if bound is None else f"{bound:,{'' if whole else 'g'}}"
        for bound in (kind.min, kind.max)
    )
    allowed = (
        f"{low}..{high}"
        if low and high
        else f"{low} or more"
        if low
        else f"up to {high}"
    )
    if kind.min_open:
        allowed = f"above {low}" + f", up to {high}" * bool(high)
    if refused[2] == "in the range":
        return f"{refused[1]} is out of range; allowed: {allowed}."
    return f"{refused[1]} is no {'whole ' * whole}number; allowed: {allowed}, in plain digits."


def _report(error: Exception, *, as_json: bool) -> ExitCode:
    """Say what went wrong, and give the exit code for it, also where there is no room
    for the modules that word it."""
    try:
        return _worded(error, as_json=as_json)
    except (ImportError, MemoryError):
        why = _NO_MEMORY_LEFT
    except OSError as again:
        why = f"the system gives no more memory or files: {again.strerror}. {KEPT} once others have ended."
    click.echo(f"balance-sim: {why}", err=True)
    return ExitCode.UNWRITABLE


def _worded(error: Exception, *, as_json: bool) -> ExitCode:
    from balance_sim.evidence.data.errors import DataError
    from balance_sim.scenario.diagnostics import ScenarioError

    of_files = isinstance(error, DataError | ScenarioError)
    gone = None if of_files else _given_out(error)
    code = (
        ExitCode.UNWRITABLE if gone is not None else getattr(error, "exit_code", None)
    )
    if isinstance(code, int):
        said = gone or str(error)
        if as_json:
            click.echo(json.dumps(_document(error, f"E70{int(code)}", said), indent=2))
        if gone is not None:
            _silence_stdout()
        if isinstance(error, DataError):
            said = "\n".join(f"error: {one}" for one in error.each)
        if not (as_json and of_files):
            _say(said if of_files else f"balance-sim: {said}")
        return ExitCode(code)
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        _silence_stdout()
        _say(f"balance-sim: cannot write: {error}")
        return ExitCode.UNWRITABLE
    if (
        isinstance(error, OSError)
        and error.errno in UNREADABLE
        and error.filename is not None
    ):
        name = os.fsdecode(error.filename)
        _say(
            f"balance-sim: {name if len(name) <= 200 else name[:197] + '...'}: {error.strerror}"
        )
        return ExitCode.BAD_INPUT
    if os.environ.get("BALANCE_SIM_DEBUG") == "1":
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    what = " ".join(f"{type(error).__name__}: {error}".split())
    _say(f"balance-sim: internal error: {what} (BALANCE_SIM_DEBUG=1 shows where)")
    return ExitCode.INTERNAL


def _given_out(error: BaseException) -> str | None:
    """What the machine has no more of, or that the working directory is gone, with the
    next step; None: neither."""
    if isinstance(error, MemoryError) or (
        isinstance(error, ImportError) and _NO_MEMORY.search(str(error))
    ):
        return _NO_MEMORY_LEFT
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, OSError) and cause.errno == errno.ENOENT:
        try:
            os.getcwd()
        except OSError:
            return "the working directory is gone: `cd` to a folder that is there, and give the command again."
    if not isinstance(error, OSError):
        return None
    from balance_sim.scenario.files import EXHAUSTED

    if error.errno not in EXHAUSTED:
        return None
    what = os.strerror(error.errno or 0)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"no further file can be opened: {what}. {KEPT} once `ulimit -n` allows more, or others are closed."
    return f"the system gives no more memory or processes: {what}. {KEPT} once others have ended."


def _say(text: str) -> None:
    """To stderr; whatever a file or a name holds that could steer a terminal is written
    out."""
    from balance_sim.scenario.diagnostics import escaped

    click.echo("\n".join(escaped(line) for line in text.split("\n")), err=True)


def _document(error: Exception, code: str, said: str) -> dict[str, object]:
    """For JSON. A fault of a study or an archive has no line; its code ends with the
    exit code."""
    if (problems := getattr(error, "problems", None)) is not None:
        return document_of(problems)
    record: dict[str, object] = {
        "file": "",
        "line": None,
        "col": None,
        "path": "",
        "code": code,
        "message": said,
    }
    record |= {"allowed": "", "suggestion": ""}
    each = getattr(error, "each", None)
    errors = (
        [record]
        if each is None
        else [
            record
            | {
                "file": "" if one.path is None else str(one.path),
                "line": one.line,
                "path": one.column or "",
            }
            | {
                "code": "E600",
                "message": one.message,
                "suggestion": one.next_step,
                "value": one.value,
            }
            for one in each
        ]
    )
    return {"ok": False, "errors": errors, "warnings": []}


def document_of(problems: Iterable[Diagnostic], **more: object) -> dict[str, object]:
    """For JSON: `ok`, then `more`, then `errors` and `warnings` as lists of records."""
    records: tuple[list[dict[str, object]], list[dict[str, object]]] = ([], [])
    for one in problems:
        records[one.is_warning].append(one.record())
    return {"ok": not records[0], **more, "errors": records[0], "warnings": records[1]}


def _hold_streams() -> None:
    """Give closed standard streams somewhere to go, so that no file of ours is opened
    in their place."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - for as long as we live
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115 - for as long as we live


class _Unheard(io.FileIO):
    """stderr, also where its reader has left or its terminal is gone: what nobody hears
    stops no work."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(memoryview(data).cast("B"))


def _say_to_nobody() -> None:
    """Let messages to a stderr that nobody reads any more go nowhere, instead of ending
    the command."""
    if _number_of(sys.stderr) == 2:
        raw = io.BufferedWriter(_Unheard(2, "w", closefd=False))
        sys.stderr = io.TextIOWrapper(
            raw, encoding=sys.stderr.encoding, line_buffering=True, write_through=True
        )


def _number_of(stream: TextIO) -> int | None:
    """The file that a stream writes to; None where it is none."""
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def _print_anything() -> None:
    """No character stops the program, whatever the terminal's encoding."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _silence_stdout() -> None:
    """Nobody reads any more: keep the interpreter from complaining when it closes
    stdout."""
    number = _number_of(sys.stdout)
    if number is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


@click.command(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Agent-based simulation of counter-balancing: what an event adds, over a paired counterfactual.",
)
@click.version_option(package_name="balance-sim", prog_name="balance-sim")
def main() -> None:
    """The group; commands live in modules of their own."""
