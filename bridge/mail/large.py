"""An attached file that is too large to be held in memory, as a value: what is known of it, and where it is kept."""

from __future__ import annotations

import dataclasses

from bridge.mail.part import Part

MARK = "\U0010fffe"  # no character, and so in no text of a mail


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Large:
    """Stands for its octets, which nobody has in hand: they may be sent as they are, and their number may be asked for.

    As long as nobody has fetched it, its size is what the mail's structure tells (``Part.decoded_size``).
    """

    section: str
    name: str
    size: int
    kept: str = ""  # the store's name for it; "" where it is kept nowhere
    fault: str = ""  # why it could not be fetched

    @classmethod
    def of(cls, part: Part) -> Large:
        return cls(section=part.section, name=part.name or part.type, size=part.decoded_size)

    @property
    def shown(self) -> str:
        """``report.zip (100 MB)``"""
        return f"{self.name} ({size(self.size)})"

    @property
    def too_large(self) -> str:
        """What is said to whoever asks for its octets."""
        return f"{self.name} has {size(self.size)}: too large for anything but to be sent as it is (as: bytes)"

    def __str__(self) -> str:
        """A text that shows whoever meets it that the octets were asked for."""
        return f"{MARK}{self.too_large}{MARK}"


def size(octets: int) -> str:
    """``240 kB``"""
    for unit, of in (("MB", 1_000_000), ("kB", 1_000)):
        if octets >= of:
            return f"{octets / of:.1f} {unit}" if octets < 10 * of else f"{octets // of} {unit}"
    return f"{octets} B"
