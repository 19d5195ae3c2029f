"""A real server of each kind for all the tests; what they show of it goes into the table of ``compatibility``."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.integration.servers import compatibility
from tests.servers import every
from tests.servers.imap_server import ImapServer

_FOUND = compatibility.Found()


@pytest.fixture(scope="session", params=every.KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> type[ImapServer]:
    chosen: type[ImapServer] = request.param
    return chosen


@pytest.fixture(scope="session")
def started(kind: type[ImapServer]) -> Iterator[ImapServer]:
    with kind.shared() as server:
        _FOUND.offers(kind.name, server.capabilities())
        yield server


@pytest.fixture
def server(started: ImapServer) -> ImapServer:
    """With a user whom no other test has used."""
    started.user = started.fresh()
    return started


@pytest.fixture
def found() -> compatibility.Found:
    return _FOUND


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The table is compared when everything else has run."""
    items.sort(key=lambda item: item.path.name == "test_compatibility.py")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, None, None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]  # pluggy's, which is not typed here
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    kind = parameters.get("kind")
    if call.when != "call" or kind is None:
        return
    name = getattr(kind, "name", kind.__name__)
    test = getattr(item, "originalname", item.name)
    _FOUND.ran(test, name, passed=report.passed)
    for key, value in item.user_properties:
        _FOUND.cells[key, name] = str(value)
