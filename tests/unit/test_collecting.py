"""What is loaded at once, and stays, is not looked through by the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from bridge import collecting


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_nothing_is_collected_while_it_is_paused_and_it_goes_on_afterwards() -> None:
    with collecting.paused():
        with collecting.paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_goes_on_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), collecting.paused():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_what_is_there_is_not_looked_through_again() -> None:
    collecting.settle()
    assert gc.get_freeze_count() > 1000
    gc.collect()
    assert len(gc.get_objects(generation=2)) < gc.get_freeze_count()
