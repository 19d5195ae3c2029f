"""What the bridge says of itself, through whichever sinks can announce it (``sinks.Announcer``).

events.py   what happens, as it happens: ``<base_topic>/<name>/events``
"""
