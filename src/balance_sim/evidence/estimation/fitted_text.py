"""What a fit has found as the text of a YAML file."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

HEAD = "# Fitted by balance-sim. Estimates in nats; see docs/evidence.md.\n"


def fitted_text(record: dict[str, object]) -> str:
    """One YAML document; the matrix a row a line."""
    return HEAD + yaml.dump(record, Dumper=_Rows, sort_keys=False, width=1_000_000, allow_unicode=True)


class _Rows(yaml.SafeDumper):
    """Lists of numbers on one line, everything else below each other."""


def _sequence(dumper: yaml.SafeDumper, value: Sequence[object]) -> yaml.Node:
    flat = all(item is None or isinstance(item, int | float) for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=flat)


_Rows.add_representer(list, _sequence)
