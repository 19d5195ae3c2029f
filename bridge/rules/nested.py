"""Settings that parse themselves, and errors inside them, each at its own place.

pydantic takes the places of a ``ValidationError`` that a validator raises and puts them behind the validator's own:
so a list of texts with a bad regex in second place gives one error at ``when.subject.1``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Self, TypeVar

import pydantic
import pydantic_core
from pydantic_core import core_schema

from bridge import spelling, wording

T = TypeVar("T")
Place = tuple[str | int, ...]


class Parsed:
    """A setting that is made from what stands in the file by ``parse``: one form, one error, whatever pydantic makes
    of unions.
    """

    alternatives: Sequence[Any] = ()  # what a list is made of, where one of them is enough

    @classmethod
    def parse(cls, value: Any) -> Self:
        """
        Raises:
            ValueError: it is not written as it should be (a ``ValidationError`` where the fault lies deeper).
        """
        return value if isinstance(value, cls) else cls(value)  # type: ignore[call-arg]  # subclasses take what is written

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON Schema of what may stand in the file."""
        return {}

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: pydantic.GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: pydantic.GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return cls.json_schema()


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _not_empty(value: Any) -> Any:
    if not value:
        raise ValueError("must not be empty")
    return value


LISTED = pydantic.BeforeValidator(_listed)  # a text is a list of one
NOT_EMPTY = pydantic.AfterValidator(_not_empty)


def or_nothing(left_out: Any) -> pydantic.BeforeValidator:
    """A key with nothing behind it (``when:``) is the same as one that is left out, which is ``left_out``."""
    return pydantic.BeforeValidator(lambda written: left_out if written is None else written)


def error(faults: Iterable[tuple[Place, str]]) -> pydantic.ValidationError:
    """A ``ValidationError`` with these messages at these places."""
    details = [
        pydantic_core.InitErrorDetails(
            type=pydantic_core.PydanticCustomError("rule", "{text}", {"text": text}), loc=at, input=None
        )
        for at, text in faults
    ]
    return pydantic.ValidationError.from_exception_data("rule", details, hide_input=True)


def faults(error: pydantic.ValidationError) -> list[tuple[Place, str]]:
    """The messages and places of a ``ValidationError``, in plain words."""
    return [(tuple(line["loc"]), wording.plain(line, line["input"])) for line in error.errors(include_url=False)]


def each(parse: Callable[[Any], T], items: Iterable[tuple[str | int, Any]]) -> list[T]:
    """Parses every item of a list or map.

    Raises:
        pydantic.ValidationError: all that is wrong, each at its place.
    """
    values, wrong = [], []
    for at, item in items:
        try:
            values.append(parse(item))
        except pydantic.ValidationError as inner:
            wrong += [((at, *rest), message) for rest, message in faults(inner)]
        except ValueError as inner:
            wrong.append(((at,), str(inner)))
    if wrong:
        raise error(wrong)
    return values


def unknown(key: object, known: Collection[str], planned: Collection[str] = ()) -> str:
    """What to say of a key that is not there."""
    if key in planned:
        return "not yet supported"
    return "unknown key" + spelling.did_you_mean(str(key), known)
