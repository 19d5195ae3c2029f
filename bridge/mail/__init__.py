"""What a mail is, as far as it has been downloaded. Pure: bytes in, values out.

A ``Mail`` is made from the first fetch (header, structure, the first 8 KiB of text) by ``Mail.from_fetch``, or from a
whole message by ``Mail.from_bytes``. What is looked at is parsed at the first look and kept; what no rule looks at is
never parsed. Every accessor takes any bytes at all: what cannot be read is read as well as it can be, within
``bridge.mail.limits``, and never raises anything but ``errors.MailError``.

    header.py     raw header → fields, encoded words, within limits
    address.py    From, To, Cc … → addresses
    structure.py  BODYSTRUCTURE, or a whole message → parts; what of them the first octets hold
    multipart.py  where the parts of a body lie
    part.py       one leaf; params.py: the parameters of its Content-Type and Content-Disposition
    large.py      a file that is too large to be held in memory
    text.py       a part's bytes → the text that people read; transfer.py, charset.py and html.py: the steps to it
    fresh.py      the text without what it quotes; forwarded.py: the mail that it carries (quoting.py: how both look,
                  phrases.py: in which words)
    calendar_.py  a calendar file → the event in it; ical.py, timezones.py: its lines, and its times
    page.py       HTML → its elements; css.py, relatives.py: those that a selector means; tables.py: rows and columns
    rows.py       lines of text → cells in columns
    data.py       HTML → the schema.org data in it
    limits.py     what is too much
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.mail import address, data, forwarded, fresh, header, limits, page, structure, text
from bridge.mail.large import Large


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Place:
    """Where a mail is. A UID means nothing without its UIDVALIDITY (RFC 9051, section 2.3.1.1)."""

    mailbox: str
    folder: str
    uidvalidity: int
    uid: int


_NOTHING = structure.Anatomy()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail, immutable; ``with_content`` gives a new one that has more of it in hand."""

    place: Place
    head: bytes  # the raw header, at most limits.HEADER_BYTES
    size: int  # octets of the whole message (RFC822.SIZE)
    flags: frozenset[str] = frozenset()  # as the server writes them: "\\Seen", "$Label1"
    received: datetime.datetime  # INTERNALDATE, aware
    body: structure.Anatomy | structure.Fetched = _NOTHING  # fetched: worked out at the first look
    event: str = "new"  # what has happened to it: new, flagged, unflagged, seen, gone; count: it is being counted
    happened: float | None = None  # POSIX seconds; None: when it arrived
    occurrence: int = 0  # tells one such event of this mail from another: MODSEQ, or a counter; 0 for `new`
    large: Mapping[str, Large] = dataclasses.field(default_factory=dict)  # section → a file that was fetched

    @classmethod
    def from_fetch(
        cls,
        *,
        place: Place,
        head: bytes,
        size: int,
        flags: Sequence[bytes | str],
        received: datetime.datetime,
        bodystructure: Any,
        text_prefix: bytes,
    ) -> Mail:
        """From one FETCH response: ``bodystructure`` as nested tuples of bytes, ints and None (RFC 9051, section
        7.5.2), ``text_prefix`` the first octets of BODY[TEXT]; every part that lies whole or in part in the prefix is
        taken from it.
        """
        names = frozenset(flag.decode("ascii", "replace") if isinstance(flag, bytes) else flag for flag in flags)
        body = structure.Fetched(head=head, bodystructure=bodystructure, text_prefix=text_prefix)
        return cls(place=place, head=head, size=size, flags=names, received=received, body=body)

    @classmethod
    def from_bytes(
        cls,
        raw: bytes,
        *,
        place: Place,
        received: datetime.datetime | None = None,
        flags: Sequence[str] = (),
    ) -> Mail:
        """From a whole message (an ``.eml`` file). ``received`` is left out: the topmost Received header's date, else
        Date, else now.
        """
        head, parts, content = structure.from_message(raw)
        when = received or header.arrival(header.parse(head)) or datetime.datetime.now(datetime.UTC)
        return cls(
            place=place,
            head=head,
            size=len(raw),
            flags=frozenset(flags),
            received=when,
            body=structure.Anatomy(parts=parts, content=content, whole=frozenset(content)),
        )

    def with_content(self, content: Mapping[str, bytes], whole: frozenset[str]) -> Mail:
        """The same mail with more sections in hand (the second fetch)."""
        known = self._anatomy
        more = dataclasses.replace(known, content={**known.content, **content}, whole=known.whole | whole)
        return dataclasses.replace(self, body=more)

    def with_large(self, files: Sequence[Large]) -> Mail:
        """The same mail after somebody has fetched these files, or tried to."""
        return dataclasses.replace(self, large={**self.large, **{one.section: one for one in files}})

    @functools.cached_property
    def _anatomy(self) -> structure.Anatomy:
        return self.body.anatomy() if isinstance(self.body, structure.Fetched) else self.body

    @property
    def has_more(self) -> bool:
        """Whether more of it is in hand than the first fetch brings."""
        return not isinstance(self.body, structure.Fetched)

    @property
    def is_long(self) -> bool:
        """Whether its header or its list of parts is so long that it takes milliseconds to read it. Reads nothing."""
        return len(self.head) > limits.LONG_HEADER_BYTES or self.body.count > limits.MANY_PARTS

    @property
    def parts(self) -> tuple[structure.Part, ...]:
        """The leaves, in order."""
        return self._anatomy.parts

    @property
    def content(self) -> Mapping[str, bytes]:
        """Section → octets as transferred, as far as they are in hand."""
        return self._anatomy.content

    @property
    def whole(self) -> frozenset[str]:
        """The sections whose content is complete."""
        return self._anatomy.whole

    @functools.cached_property
    def headers(self) -> header.Headers:
        """Field name (any case) → values as text, decoded and unfolded, in order."""
        return header.parse(self.head)

    @functools.cached_property
    def subject(self) -> str:
        return self.headers.first("Subject")

    @functools.cached_property
    def message_id(self) -> str:
        return self.headers.first("Message-ID").strip()

    @functools.cached_property
    def date(self) -> datetime.datetime | None:
        """The Date header, aware; None where it is missing or is no date."""
        return header.date(self.headers.first("Date"))

    def addresses(self, field: str) -> tuple[address.Address, ...]:
        """The addresses of every ``field`` header, groups flattened."""
        key = field.lower()
        if key not in self._addresses:
            self._addresses[key] = address.parse(self.headers.raw(key))
        return self._addresses[key]

    @functools.cached_property
    def _addresses(self) -> dict[str, tuple[address.Address, ...]]:
        return {}

    @functools.cached_property
    def text_part(self) -> structure.Part | None:
        """The part that people read: the first text/plain that is no attachment, else the first text/html."""
        return structure.text_part(self.parts)

    @functools.cached_property
    def text(self) -> str:
        """The readable text, as far as it is in hand ("" where there is none)."""
        part = self.text_part
        return text.readable(part, self.content.get(part.section, b"")) if part else ""

    @functools.cached_property
    def fresh(self) -> str:
        """``text`` without quoted history and signature."""
        part = self.text_part
        if part is None or part.type != "text/html":
            return fresh.fresh(self.text)
        cited = text.readable(part, self.content.get(part.section, b""), cited=True)
        new = fresh.fresh(cited)
        return self.text if new == cited else new  # nothing was quoted: the links may stay

    @functools.cached_property
    def forwarded(self) -> Mail | None:
        """The mail that this one carries, attached or else quoted, as far as it is in hand; None where it carries none.
        It is where this one is, came when this one came, and has its flags; the rest is its own.
        """
        part = self.forwarded_part
        return self._attached(part) if part else self._quoted()

    @functools.cached_property
    def forwarded_part(self) -> structure.Part | None:
        """The part that is a mail itself; None where none is, so that one can only be quoted."""
        return forwarded.attached(self.parts)

    def _attached(self, part: structure.Part) -> Mail | None:
        raw = text.decode(part, self.content.get(part.section, b"")[: limits.FORWARDED_BYTES])
        if not raw:
            return None
        inner = Mail.from_bytes(raw, place=self.place, received=self.received)
        return dataclasses.replace(inner, flags=self.flags, event=self.event, happened=self.happened)

    def _quoted(self) -> Mail | None:
        told = self.text_part and forwarded.quoted(
            self.text, subject=self.subject, wrapped=self.text_part.type == "text/plain"
        )
        if not told:
            return None
        anatomy = forwarded.around(told, self._anatomy)
        return dataclasses.replace(self, head=told.head, size=len(told.head) + len(told.text.encode()), body=anatomy)

    @property
    def has_text(self) -> bool:
        """Whether ``text`` is all of it, so that no second fetch is needed."""
        return self.text_part is None or self.text_part.section in self.whole

    @functools.cached_property
    def html_part(self) -> structure.Part | None:
        """The HTML of what people read, whether or not there is a text/plain beside it."""
        return structure.html_part(self.parts)

    @functools.cached_property
    def html(self) -> str:
        """The HTML as it was written, as far as it is in hand ("" where there is none)."""
        part = self.html_part
        return text.source(part, self.content.get(part.section, b"")) if part else ""

    @functools.cached_property
    def page(self) -> page.Page:
        """The HTML as a tree."""
        return page.parse(self.html)

    @functools.cached_property
    def data(self) -> tuple[dict[str, Any], ...]:
        """The schema.org data in the HTML: plain maps."""
        return data.found(self.page) if self.html else ()

    @functools.cached_property
    def attachments(self) -> tuple[structure.Part, ...]:
        return tuple(part for part in self.parts if part.is_attachment)

    def decoded(self, part: structure.Part) -> bytes | None:
        """The content of a part as it was before it was made a mail; None where it is not whole in hand."""
        if part.section not in self.whole:
            return None
        if part.section not in self._decoded:
            self._decoded[part.section] = text.decode(part, self.content.get(part.section, b""))
        return self._decoded[part.section]

    @functools.cached_property
    def _decoded(self) -> dict[str, bytes]:
        return {}

    @functools.cached_property
    def fingerprint(self) -> str:
        """Recognises this mail when its UID cannot: a hash of Message-ID, size and Date header, or, where there is
        neither Message-ID nor Date, of the whole header, size and INTERNALDATE, which copies keep (RFC 9051, section
        6.4.7).
        """
        date = self.headers.first("Date")
        if self.message_id or date:
            identity = f"{self.message_id}\x1f{self.size}\x1f{date}".encode("utf-8", "surrogatepass")
        else:
            identity = b"%b\x1f%d\x1f%d" % (self.head, self.size, self.received.timestamp())
        return hashlib.blake2b(identity, digest_size=12).hexdigest()
