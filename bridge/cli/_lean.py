"""Imported before anything that logs: structlog without rich, which it would load for its tracebacks, with 20 MB of
memory.
"""

import sys

if "structlog" not in sys.modules and "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment] # "there is no such module" (importlib's documented way)
    try:
        import structlog  # noqa: F401 -- what this module is for
    finally:
        del sys.modules["rich"]
