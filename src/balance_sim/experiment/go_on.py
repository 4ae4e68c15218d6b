"""The command that goes on with a study. Its folder may come from a stranger, whose words nobody is told to give.

The command line in a manifest is taken apart; what is put together again are options of `run` and `sweep` that are
known here and harmless, with values of their kind, each of them quoted for a shell."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from balance_sim.results.manifest import Manifest
from balance_sim.scenario.load import stem

LONGEST = 1_000  # characters of a word
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MODEL = re.compile(r"[A-Za-z_][\w.]{0,150}:[A-Za-z_]\w{0,150}", re.ASCII)
_SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,8})?").fullmatch
_SETTING = re.compile(r"[A-Za-z0-9_.\-\[\]]{1,200}=.*")
Test = Callable[[str], bool]


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and len(text) < 40
    except ValueError:
        return False


_COMMON: dict[str, Test] = {"--workers": _is_whole, "--run-timeout": _is_number}
_VALUES: dict[str, dict[str, Test]] = {
    "run": _COMMON
    | {
        "--runs": _is_whole,
        "--precision": _is_number,
        "--set": lambda text: _SETTING.fullmatch(text) is not None,
        "--theory": lambda text: _IDENTIFIER.fullmatch(text) is not None,
    },
    "sweep": _COMMON | dict.fromkeys(("--max-runs", "--max-bytes", "--block"), _is_whole),
}
_FLAGS = {"run": ("--draw-parameters", "--no-mechanisms", "--no-figures"), "sweep": ()}
_DROPPED = {  # options with a value that are known, and worked out anew or left out
    "run": ("--seed", "--out", "--arms", "--model"),
    "sweep": ("--out", "--model", "--scheduler", "--cluster", "--jobs", "--cluster-option"),
}


def command_of(manifest: Manifest, folder: Path) -> str | None:
    """What to run next for the study in `folder`; None where its manifest tells of no command that made it."""
    study = manifest.study
    try:
        words = shlex.split(manifest.command)
    except ValueError:
        return None
    if words[:2] != ["balance-sim", study]:
        return None
    file, options = None, []
    for option, value in _pairs(words[2:], study):
        if option:
            options += [option, value] if value is not None else [option]
        elif file is None and value is not None:
            file = value
    named = manifest.scenario.name if study == "run" else manifest.experiment
    if (
        file is None
        or not _is_plain(file)
        or stem(Path(file).name) != named
        or not _SUFFIX(Path(file).suffix)
    ):
        return None
    if study == "run":
        options += ["--seed", str(manifest.seed)]
        arms = manifest.arms
        are_named = any(word == "--arms" or word.startswith("--arms=") for word in words)
        if are_named and all(_IDENTIFIER.fullmatch(arm) for arm in arms):
            options += ["--arms", ",".join(arms)]
    model = manifest.model
    if model is not None:
        if _MODEL.fullmatch(model) is None:
            return None
        options += ["--model", model]
    return shlex.join(["balance-sim", study, file, *options, "--out", str(folder)])


def _pairs(words: Sequence[str], study: str) -> Iterator[tuple[str, str | None]]:
    """Known options with their values, and arguments with no option before them; all else is passed over."""
    at = 0
    while at < len(words):
        option, equals, value = words[at].partition("=")
        at += 1
        if not option.startswith("-"):
            yield "", words[at - 1]
            continue
        test = _VALUES[study].get(option)
        if test is not None or option in _DROPPED[study]:
            if not equals:
                value = words[at] if at < len(words) else ""
                at += 1
            if test is not None and _is_plain(value) and test(value):
                yield option, value
        elif option in _FLAGS[study] and not equals:
            yield option, None


def _is_plain(word: str) -> bool:
    return 0 < len(word) <= LONGEST and word.isprintable() and not word.startswith("-")


__all__ = ["command_of"]
