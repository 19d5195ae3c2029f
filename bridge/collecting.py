"""The garbage collector and a configuration of thousands of rules, which is all made at once, and made to stay.

Left to itself the collector looks through all that is there again and again: a third of the time that it takes to
load, and, later, a third of a second in which the bridge does nothing else.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Nothing is collected meanwhile."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def settle() -> None:
    """What is there now is not looked through again. It is freed all the same when nobody refers to it, but for what
    refers to itself.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
