"""Property tests look at the same examples every time, so that a commit passes or fails for good.

With BALANCE_SIM_FUZZ set, they look at new ones: see tests/README.md."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.load_profile("default" if "BALANCE_SIM_FUZZ" in os.environ else "same")
