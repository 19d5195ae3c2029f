"""Sinks beside a bridge that may be running: they leave its connections and what it says of itself alone."""

from __future__ import annotations

from bridge import config, plugins, sinks


def guest(settings: config.Settings, name: str) -> sinks.Sink:
    """The sink of this name, to be entered."""
    sink = settings.sinks[name]
    context = sinks.Context(name=name, bridge=settings.name, base_topic=settings.base_topic, guest=True)
    made: sinks.Sink = plugins.find("sinks", sink.type).make(sink, context)
    return made
