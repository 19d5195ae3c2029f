"""One leaf of a mail's structure, whether a server described it or its own header did."""

from __future__ import annotations

import dataclasses
import re

from bridge.mail import charset, limits, params

_TYPE = re.compile(r"[a-z0-9][^\s/;,\"()<>@\[\]?=]*/[^\s/;,\"()<>@\[\]?=]+")
_TOKEN_CHARS = 100
_SEPARATORS = re.compile(r"[/\\]")
_BIDI = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_EXTENSION_CHARS = 16
_BASE64_LINE = 78  # 57 octets and a line end (RFC 2045, section 6.8)
# Machine-readable halves of reports and proofs: nobody attached them.
_NOT_ATTACHED = frozenset(
    {
        "message/delivery-status",
        "message/disposition-notification",
        "application/pgp-signature",
        "application/pgp-encrypted",
    }
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A leaf. A message/rfc822 part is one leaf, whatever is inside: its content is a whole message again."""

    section: str  # "1.2", as BODY[1.2] has it (RFC 9051, section 6.4.5.1)
    type: str = "text/plain"  # lower case
    name: str = ""  # the file name: no path, no control characters
    size: int = 0  # octets as transferred, with CRLF line ends
    charset: str = ""  # lower case; "" where it is not said, or us-ascii, which servers put where it is not said
    encoding: str = "7bit"  # Content-Transfer-Encoding, lower case
    disposition: str = ""  # lower case: attachment, inline, or ""
    content_id: str = ""  # without its angle brackets
    flowed: bool = False  # format=flowed (RFC 3676)
    delsp: bool = False  # DelSp=yes

    @property
    def is_attachment(self) -> bool:
        """Declared as one, or has a name, or is no text; a picture that HTML shows (no name, but an id) is none."""
        if self.disposition == "attachment" or self.name:
            return True
        return not (self.type.startswith("text/") or self.content_id or self.type in _NOT_ATTACHED)

    @property
    def decoded_size(self) -> int:
        """Octets of the content itself, as well as the size as transferred tells: base64 is taken to have lines of 76
        characters.
        """
        if self.encoding != "base64":
            return self.size
        lines, rest = divmod(self.size, _BASE64_LINE)
        return lines * 57 + rest // 4 * 3


def make(
    *,
    section: str,
    kind: str,
    kind_params: params.Params,
    encoding: str,
    disposition: str,
    disposition_params: params.Params,
    content_id: str,
    size: int,
) -> Part:
    """A part from what its header, or the server, says of it: raw, RFC 2047 and 2231 forms are decoded here."""
    charset_name = _word(params.token(kind_params, "charset"))
    return Part(
        section=section,
        type=part_type(kind),
        name=_file_name(disposition_params, kind_params) if disposition_params or kind_params else "",
        size=max(size, 0),
        charset="" if charset_name == "us-ascii" else charset_name,
        encoding=_word(encoding) or "7bit",
        disposition=_word(disposition),
        content_id=charset.one_line(content_id).strip().removeprefix("<").removesuffix(">")[:_TOKEN_CHARS],
        flowed=params.token(kind_params, "format").lower() == "flowed",
        delsp=params.token(kind_params, "delsp").lower() == "yes",
    )


def part_type(kind: str) -> str:
    """A Content-Type without its parameters, in lower case; what is none is text/plain (RFC 2045, section 5.2)."""
    lower = kind[: _TOKEN_CHARS + 1].lower()
    return lower if len(lower) <= _TOKEN_CHARS and _TYPE.fullmatch(lower) else "text/plain"


def _word(value: str) -> str:
    """A token in lower case, without the quotes and comments that some mailers put around it."""
    if value.isalnum():
        return value[:_TOKEN_CHARS].lower()
    return charset.one_line(value).partition("(")[0].strip(" \"'").lower()[:_TOKEN_CHARS]


def _file_name(disposition_params: params.Params, kind_params: params.Params) -> str:
    """The last component of the name that the sender gave; a long one keeps its extension."""
    given = params.text(disposition_params, "filename") or params.text(kind_params, "name")
    name = _SEPARATORS.split(given.translate(_BIDI).rstrip("/\\ "))[-1].strip()
    if name in {".", ".."}:
        return ""
    if len(name) <= limits.NAME_CHARS:
        return name
    extension = name[name.rfind(".") :] if "." in name[-_EXTENSION_CHARS:] else ""
    return name[: limits.NAME_CHARS - len(extension)] + extension
