"""``as: senml+json``: measurements in JSON (RFC 8428, section 5), compact; bytes as base64url without padding."""

from __future__ import annotations

import base64
import json
from typing import Any

from bridge import errors
from bridge.payload import Encoding, Keys, _senml, json_


def encode(value: Any, keys: Keys) -> bytes:  # noqa: ARG001 - SenML has labels of its own
    """
    Raises:
        errors.RuleError: it is no SenML.
    """
    try:
        return json_.text([_written(record) for record in _senml.pack(value)]).encode()
    except (ValueError, OverflowError) as error:
        raise errors.RuleError(f"the payload does not fit into SenML: {error}") from error


def _written(record: _senml.Record) -> _senml.Record:
    if "vd" not in record:
        return record
    return {**record, "vd": base64.urlsafe_b64encode(record["vd"]).rstrip(b"=").decode("ascii")}


def decode(octets: bytes) -> Any:
    return json.loads(octets)


PLUGIN = Encoding(
    name="senml+json",
    media_type="application/senml+json",
    content_format=110,
    encode=encode,
    decode=decode,
    is_text=_senml.is_text,
)
