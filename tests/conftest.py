"""Property tests look at the same examples every time, so that a commit passes or fails for good.

With BALANCE_SIM_FUZZ set, they look at new ones: see tests/README.md. The processes that tests start keep the
bytecode that they compile, so that the next one does not compile all of it again."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.load_profile("default" if "BALANCE_SIM_FUZZ" in os.environ else "same")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
