"""The JSON Schema (draft 2020-12) of the configuration file, made from the models that load it.

It is what editors complete and check with. It knows the shape of things only; what a rule means is checked by
``check``.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from bridge import plugins
from bridge.config.settings import Settings

DIALECT = GenerateJsonSchema.schema_dialect


def document() -> dict[str, Any]:
    """The whole schema, with every kind of sink that is installed."""
    models = {kind: plugins.find("sinks", kind).settings for kind in plugins.names("sinks")}
    references, whole = models_json_schema(
        [(model, "validation") for model in (Settings, *models.values())], by_alias=True
    )
    definitions = whole["$defs"]
    kinds = []
    for kind, model in models.items():
        reference = references[model, "validation"]
        kinds.append(reference)
        _named(definitions[_name(reference)], kind)
    root = definitions.pop(_name(references[Settings, "validation"]))
    root["properties"]["sinks"]["additionalProperties"] = {"anyOf": kinds}
    root["patternProperties"] = {"^x-": {"description": "Ignored: a place for anchors."}}
    _without_defaults_of_this_machine(root)
    root["description"] = "The configuration of Mailwire, a bridge from mail to things."
    return {"$schema": DIALECT, **root, "$defs": dict(sorted(definitions.items()))}


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _named(definition: dict[str, Any], kind: str) -> None:
    """A sink's model, told from the others by its ``type``."""
    definition["properties"]["type"] = {"const": kind, "description": f"Kind of sink: {kind}."}
    definition["required"] = ["type", *(key for key in definition.get("required", ()) if key != "type")]


def _without_defaults_of_this_machine(root: dict[str, Any]) -> None:
    for key in ("name", "state", "timezone"):
        root["properties"][key].pop("default", None)
