"""``as: cbor``: deterministic CBOR (RFC 8949, section 4.2.1): numbers as short as they can be, keys sorted by their
octets.

``keys: {t: 1}`` puts integer keys in the place of text keys, in every map of the payload. A datetime is tag 1, seconds
since 1970: six bytes where ISO 8601 takes twenty-seven. The instant stays, its offset from UTC does not; a naive one
is taken as UTC.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import cbor2

from bridge import errors
from bridge.payload import Encoding, Keys

MAP = 5  # the major type (RFC 8949, section 3.1)


def encode(value: Any, keys: Keys) -> bytes:
    """
    Raises:
        errors.RuleError: CBOR cannot express it, two keys of a map become one, or it is nested too deep.
    """
    try:
        return deterministic(_prepared(value, keys))
    except (cbor2.CBOREncodeError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise errors.RuleError(f"the payload does not fit into CBOR: {error}") from error


def deterministic(value: Any) -> bytes:
    """
    Raises:
        cbor2.CBOREncodeError: CBOR has no such value; also TypeError, ValueError, OverflowError and RecursionError.
    """
    return cbor2.dumps(
        value, canonical=True, datetime_as_timestamp=True, timezone=datetime.UTC, encoders={dict: _encode_map}
    )


def _encode_map(encoder: cbor2.CBOREncoder, value: Mapping[Any, Any]) -> None:
    """The library sorts by length first, which is the older order (RFC 8949, section 4.2.3)."""
    encoder.encode_length(MAP, len(value))
    for key, member in sorted(_encoded_keys(value), key=lambda pair: pair[0]):
        encoder.write(key)
        encoder.encode(member)


def _encoded_keys(value: Mapping[Any, Any]) -> list[tuple[bytes, Any]]:
    return [(deterministic(key), member) for key, member in value.items()]


def _prepared(value: Any, keys: Keys) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()  # a lone surrogate, from a broken mail
        case datetime.timedelta():
            return value.total_seconds()
        case datetime.datetime():
            return value
        case datetime.date() | datetime.time():
            return value.isoformat()
        case Mapping():
            return _prepared_map(value, keys)
        case list() | tuple():
            return [_prepared(item, keys) for item in value]
    return value


def _prepared_map(value: Mapping[Any, Any], keys: Keys) -> dict[Any, Any]:
    found = {keys.get(key, _prepared(key, keys)): _prepared(item, keys) for key, item in value.items()}
    if len(found) < len(value):
        raise ValueError("two of its keys are the same")
    return found


def decode(octets: bytes) -> Any:
    return cbor2.loads(octets)


PLUGIN = Encoding(
    name="cbor", media_type="application/cbor", content_format=60, encode=encode, decode=decode, has_keys=True
)
