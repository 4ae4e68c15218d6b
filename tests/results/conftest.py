"""What the tests of this folder share stands in `replications.py`, found under that name."""

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("replications", Path(__file__).with_name("replications.py"))
assert _spec is not None and _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules["replications"] = _module
_spec.loader.exec_module(_module)
