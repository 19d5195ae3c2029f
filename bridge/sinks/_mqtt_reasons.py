"""What the broker's reason codes mean for the outbox and for the admin (MQTT 5, section 2.4; paho translates those of
3.1.1).
"""

from __future__ import annotations

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from bridge import errors

FAILURE = 0x80  # reason codes from here on are failures
LATER = frozenset({0x83, 0x91, 0x97})  # implementation specific error, packet identifier in use, quota exceeded


class NotThisWay(errors.Unavailable):
    """The broker does not accept this CONNECT; another one may be."""


class VersionRefused(NotThisWay):
    """The broker does not speak this version of MQTT."""


class WillRefused(NotThisWay):
    """The broker does not take the last will: no retained messages, or not this QoS."""


def refusal(where: str, reason: ReasonCode, *, client_id: str, user: str | None) -> errors.Unavailable:
    """What a CONNACK means that does not accept (MQTT 5, section 3.2.2.2; paho translates the codes of 3.1.1)."""
    code = f"connack 0x{reason.value:02x}"
    said = str(reason).lower()
    match reason.value:
        case 0x84:
            return VersionRefused(f"{where}: it does not speak this version of MQTT", code=code)
        case 0x9A | 0x9B:
            return WillRefused(f"{where}: {said}", code=code)
        case 0x86 | 0x87 | 0x8A | 0x8C:
            as_whom = f"user {user!r}" if user else "a client without user and password"
            return errors.Refused(
                f"{where}: it refuses {as_whom} ({said}); check `user` and `password`, and what the broker allows",
                code=code,
            )
        case 0x85:
            return errors.Refused(f"{where}: it refuses the client id {client_id!r}; set `client_id`", code=code)
    return errors.Unavailable(f"{where}: it refuses the connection ({said})", code=code)


def farewell(where: str, reason: ReasonCode, *, client_id: str) -> errors.Unavailable:
    """What a DISCONNECT of the broker means (MQTT 5, section 3.14.2.1)."""
    code = f"disconnect 0x{reason.value:02x}"
    match reason.value:
        case 0x87:
            return errors.Refused(f"{where}: it no longer allows what this client does (not authorized)", code=code)
        case 0x8E:
            advice = f"another client uses the client id {client_id!r}; give each bridge a `name` of its own"
            return errors.Unavailable(f"{where}: {advice}", code=code)
    return errors.Unavailable(f"{where}: it ended the connection ({str(reason).lower()})", code=code)


def refused_publish(where: str, code: int, *, qos: int) -> errors.Retryable | errors.Permanent:
    """What a reason code of 0x80 and above means in PUBACK, PUBREC or PUBCOMP."""
    packet = "pubrec" if qos == 2 else "puback"
    text = f"{where}: it does not take the message ({_name(code)})"
    kind = errors.Retryable if code in LATER else errors.Permanent
    return kind(text, code=f"{packet} 0x{code:02x}")


def _name(code: int) -> str:
    try:
        return str(ReasonCode(PacketTypes.PUBACK, identifier=code)).lower()
    except (KeyError, AssertionError):
        return f"reason 0x{code:02x}"
