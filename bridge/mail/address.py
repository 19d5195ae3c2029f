"""From, To, Cc … → addresses (RFC 5322, section 3.4, with the obsolete forms of section 4.4), in linear time.

The value is split before anything in it is decoded, since an encoded word may hold a comma or an angle bracket. What
is no address gives what it has: a name without an address, or a local part without a domain. Nothing raises.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from bridge.mail import header, limits

# What nearly every sender writes; anything else takes the long way below, with the same result.
_PLAIN = re.compile(r'(?:"([^"\\=]*+)" *+|([^"\\=<>()\[\]@,;:]*+))<([^\s"\\<>()\[\]@,;:=]++)@([A-Za-z0-9.-]++)>')
# A backslash is read in pairs everywhere, so that the end of a quote that has none is looked for only once.
_TOKEN = re.compile(
    r"""(?P<space>\s++)
    |(?P<word>=\?[^?\s\\]{1,60}+\?[bBqQ]\?[^?\s\\]*+\?=|\[[^\[\]\\]*+\]|(?:[^\s"\\<>()\[\],;:]++|\\.)+)
    |(?P<quoted>"[^"\\]*+(?:\\.[^"\\]*+)*+")
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_PARENTHESIS = re.compile(r"\\.|[()]", re.DOTALL)
_QUOTED = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_QUOTED_OR_PAIR = re.compile(rf"{_PAIR.pattern}|{_QUOTED.pattern}", re.DOTALL)
_NEEDS_PAIR = re.compile(r'(["\\])')
_DOT_ATOM = re.compile(r'[^\s"\\<>()\[\]@,;:.]+(?:\.[^\s"\\<>()\[\]@,;:.]+)*')
_SPECIAL = re.compile(r"[\x00-\x2c/:-@\[-`{-\x7f]")  # ASCII that no domain has
_LABEL_OCTETS = 63


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """One address. ``address`` is the form to compare: the domain in lower case and in Unicode, as people write it
    (``domain`` brings a glob to the same form); the local part as it was written, in quotes only where it must be.
    """

    name: str = ""
    address: str = ""

    @property
    def domain(self) -> str:
        """In Unicode; "" where there is none."""
        return self.address.rpartition("@")[2] if "@" in self.address else ""

    @property
    def ascii(self) -> str:
        """The same with its domain as DNS and SMTP have it (``xn--…``)."""
        return self.address.removesuffix(self.domain) + ascii_domain(self.domain)


def parse(values: Iterable[str]) -> tuple[Address, ...]:
    """The addresses of raw field values (``Headers.raw``), groups flattened, at most ``limits.ADDRESSES`` in all."""
    found: list[Address] = []
    for value in values:
        if match := _PLAIN.fullmatch(value):
            name = " ".join((match[1] or match[2] or "").split())
            found.append(Address(name=name, address=f"{match[3]}@{domain(match[4])}"))
        else:
            found += _parse_one(value, limits.ADDRESSES - len(found))
        if len(found) >= limits.ADDRESSES:
            break
    return tuple(found)


def _parse_one(value: str, limit: int) -> list[Address]:
    found: list[Address] = []
    for entry in _entries(_tokens(value[: limits.FIELD_CHARS])):
        if len(found) == limit:
            break
        if address := entry.address():
            found.append(address)
    else:
        if len(value) > limits.FIELD_CHARS:
            del found[-1:]  # it may be the first half of an address, and that is somebody else's
    return found


@functools.lru_cache(maxsize=1024)
def domain(written: str) -> str:
    """A domain, or a glob over domains, in the form of ``Address.address``: lower case, ``xn--`` labels in Unicode."""
    lower = written.lower()
    if not lower.isascii():
        normal = unicodedata.normalize("NFKC", lower).lower()
        # A wide "@" or "/" must not become a real one: that would be another domain.
        lower = lower if set(_SPECIAL.findall(normal)) - set(_SPECIAL.findall(lower)) else normal
    return ".".join(map(_unicode_label, lower.rstrip(".").split("."))) if "xn--" in lower else lower.rstrip(".")


def ascii_domain(written: str) -> str:
    """A domain with its labels as DNS has them (RFC 5890, section 2.3.2.1)."""
    return written if written.isascii() else ".".join(map(_ascii_label, written.split(".")))


def _unicode_label(label: str) -> str:
    """An A-label in Unicode where it is the one way to write that; else as it is."""
    if not label.startswith("xn--") or len(label) > _LABEL_OCTETS:
        return label
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label
    letters = all(char == "-" or unicodedata.category(char)[0] in "LMN" for char in decoded)
    normal = letters and unicodedata.normalize("NFKC", decoded).lower() == decoded
    return decoded if normal and _ascii_label(decoded) == label else label


def _ascii_label(label: str) -> str:
    if label.isascii() or len(label) > _LABEL_OCTETS:
        return label
    return "xn--" + label.encode("punycode").decode("ascii")


def _tokens(value: str) -> Iterator[tuple[str, str]]:
    """(kind, text): space, word, quoted, comment (without parentheses), mark (and what begins a quote without end)."""
    at, comments_end = 0, True  # once a comment has no end, none behind it is looked for: that would be quadratic
    while match := _TOKEN.match(value, at):
        kind, text, at = match.lastgroup or "mark", match[0], match.end()
        if text == "(" and comments_end:
            end = _comment_end(value, at)
            comments_end = end > 0
            if end:
                kind, text, at = "comment", value[at : end - 1], end
        yield kind, " " if kind == "space" else text


def _comment_end(value: str, at: int) -> int:
    """Behind the parenthesis that closes the comment beginning at ``at`` (they nest); 0 where none does."""
    depth = 1
    for match in _PARENTHESIS.finditer(value, at):
        depth += (match[0] == "(") - (match[0] == ")")
        if not depth:
            return match.end()
    return 0


def _entries(tokens: Iterable[tuple[str, str]]) -> Iterator[_Entry]:
    entry = _Entry()
    for kind, text in tokens:
        if kind != "mark" or (text in ",:" and entry.in_route):
            entry.add(kind, text)
        elif text == ":" and entry.angle is None:
            entry = _Entry()  # what came before was the name of a group
        elif text in ",;":
            if entry.phrase or entry.angle or entry.comments:
                yield entry
            entry = _Entry()
        elif text == "<":
            if entry.angle:  # two pairs of brackets and no comma between them are two addresses
                yield entry
                entry = _Entry()
            entry.angle, entry.inside = [], True
        elif text == ">":
            entry.inside = False
        else:
            entry.add("word", text)
    yield entry


@dataclasses.dataclass(slots=True)
class _Entry:
    """One address while it is being read."""

    phrase: list[str] = dataclasses.field(default_factory=list)
    angle: list[str] | None = None  # what stands between the brackets, once one was opened
    comments: list[str] = dataclasses.field(default_factory=list)
    inside: bool = False
    in_route: bool = False  # inside ``<@relay,@relay:…`` (RFC 5322, obs-route), before the colon

    def add(self, kind: str, text: str) -> None:
        if kind == "comment":
            self.comments.append(text)
        elif not self.inside or self.angle is None:
            self.phrase.append(text)
        elif kind != "space":
            self.in_route = text.startswith("@") if not self.angle else self.in_route and text != ":"
            self.angle.append(text)

    def address(self) -> Address | None:
        if self.angle is not None:
            spec = "".join(self.angle)
            name = "".join(map(_unquoted, self.phrase)).strip() or " ".join(self.comments)
            return _address(name, spec.partition(":")[2] if spec.startswith("@") else spec)
        runs = _runs(self.phrase)
        at = next((index for index in reversed(range(len(runs))) if _has_at(runs[index])), None)
        if at is None and len(runs) == 1 and _DOT_ATOM.fullmatch(runs[0]) and not runs[0].startswith("=?"):
            at = 0  # a local part alone: root, MAILER-DAEMON
        spec = runs.pop(at) if at is not None else ""
        return _address(" ".join(map(_unquoted, runs)) or " ".join(self.comments), spec)


def _runs(phrase: list[str]) -> list[str]:
    """What blanks separate; those around ``@`` and a lone dot do not count (RFC 5322, obs-local-part, obs-domain)."""
    runs: list[list[str]] = []
    glued = False
    for piece in phrase:
        if piece == " ":
            glued = glued and (runs[-1][-1] == "." or runs[-1][-1].endswith("@"))
            continue
        if runs and (glued or piece == "." or piece.startswith("@")):
            runs[-1].append(piece)
        else:
            runs.append([piece])
        glued = True
    return list(map("".join, runs))


def _has_at(run: str) -> bool:
    return "@" in _QUOTED_OR_PAIR.sub("", run) and not (run.startswith("=?") and run.endswith("?="))


def _address(name: str, spec: str) -> Address | None:
    """None where there is neither a name nor an address."""
    shown = " ".join(header.words(name).split())
    local, at, host = spec.rpartition("@")
    if '"' in host:  # the @ is part of a quoted local part that has no domain: never to be taken for one
        shown, address = shown or " ".join(_unquoted(spec).split()), ""
    else:
        address = f"{_local(local)}@{domain(host)}" if at else _local(host)
    return Address(name=shown, address=address) if shown or address else None


def _local(written: str) -> str:
    if not (match := _QUOTED.fullmatch(written)):
        return written
    bare = _PAIR.sub(r"\1", match[1])
    return bare if _DOT_ATOM.fullmatch(bare) else '"' + _NEEDS_PAIR.sub(r"\\\1", bare) + '"'


def _unquoted(piece: str) -> str:
    """Without its quotes and backslashes."""
    if '"' not in piece and "\\" not in piece:
        return piece
    return _QUOTED_OR_PAIR.sub(lambda match: match[1] or _PAIR.sub(r"\1", match[2] or ""), piece)
