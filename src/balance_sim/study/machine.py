"""What kind of processor this is: results are the same to the last bit on one type, not across types."""

from __future__ import annotations

import platform
import re
from pathlib import Path


def cpu_type() -> str:
    """Architecture and model, e.g. `x86_64 Intel(R) Xeon(R) Processor @ 2.60GHz`; nothing of whose it is."""
    machine = platform.machine() or "unknown"
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{machine} {platform.processor()}".strip()
    found = re.search(r"^(?:model name|CPU part|uarch)\s*:\s*(.+)$", text, re.MULTILINE)
    return f"{machine} {found[1].strip()}" if found else machine
