"""One fingerprint of the code that decides results: sha256 of the package's sources,
and of every module of one's own with the helpers that it imports.

A job for another process carries the driver's fingerprint, and the texts of modules of
one's own. Whoever unpacks the job imports the modules, from these texts where it has
none itself, takes its own fingerprint, and refuses where the two differ: a worker with
other rules under the same version, or with a module as it was before an edit, would
give other numbers without a word. A module's text is that of the file at
the moment this process first saw it, since later edits do not reach what is loaded."""

from __future__ import annotations

import ast
import hashlib
import importlib
import os
import pickle
import socket
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, resolve_name
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from balance_sim.model.own.modules import entered_modules, module_named
from balance_sim.scenario.errors import WrongRequest

PACKAGE = Path(__file__).parents[2]
DRAWING_ROOMS = ("app", "archive", "brief", "cli", "show")
"""Rooms of the package that compute nothing of a replication."""
INSTALLED = ("site-packages", "dist-packages")
SHOWN = 12
"""Digits of a sha256 in a message."""
_first_seen: dict[str, tuple[object, str]] = {}
"""By module: its import spec, and the sha256 of its text then."""
_received: list[tempfile.TemporaryDirectory[str]] = []
"""Folders of modules that were sent here; they go with this process."""


class CodeDiffers(WrongRequest):
    """A process has other code than the study began with."""


@dataclass(frozen=True)
class CodeFingerprint:
    """What code decides a study's results.

    Attributes
    ----------
    package : sha256 of the package's sources, but for rooms that only draw and print
    modules : sha256 by name, of modules of one's own and of the helpers they import
    """

    package: str
    modules: dict[str, str] = field(default_factory=dict)

    def differences(self, other: CodeFingerprint) -> list[tuple[str, str, str]]:
        """Where another fingerprint has other text: name, and the first digits of both
        values."""
        pairs = {"balance_sim": (self.package, other.package)}
        for name in sorted({*self.modules, *other.modules}):
            pairs[name] = self.modules.get(name, ""), other.modules.get(name, "")
        return [
            (name, wanted[:SHOWN] or "none", present[:SHOWN] or "none")
            for name, (wanted, present) in pairs.items()
            if wanted != present
        ]

    def refuse_other(self, other: CodeFingerprint, place: str, step: str) -> None:
        """Raise CodeDiffers, with both values, where another fingerprint differs.

        place: where the other one was taken; step: what to do next."""
        lines = [
            f"{name} {present}, not {wanted}"
            for name, wanted, present in self.differences(other)
        ]
        if lines:
            raise CodeDiffers(
                f"{place} has other code than the study: {'; '.join(lines)}. {step}"
            )

    def refuse_edited(self, step: str, *, others_read: bool) -> None:
        """Raise CodeDiffers where a file holds another text by now.

        step: what to do next. others_read: other processes read the package's sources
        too; this one has loaded what it runs."""
        package = _package_sha256() if others_read else self.package
        modules = {name: _file_sha256(name) for name in self.modules}
        self.refuse_other(CodeFingerprint(package, modules), "the disk", step)


def code_fingerprint(references: Iterable[str] = ()) -> CodeFingerprint:
    """The fingerprint of this process for code named `module:name` or `module`.

    Raises CodeDiffers for a module whose file was edited after it was imported."""
    roots = {reference.partition(":")[0] for reference in references}
    modules = {name: _loaded_sha256(name) for name in sorted(_with_helpers(roots))}
    return CodeFingerprint(LOADED_PACKAGE, modules)


def driver_fingerprint(references: Iterable[str] = ()) -> CodeFingerprint:
    """The fingerprint with which a study begins. Raises CodeDiffers where a module was
    edited after this process had imported it."""
    code = code_fingerprint(references)
    step = "It was edited after it was imported: importlib.reload it, or start Python "
    step += "anew"
    code.refuse_edited(step, others_read=False)
    return code


# -- a job for another process ---------------------------------------------------------


@dataclass(frozen=True)
class _Package:
    """Pickles as the job that it holds; where that is unpickled, modules of one's own
    are imported first, and the code is compared.

    texts : by module, its file below the folder that it is imported from, and the text
    """

    modules: tuple[str, ...]
    code: CodeFingerprint
    texts: dict[str, tuple[str, bytes]]
    job: bytes

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpacked, (self.modules, self.code, self.texts, self.job)


def packed(job: object, references: Iterable[str] = ()) -> bytes:
    """A job as bytes for another process, with the modules of one's own that it needs
    and the fingerprint of the code. references: `module:name` of what it runs besides
    what has entered a term or a kind of event."""
    roots = {reference.partition(":")[0] for reference in references}
    modules = tuple(dict.fromkeys([*entered_modules(), *sorted(roots)]))
    code = code_fingerprint(modules)
    texts = _texts(code.modules)
    return pickle.dumps(_Package(modules, code, texts, pickle.dumps(job)))


def _texts(modules: Iterable[str]) -> dict[str, tuple[str, bytes]]:
    """Of those that are one's own, and of the packages that they lie in: file below the
    folder that they are imported from, and text."""
    texts = {}
    for name in dict.fromkeys(part for whole in modules for part in _parents(whole)):
        path = _path(name)
        if path is not None and _is_own(path):
            is_package = path.name == "__init__.py"
            file = name.replace(".", "/") + ("/__init__.py" if is_package else ".py")
            texts[name] = file, path.read_bytes()
    return texts


def _unpacked(
    modules: tuple[str, ...],
    code: CodeFingerprint,
    texts: dict[str, tuple[str, bytes]],
    job: bytes,
) -> Any:
    """The job. Raises CodeDiffers where this process has other code, or lacks a module
    that was not sent."""
    _receive(texts)
    for name in modules:
        try:
            module_named(name, "module")
        except WrongRequest as error:
            raise CodeDiffers(
                f"a worker on {socket.gethostname()} (process {os.getpid()}) cannot "
                f"import the module {name}: {error.__cause__!r}. Put what it imports "
                "and the files that it reads where that worker runs"
            ) from None
    step = "Start the workers anew, with the same files as here"
    present = code_fingerprint(modules)
    code.refuse_other(present, "a worker", step)
    # what is still to be loaded here comes from the disk
    code.refuse_other(
        replace(present, package=_package_sha256()), "a worker's disk", step
    )
    return pickle.loads(job)  # from our own driver


def _receive(texts: dict[str, tuple[str, bytes]]) -> None:
    """Put those modules that this process does not find into a folder of which it
    imports what it finds nowhere else."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # a module there comes first: `module_named`
    lacking = [texts[name] for name in texts if not _is_found(name)]
    if not lacking:
        return
    folder = tempfile.TemporaryDirectory(prefix="balance-sim-")
    for file, text in lacking:
        path = Path(folder.name, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    _received.append(folder)
    sys.path.append(folder.name)
    importlib.invalidate_caches()


def _is_found(name: str) -> bool:
    """Whether a module is loaded here, or could be."""
    try:
        return name in sys.modules or find_spec(name) is not None
    except ImportError:  # the package that it lies in is not here
        return False


# -- texts -----------------------------------------------------------------------------


def _package_sha256() -> str:
    """sha256 of the package's sources as they are on disk."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE)
        if place.parts[0] not in DRAWING_ROOMS:
            digest.update(f"{place.as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


LOADED_PACKAGE = _package_sha256()
"""The sha256 as this process began to load the package."""


def _loaded_sha256(name: str) -> str:
    """sha256 of a module's text as this process first saw it, or saw it reloaded;
    nothing where the file had been edited by then."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if name not in _first_seen or _first_seen[name][0] is not spec:
        if not _is_as_loaded(name):
            return ""
        _first_seen[name] = spec, _file_sha256(name)
    return _first_seen[name][1]


def _is_as_loaded(name: str) -> bool:
    """Whether the functions of a loaded module are those that its file defines."""
    module, path = sys.modules.get(name), _path(name)
    spec = getattr(module, "__spec__", None)
    if path is None or type(getattr(spec, "loader", None)) is not SourceFileLoader:
        return True
    try:
        text = compile(path.read_bytes(), path, "exec", dont_inherit=True)
    except OSError:
        return True
    except (SyntaxError, ValueError):
        return False
    written = {*_codes_in(text)}
    holders = [module, *(each for each in vars(module).values() if type(each) is type)]
    functions = [each for holder in holders for each in vars(holder).values()]
    loaded = [each.__code__ for each in functions if isinstance(each, FunctionType)]
    here = [code for code in loaded if code.co_filename == str(path)]
    return written.issuperset(here)


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    """The code of every function that a text defines, at whatever depth."""
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield part
            yield from _codes_in(part)


def _file_sha256(name: str) -> str:
    """sha256 of a module's file; nothing where it cannot be read."""
    path = _path(name)
    with suppress(OSError):
        return "" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
    return ""


def _path(name: str) -> Path | None:
    """The source file of a module, loaded or not; None where it has none."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if module is None:
        with suppress(ImportError, ValueError, AttributeError):
            spec = find_spec(name)
            file = None if spec is None else spec.origin
    return Path(file) if file and file.endswith(".py") else None


def _with_helpers(roots: set[str]) -> set[str]:
    """These modules, and all of one's own that they import, directly or not."""
    names, waiting = set(roots), list(roots)
    while waiting:
        for name in _imports(waiting.pop()):
            path = _path(name)
            if name not in names and path is not None and _is_own(path):
                names.add(name)
                waiting.append(name)
    return names


def _imports(name: str) -> Iterator[str]:
    """Names that the import statements of a module's text may load."""
    path = _path(name)
    try:
        tree = ast.parse(b"" if path is None else path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    is_package = path is not None and path.name == "__init__.py"
    home = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                with suppress(ImportError):
                    module = resolve_name("." * node.level + module, home)
            yield from _parents(module)
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _parents(name: str) -> Iterator[str]:
    names = name.split(".")
    return (".".join(names[:count]) for count in range(1, len(names) + 1))


def _is_own(path: Path) -> bool:
    """Whether a file is neither installed, nor of Python, nor of this package."""
    folders = [Path(sysconfig.get_path(key)) for key in ("stdlib", "platstdlib")]
    is_installed = any(part in INSTALLED for part in path.parts)
    return not is_installed and not any(
        path.is_relative_to(folder) for folder in (PACKAGE, *folders)
    )
