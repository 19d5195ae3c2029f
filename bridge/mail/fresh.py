"""The readable text without what it quotes and without its signature: what its sender wrote this time.

Line by line, each looked at a bounded number of times. Two libraries were measured and left: mail-parser-reply took
7 s on a line of 16 kB (its patterns backtrack), quotequail more than 10 s on 64 kB of ``From:`` lines.
"""

from __future__ import annotations

from bridge.mail import limits, phrases, quoting

_SIGNATURE = frozenset(("--", "-- ", "—"))
_SIGNATURE_LINES = 40  # that a signature has, legal notice and all
_LIST_FOOTER_LINES = 6
_SENT_FROM_CHARS = 160


def fresh(text: str) -> str:
    """What is left of a readable text (``Mail.text``); the replies between quotes are. What has been through here
    comes out as it is. Where no older mail begins within ``limits.LINES`` lines, a longer text is nobody's reply: only
    its ends are stripped.
    """
    lines = text.split("\n", limits.LINES)
    kept, ended = _written(lines[: limits.LINES])
    if not ended and len(lines) > limits.LINES:
        return text.strip()
    return "\n".join(_unsigned(kept)).strip()


def _written(lines: list[str]) -> tuple[list[str], bool]:
    """The lines that are no quote, down to where an older mail begins, and whether one does."""
    kept: list[str] = []
    headerless = 0  # up to here lines look like a header and are none
    for n, written in enumerate(lines):
        line = written if any(kept) else written.lstrip()  # as the first of what is left is given out
        if line.startswith(">"):
            _gap(kept)
            continue
        if quoting.mark(line) in ("forwarded", "original"):
            return kept, True
        if n >= headerless and quoting.label(line) is not None:
            header = quoting.block(lines, n, wrapped=True, lists_only=True)
            if header.is_telling:
                _drop_rule(kept)
                return kept, True
            headerless = header.end
        if line or (kept and kept[-1]):
            kept.append(line)
        if line[-1:] in (":", "：") and _introduces(lines, n, kept):
            return kept, True
    return kept, False


def _introduces(lines: list[str], n: int, kept: list[str]) -> bool:
    """Takes ``On … wrote:`` away if line ``n`` ends it; whether all that comes behind is quoted."""
    following = next((one for one in lines[n + 1 : n + 4] if one), "")
    is_quoted = following.startswith(">")
    count = quoting.intro(kept, quote_follows=is_quoted)
    if count:
        del kept[-count:]
        _gap(kept)
    return count > 0 and not is_quoted


def _gap(kept: list[str]) -> None:
    """What stood on both sides of something left out does not meet."""
    if kept and kept[-1]:
        kept.append("")


def _drop_rule(kept: list[str]) -> None:
    """Outlook's line above a header."""
    while kept and (not kept[-1] or quoting.is_rule(kept[-1])):
        kept.pop()


def _unsigned(lines: list[str]) -> list[str]:
    """Without what stands below: a signature, the line of a phone, a mailing list's footer. From the end, as long as
    there is one.
    """
    delimiters = [n for n, line in enumerate(lines) if line in _SIGNATURE]
    end = len(lines)
    while True:
        while end and not lines[end - 1].strip():
            end -= 1
        while delimiters and delimiters[-1] >= end:
            delimiters.pop()
        if end and _is_sent_from(lines[end - 1]):
            end -= 1
        elif delimiters and end - delimiters[-1] <= _SIGNATURE_LINES:
            end = delimiters.pop()
        elif (footer := _list_footer(lines, end)) < end:
            end = footer
        else:
            return lines[:end]


def _is_sent_from(line: str) -> bool:
    return len(line) <= _SENT_FROM_CHARS and phrases.sent_from().match(line.strip()) is not None


def _list_footer(lines: list[str], end: int) -> int:
    """Where Mailman's footer begins; ``end`` where there is none."""
    for n in range(end - 1, max(end - _LIST_FOOTER_LINES, 0) - 1, -1):
        if quoting.is_rule(lines[n]):
            below = lines[n + 1 : end]
            return n if any("mailing list" in line[:200].lower() for line in below) else end
    return end
