"""The deadline of an answer, on a socket and a clock that are made up."""

from __future__ import annotations

import pytest

from bridge import errors
from bridge.sources.imap import wire


class Link:
    """Gives so many octets after so many seconds, again and again."""

    def __init__(self, clock: Clock, *, octets: int, every_s: float) -> None:
        self.clock, self.octets, self.every_s = clock, octets, every_s
        self.waited = False

    def setblocking(self, _: bool) -> None: ...

    def recv(self, _: int) -> bytes:
        if not self.waited:
            raise BlockingIOError
        self.waited = False
        return b"x" * self.octets

    def send(self, data: bytes) -> int:
        return len(data)

    async def readable(self, _: object, *, within_s: float) -> bool:
        """What the hub says of it."""
        self.waited = self.every_s <= within_s
        self.clock.now += min(self.every_s, within_s)
        return self.waited


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


def line(monkeypatch: pytest.MonkeyPatch, *, octets: int, every_s: float) -> tuple[wire.Wire, Clock]:
    clock = Clock()
    monkeypatch.setattr(wire, "time", clock)
    link = Link(clock, octets=octets, every_s=every_s)
    made = wire.Wire(link, link, timeout_s=30.0)  # type: ignore[arg-type]
    made.send(b"x\r\n")
    return made, clock


async def test_a_large_file_may_take_the_time_that_a_poor_link_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, clock = line(monkeypatch, octets=60_000, every_s=3.0)
    while wanted.bytes_read < 12_000_000:
        await wanted.fill()
    assert clock.now - 1000.0 == pytest.approx(600.0)


@pytest.mark.parametrize(("octets", "every_s"), [(1, 0.5), (100, 29.0), (60_000, 31.0), (5_000, 1.0)])
async def test_a_server_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch, octets: int, every_s: float) -> None:
    wanted, clock = line(monkeypatch, octets=octets, every_s=every_s)
    with pytest.raises(errors.Disconnected, match="no answer within 30 s"):
        await wanted.response()
    assert clock.now - 1000.0 < 60.0
