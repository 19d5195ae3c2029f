"""How the bridge's log lines look: for people on a terminal (local time, what it is about first, why last), one JSON
object a line elsewhere (ISO time, UTC). Everything goes to standard error.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any, TextIO

import structlog

_LIBRARIES = ("imapclient", "paho", "coap", "coap-server", "httpx", "httpcore", "asyncio", "pymap", "amqtt", "alembic")
_FIRST = ("rule", "mailbox", "folder", "sink", "target")
_LAST = ("retry_s", "next_try_s", "reason")


def configure(level: str, *, stream: TextIO | None = None) -> None:
    """``level`` is ``debug``, ``info``, ``warning`` or ``error``. Libraries are heard from ``warning`` on, in the
    same form.
    """
    out = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
        if out.isatty()
        else structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, *_rendered(out)],
        wrapper_class=_of_a_level_that_may_change(),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendered(out)],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    set_level(level)


def _of_a_level_that_may_change() -> type:
    return type("Logger", (structlog.make_filtering_bound_logger(logging.DEBUG),), {})


def set_level(level: str) -> None:
    """From here on; ``configure`` came before. Loggers are made once and kept, all of one class: it gets the methods
    of another level (those below it do nothing, and so cost nothing).
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    logger = structlog.get_config()["wrapper_class"]
    for name, method in vars(structlog.make_filtering_bound_logger(number)).items():
        if not name.startswith("__"):
            setattr(logger, name, method)
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def _in_reading_order(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Who and where first, why last; everything else as it was said."""
    first = {key: event[key] for key in _FIRST if key in event}
    last = {key: event[key] for key in _LAST if key in event}
    rest = {key: value for key, value in event.items() if key not in first and key not in last}
    return {**first, **rest, **last}


def _rendered(out: TextIO) -> list[structlog.typing.Processor]:
    if out.isatty():
        # A plain traceback: a rich one shows local variables, and these may hold a mail.
        plain = structlog.dev.plain_traceback
        console = structlog.dev.ConsoleRenderer(
            colors=not os.environ.get("NO_COLOR"), pad_event_to=0, sort_keys=False, exception_formatter=plain
        )
        return [_in_reading_order, console]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
