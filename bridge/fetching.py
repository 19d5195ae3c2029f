"""Files that are too large for memory, on their way from a source into the store, once a rule is known to send them."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Protocol, Self

import structlog

from bridge import errors, sources
from bridge.mail import Mail
from bridge.mail.large import Large, size
from bridge.mail.part import Part
from bridge.outbox import files
from bridge.rules import failing

log = structlog.get_logger()


class Keeps(Protocol):
    """What is asked of the store."""

    @property
    def files(self) -> files.Files: ...


class Fetching:
    """Those of one batch of mails, up to its commit."""

    def __init__(self, source: sources.Source, store: Keeps) -> None:
        self._source = source
        self._store = store
        self._keeper: files.Keeper | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """What is tied to no delivery by now is wanted by none."""
        self._stack.close()

    async def __call__(self, mail: Mail, part: Part, *, most: int) -> Large:
        """The file, kept in the store; or what is wrong with it, which is never the fault of the mails behind it.

        Raises:
            errors.StoreError: the state is closed.
        """
        if self._keeper is None:
            self._keeper = self._stack.enter_context(self._store.files.keeping())
        place, file = mail.place, Large.of(part)
        where = {"mailbox": place.mailbox, "folder": place.folder, "uid": place.uid, "file": file.name}
        log.info("a large file is fetched", **where, size=size(file.size))
        try:
            async with contextlib.aclosing(self._source.file(place, part)) as pieces:
                kept = await self._keeper.keep(pieces, most=most)
        except files.TooLargeError as error:
            log.warning("a file is too large", **where, limit=size(most))
            return dataclasses.replace(file, size=error.size)
        except errors.StoreError:
            raise
        except Exception as error:  # noqa: BLE001 -- any octets at all must leave the bridge running
            fault = failing.reason(error)
            log.warning("a file could not be fetched", **where, reason=fault)
            return dataclasses.replace(file, fault=fault)
        return dataclasses.replace(file, size=kept.size, kept=kept.id)
