"""How the bridge's log lines look: colours on a terminal, one JSON object a line elsewhere. Everything goes to
standard error.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog

_LIBRARIES = ("imapclient", "paho", "coap", "coap-server", "httpx", "httpcore", "asyncio", "pymap", "amqtt", "alembic")


def configure(level: str, *, stream: TextIO | None = None) -> None:
    """``level`` is ``debug``, ``info``, ``warning`` or ``error``. Libraries are heard from ``warning`` on, in the
    same form.
    """
    out = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=not out.isatty()),
    ]
    structlog.configure(
        processors=[*shared, *_rendered(out)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
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
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def _rendered(out: TextIO) -> list[structlog.typing.Processor]:
    if out.isatty():
        # A plain traceback: a rich one shows local variables, and these may hold a mail.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=True, pad_event_to=0, exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
