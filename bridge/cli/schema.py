"""``mailwire schema``: the JSON Schema of the configuration."""

from __future__ import annotations

import json

import click


@click.command(short_help="Print the configuration's JSON Schema, for editors.")
def command() -> None:
    """Print the JSON Schema (draft 2020-12) of the configuration.

    An editor with a YAML language server completes and checks the file with it, when its first line is

        # yaml-language-server: $schema=mailwire.schema.json
    """
    from bridge.config import schema

    click.echo(json.dumps(schema.document(), indent=2, ensure_ascii=False))
