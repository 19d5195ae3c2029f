"""Numbers from outside a process: what it costs, what arrives, and when."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import statistics
import threading
import time
from collections.abc import Iterator, Sequence

import paho.mqtt.client as mqtt
import psutil


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    user_s: float
    system_s: float
    rss_mb: float

    @property
    def cpu_s(self) -> float:
        return self.user_s + self.system_s


def cost(pid: int) -> Cost:
    process = psutil.Process(pid)
    times = process.cpu_times()
    return Cost(user_s=times.user, system_s=times.system, rss_mb=process.memory_info().rss / 1e6)


def peak_mb(pid: int) -> float:
    """The largest resident set since the start, or since ``forget_peak``."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) * 1024 / 1e6


def forget_peak(pid: int) -> None:
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


class Counter:
    """Counts what arrives at a broker: payloads, and the monotonic time of each."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.times: list[float] = []
        self._changed = threading.Condition()

    def arrived(self, payload: bytes) -> None:
        now = time.monotonic()
        with self._changed:
            self.payloads.append(payload)
            self.times.append(now)
            self._changed.notify_all()

    def until(self, count: int, *, deadline_s: float = 300.0) -> None:
        ends = time.monotonic() + deadline_s
        with self._changed:
            while len(self.times) < count:
                if not self._changed.wait(max(0.0, ends - time.monotonic())):
                    raise TimeoutError(f"{len(self.times)} of {count} arrived")

    def rate(self) -> float:
        """Arrivals a second, from the first to the last."""
        return (len(self.times) - 1) / (self.times[-1] - self.times[0])


@contextlib.contextmanager
def counting(port: int, topic: str) -> Iterator[Counter]:
    counter, ready = Counter(), threading.Event()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_connect = lambda *_: client.subscribe(topic, qos=0)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _client, _data, message: counter.arrived(message.payload)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        if not ready.wait(10):
            raise TimeoutError("the broker does not answer")
        yield counter
    finally:
        client.disconnect()
        client.loop_stop()


def seconds(values: Sequence[float]) -> str:
    """Median and the longest."""
    return f"{statistics.median(values):.2f} (longest {max(values):.2f})"


def ms(values: Sequence[float]) -> str:
    """Median and 95th percentile, in milliseconds."""
    ordered = sorted(values)
    return f"{statistics.median(ordered) * 1e3:.1f} (p95 {ordered[int(len(ordered) * 0.95)] * 1e3:.1f})"
