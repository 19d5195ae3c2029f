"""``from``: who the mail says it is from."""

from __future__ import annotations

from bridge.rules import addresses

PLUGIN = addresses.plugin("From", "An address of From: a glob, a domain, {name: text}, or a list of these.")
