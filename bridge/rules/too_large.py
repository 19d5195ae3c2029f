"""What ``mailwire check`` warns of: a file that is always too large for memory, as the rule itself says, on its way to
a sink that takes no stream.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bridge import plugins
from bridge.mail import limits
from bridge.mail.large import size
from bridge.rules import settings, values
from bridge.rules.extract import attachment
from bridge.rules.nested import Place
from bridge.rules.sources import Extract

_IN_MEMORY_BYTES = limits.ATTACHMENT_BYTES // 78 * 57  # of the file itself, which comes as base64

_ONE_VALUE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def warnings(rule: settings.Rule, *, sinks: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """(place within the rule, message). ``sinks`` is each sink's name → its type. The rule has no faults."""
    large = {name for name, extract in rule.extract.items() if _always_large(extract)}
    for index, one in enumerate(rule.then) if large else ():
        if plugins.find("sinks", sinks[one.sink]).streams:
            continue
        for place, source in values.strings(one.payload, ("payload",)):
            if (one_value := _ONE_VALUE.fullmatch(source)) and one_value[1] in large:
                limit = size(_IN_MEMORY_BYTES)
                yield (
                    (*rule.place(index), *place),
                    f"a file of more than {limit} is sent as a stream, and {sinks[one.sink]} takes none (http does): "
                    "the delivery would be dead",
                )


def _always_large(extract: Extract) -> bool:
    found = [source.setting for source in extract.sources if isinstance(source.setting, attachment.Setting)]
    return len(found) == len(extract.sources) and all(one.meant.larger >= _IN_MEMORY_BYTES for one in found)
