"""Lets the tests of this folder import `studies`, the studies made by hand that stand beside them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
