"""A tag that only names a value is read without the template engine, and gives what the engine gives."""

from __future__ import annotations

import datetime
import enum
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge import errors
from bridge.mail import Mail, Place
from bridge.rules import template, view

PLACE = Place(mailbox="home", folder="INBOX", uidvalidity=1, uid=7)
WHEN = datetime.datetime(2026, 11, 1, 12, 30, tzinfo=datetime.UTC)


class Shade(enum.StrEnum):
    """A text that is more than one."""

    RED = "red"


def by_engine(source: str) -> template.Template:
    """The same template, always rendered by the engine."""
    made = template.Template(source)
    made._lookup = made._filled = None
    return made


def told(call: Any, values: dict[str, Any]) -> tuple[type, Any]:
    """What came of it, with its type; or what was wrong."""
    try:
        found = call(values)
    except errors.RuleError as error:
        return errors.RuleError, str(error)
    return type(found), repr(found)  # `nan` is not equal to itself


names = st.sampled_from(
    ["a", "b", "missing", "bytes", "range", "true", "mail.subject", "mail.flags", "mail.nope", "a.b"]
)
uses = st.sampled_from(["", "|slug", " | iso ", "|timestamp", "|tojson", "|bytes", "|upper", "|slug|tojson", "|nope"])
tags = st.builds(
    "{{{{{}{}{}{}}}}}".format, st.sampled_from(["", " ", "- ", "\n"]), names, uses, st.sampled_from(["", " ", " -"])
)
sources = st.lists(tags | st.text(st.characters(exclude_characters="%#")), min_size=1, max_size=4).map("".join)
surrogates = st.text(st.characters(categories=["Cs", "L"]))
flat = (
    st.text() | surrogates | st.integers() | st.integers(2**62, 2**65) | st.floats() | st.booleans() | st.none()
    | st.binary() | st.datetimes(timezones=st.just(datetime.UTC)) | st.dates() | st.timedeltas() | st.just(Shade.RED)
)  # fmt: skip
found = flat | st.lists(flat, max_size=2) | st.dictionaries(st.text(), flat, max_size=2)


@given(sources, found, found, st.binary(max_size=40))
def test_what_is_read_without_the_engine_is_what_it_gives(source: str, a: Any, b: Any, subject: bytes) -> None:
    try:
        made = template.Template(source)
    except ValueError:
        return
    mail = Mail.from_bytes(b"Subject: " + subject + b"\r\n\r\n", place=PLACE, received=WHEN, flags=("\\Seen",))
    values = {"a": a, "b": b, "bytes": b, "mail": view.View(mail), "missing2": a}
    assert told(made.render, values) == told(by_engine(source).render, values)
    assert told(made.text, values) == told(by_engine(source).text, values)
