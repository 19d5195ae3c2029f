"""Keeps a connection to one broker for as long as the sink is open: connects, announces the bridge, tries again."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
from collections.abc import Callable
from typing import Self

import structlog

from bridge import errors
from bridge.sinks import _mqtt_reasons, _paho

STEADY_S = 10.0  # a connection that held so long was a good one: the next loss starts with short waits again
SILENT_REFUSALS = 2  # connections closed without a CONNACK before the other version is tried
GOODBYE_S = 2.0  # for `offline` to be acknowledged at a stop

log = structlog.get_logger()


class Broker:
    """An async context manager; ``up`` is set while there is a ``link``.

    The will's topic is where the bridge says ``online`` (retained) after each connect, and ``offline`` at an orderly
    stop.
    """

    def __init__(
        self,
        *,
        sink: str,
        address: _paho.Address,
        hello: _paho.Hello,
        may_fall_back: bool,
        wait_s: Callable[[int], float],
        refused_s: float,
    ) -> None:
        self.up = asyncio.Event()
        self.decided = asyncio.Event()  # set for good once it was up, or once it is no question of how we ask
        self._sink = sink
        self._address = address
        self._hello = hello  # what the next CONNECT says
        self._may_fall_back = may_fall_back
        self._wait_s = wait_s
        self._refused_s = refused_s
        self._link: _paho.Link | None = None
        self._why = errors.Unavailable(f"{address}: not yet connected")
        self._up_since = math.inf  # the event loop's time
        self._silent_refusals = 0
        self._task: asyncio.Task[None] | None = None
        self._log = log.bind(sink=sink, broker=str(address))

    def link(self) -> _paho.Link:
        """The connection.

        Raises:
            errors.Unavailable: there is none, and why.
        """
        if self._link is None:
            raise _paho.again(self._why)
        return self._link

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep(), name=f"mqtt {self._sink}")
        return self

    async def __aexit__(self, *exc: object) -> None:
        link, self._link = self._link, None
        self.up.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if link is None:
            return
        try:
            with contextlib.suppress(errors.MailwireError, TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._announce(link, b"offline")
        finally:
            link.close()

    async def _keep(self) -> None:
        failures = 0
        while True:
            self._up_since = math.inf
            try:
                await self._connect_and_serve()
            except _mqtt_reasons.NotThisWay as error:
                self._down(error)
                if self._another_way(error):
                    continue
            except errors.Unavailable as error:
                self._down(error)
            except Exception as error:  # noqa: BLE001 - a bug, or a surprise of the library's: the sink goes on trying
                self._log.exception("the connection failed unexpectedly")
                self._down(errors.Unavailable(f"{self._address}: {type(error).__name__}"))
            failures = 1 if _now() - self._up_since > STEADY_S else failures + 1
            if failures >= SILENT_REFUSALS or not isinstance(self._why, _mqtt_reasons.NotThisWay):
                self.decided.set()
            refused = isinstance(self._why, errors.Refused)
            await asyncio.sleep(self._refused_s if refused else self._wait_s(failures))

    async def _connect_and_serve(self) -> None:
        """Never returns: raises what the connection could not be made with, or was lost with."""
        link = await _paho.Link.open(self._address, self._hello)
        try:
            await self._announce(link, b"online")
        except BaseException:
            link.drop()  # without a goodbye: `online` may have arrived, and the will has to follow it
            raise
        self._link, self._up_since, self._silent_refusals = link, _now(), 0
        self._log.info("connected", mqtt="5" if link.version == _paho.V5 else "3.1.1")
        self.up.set()
        self.decided.set()
        await link.ended.wait()  # cancelled at a stop: `__aexit__` closes the link then
        self.up.clear()
        self._link = None
        if self._may_fall_back:  # the broker that comes back may be a newer one, or was only starting when it refused
            self._hello = dataclasses.replace(self._hello, version=_paho.V5)
        raise _paho.again(link.why)

    async def _announce(self, link: _paho.Link, state: bytes) -> None:
        """The bridge's state, retained. A broker that does not allow it is told about, and used all the same."""
        if self._hello.will is None or not link.limits.retain:
            return
        topic = self._hello.will[0]
        await link.slot()
        code = await link.put(topic, state, qos=min(1, link.limits.qos), retain=True, properties=None)
        if code >= _mqtt_reasons.FAILURE:
            self._log.warning("the broker does not allow the state topic", topic=topic, code=f"0x{code:02x}")

    def _another_way(self, error: _mqtt_reasons.NotThisWay) -> bool:
        """Changes what the next CONNECT says; True: it may be sent at once."""
        if isinstance(error, _mqtt_reasons.WillRefused):
            had_will = self._hello.will is not None
            self._hello = dataclasses.replace(self._hello, will=None)
            return had_will
        if not self._may_fall_back:
            return False
        if not error.code:  # closed without a word: perhaps an old broker, perhaps one that is just starting
            self._silent_refusals += 1
            if self._silent_refusals % SILENT_REFUSALS:
                return False
        falls_back = self._hello.version == _paho.V5
        self._hello = dataclasses.replace(self._hello, version=_paho.V311 if falls_back else _paho.V5)
        return falls_back

    def _down(self, why: errors.Unavailable) -> None:
        """Tells the admin once for each reason, however often it is tried."""
        again = str(why) == str(self._why)
        self._why = why
        if again:
            self._log.debug("still not connected", reason=str(why))
        elif isinstance(why, errors.Refused):
            self._log.error("the broker refuses this client", reason=str(why), next_try_s=self._refused_s)
        else:
            self._log.warning("not connected", reason=str(why))


def _now() -> float:
    return asyncio.get_running_loop().time()
