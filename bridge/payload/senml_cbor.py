"""``as: senml+cbor``: measurements in CBOR (RFC 8428, section 6), whose labels are small integers; deterministic."""

from __future__ import annotations

from typing import Any

import cbor2

from bridge import errors
from bridge.payload import Encoding, Keys, _senml, cbor

LABELS = {  # table 4
    **{label: -n for n, label in enumerate(_senml.BASE, 1)},
    **{label: n for n, label in enumerate(_senml.RECORD)},
}
_NAMES = {number: label for label, number in LABELS.items()}


def encode(value: Any, keys: Keys) -> bytes:  # noqa: ARG001 - SenML has labels of its own
    """
    Raises:
        errors.RuleError: it is no SenML.
    """
    try:
        records = [{LABELS[label]: found for label, found in record.items()} for record in _senml.pack(value)]
        return cbor.deterministic(records)
    except (cbor2.CBOREncodeError, ValueError, OverflowError) as error:
        raise errors.RuleError(f"the payload does not fit into SenML: {error}") from error


def decode(octets: bytes) -> Any:
    """With the labels that people know."""
    return [{_NAMES.get(label, label): found for label, found in record.items()} for record in cbor2.loads(octets)]


PLUGIN = Encoding(
    name="senml+cbor",
    media_type="application/senml+cbor",
    content_format=112,
    encode=encode,
    decode=decode,
    is_text=_senml.is_text,
)
