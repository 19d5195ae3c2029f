"""What ``extract`` looks for in the addresses of a header field.

sender: { from: true }                        # the first address
camera: { from: '/(.+)@cameras/' }            # a regex, in each address
who: { reply_to: { name: true } }             # the display name
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from bridge import rules
from bridge.mail import Mail, address
from bridge.rules import anchors, searching


class AddressSearch(searching.Beside):
    """``true`` or a regex, on the addresses; ``{name: …}`` on the names beside them."""

    key = "name"
    example = "{name: true}, or {name: '/a regex/'}"


def _address(one: address.Address) -> str:
    return one.address


def _name(one: address.Address) -> str:
    return one.name


class _Finder(rules.Finder):
    """In the first address, or name, in which it is found."""

    def __init__(self, field: str, setting: AddressSearch) -> None:
        self._field = field
        self._search = setting.search
        self._read: Callable[[address.Address], str] = _name if setting.is_beside else _address
        self.wanted = f"{field}{' name' if setting.is_beside else ''} {setting.search.wanted}"

    def find(self, mail: Mail, moment: rules.Moment) -> str | None:
        found = (self._search.find(self._read(one)) for one in mail.addresses(self._field))
        return next((value for value in found if value is not None), None)

    def must_show(self) -> anchors.Needed:
        return self._search.must_show(_place(self._field, self._read))


@functools.cache
def _place(field: str, read: Callable[[address.Address], str]) -> anchors.Texts:
    """Where the index over many rules looks; one for all of them."""
    return anchors.Texts(name=f"{field} {read.__name__}", read=lambda mail: "\n".join(map(read, mail.addresses(field))))


def plugin(field: str, summary: str) -> rules.ExtractPlugin:
    """The source that the addresses of one header field are."""
    return rules.ExtractPlugin(setting=AddressSearch, make=functools.partial(_Finder, field), summary=summary)
