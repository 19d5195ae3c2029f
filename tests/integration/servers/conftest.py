"""Every test here runs against each real server; what it shows goes into the table of ``compatibility``."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.servers import every
from tests.servers.imap_server import ImapServer


@pytest.fixture(params=every.KINDS, ids=lambda kind: kind.name)
def server(request: pytest.FixtureRequest) -> Iterator[ImapServer]:
    with request.param() as started:
        yield started
