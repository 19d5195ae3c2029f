"""Finds what can be added as one file: a sink, a condition, an extractor, a type of value, an encoding.

``find("sinks", "mqtt")`` is the ``PLUGIN`` of ``bridge/sinks/mqtt.py``, or else of the package that declares the
entry point ``mqtt`` in the group ``mailwire.sinks``. Nothing is imported before it is asked for by name: a
configuration without CoAP never loads aiocoap.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import pkgutil
from typing import Any

FOLDERS = {
    "sinks": "bridge.sinks",
    "conditions": "bridge.rules.conditions",
    "extract": "bridge.rules.extract",
    "kinds": "bridge.rules.kinds",
    "payload": "bridge.payload",
}
_JOINTS = {"payload": "+"}  # of a structured suffix (RFC 6839): no module can be called that


@functools.cache
def _siblings(kind: str) -> dict[str, str]:
    """Name → module, by looking at the folder; a trailing underscore (``from_``, ``json_``) is not part of the name,
    and an encoding's ``senml_json`` is ``senml+json``.
    """
    package = importlib.import_module(FOLDERS[kind])
    modules = (info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_"))
    return {name.rstrip("_").replace("_", _JOINTS.get(kind, "_")): f"{FOLDERS[kind]}.{name}" for name in modules}


@functools.cache
def _entry_points(kind: str) -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=f"mailwire.{kind}")}


def names(kind: str) -> list[str]:
    """Every plugin of this kind, sorted, without importing any of them."""
    return sorted({*_siblings(kind), *_entry_points(kind)})


@functools.cache
def find(kind: str, name: str) -> Any:
    """The plugin, imported now.

    Raises:
        LookupError: there is none of that name; ``names(kind)`` are those that there are.
        ImportError: it needs an extra that is not installed; the message names it.
    """
    if name in _siblings(kind):
        return importlib.import_module(_siblings(kind)[name]).PLUGIN
    if name in _entry_points(kind):
        return _entry_points(kind)[name].load()
    raise LookupError(f"no {kind} plugin is called {name!r}")
