"""The JSON Schema (draft 2020-12) of the configuration file, made from the models that load it.

It is what editors complete and check with. It knows the shape of things only; what a rule means is checked by
``check``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from bridge import plugins, sinks
from bridge.config.settings import Settings
from bridge.rules import settings as rules

DIALECT = GenerateJsonSchema.schema_dialect


def document() -> dict[str, Any]:
    """The whole schema, with every kind of sink that is installed."""
    found: dict[str, sinks.Plugin] = {kind: plugins.find("sinks", kind) for kind in plugins.names("sinks")}
    models = [
        Settings,
        rules.Rule,
        rules.Action,
        *(model for plugin in found.values() for model in (plugin.settings, plugin.action)),
    ]
    references, whole = models_json_schema([(model, "validation") for model in models], schema_generator=_Generator)
    names = {model: references[model, "validation"]["$ref"].rpartition("/")[2] for model in models}
    definitions = whole["$defs"]
    for kind, plugin in found.items():
        _tell_apart(definitions[names[plugin.settings]], kind)
        _add_own_keys(definitions[names[rules.Action]], definitions.pop(names[plugin.action]), kind)
    then = definitions[names[rules.Rule]]["properties"]["then"]
    definitions[names[rules.Rule]]["properties"]["then"] = _one_or_many(then)
    root = definitions.pop(names[Settings])
    root["description"] = "The configuration of Mailwire, a bridge from mail to things."
    root["properties"]["sinks"]["additionalProperties"] = {
        "anyOf": [references[plugin.settings, "validation"] for plugin in found.values()]
    }
    root["patternProperties"] = {"^x-": {"description": "Ignored: a place for anchors."}}
    renamed = {
        names[rules.Action]: "Action",
        **{names[plugin.settings]: f"sink.{kind}" for kind, plugin in found.items()},
    }
    return _renamed({"$schema": DIALECT, **root, "$defs": dict(sorted(definitions.items()))}, renamed)


class _Generator(GenerateJsonSchema):
    """As admins see it: no titles made of names, no null for what can be left out, defaults as they are written."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        found = dict(super().default_schema(schema))
        default = found.get("default")
        if default is None or default in ({}, []):
            found.pop("default", None)
        elif isinstance(default, float) and found.get("type") == "string":
            found["default"] = duration(default)
        return found

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        found = super().function_before_schema(schema)
        return _one_or_many(found) if found.get("type") == "array" and _wraps(schema["function"]) else found


def _wraps(function: Any) -> bool:
    """Whether this validator makes a list of what is none."""
    try:
        return bool(function["function"]("x") == ["x"])
    except (TypeError, ValueError):
        return False


def _one_or_many(array: JsonSchemaValue) -> JsonSchemaValue:
    kept = {key: array[key] for key in ("type", "items", "minItems") if key in array}
    rest = {key: value for key, value in array.items() if key not in kept}
    return {**rest, "anyOf": [array["items"], kept]}


def duration(seconds: float) -> str:
    """Seconds as an admin would write them: 240.0 → ``4m``."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


def _tell_apart(definition: dict[str, Any], kind: str) -> None:
    """A sink's settings are known by their ``type``."""
    definition["title"] = kind
    definition["properties"]["type"] = {"const": kind, "description": definition.get("description", "")}
    definition["required"] = ["type", *(key for key in definition.get("required", ()) if key != "type")]


def _add_own_keys(action: dict[str, Any], own: Mapping[str, Any], kind: str) -> None:
    """A sink's own keys of an action. Which sink it is depends on a name: a key may be any sink's."""
    action["additionalProperties"] = False
    for key, value in own.get("properties", {}).items():
        mine = {**value, "description": " ".join(filter(None, (f"({kind})", value.get("description"))))}
        others = action["properties"].get(key)
        if others is None:
            action["properties"][key] = mine
        else:
            action["properties"][key] = {"anyOf": [*others.get("anyOf", [others]), mine]}


def _renamed(value: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """With other names for some definitions, and with Markdown's single backticks."""
    text = json.dumps(value, ensure_ascii=False).replace("``", "`")
    for old, new in names.items():
        text = text.replace(f'"#/$defs/{old}"', f'"#/$defs/{new}"').replace(f'"{old}": {{', f'"{new}": {{')
    found: dict[str, Any] = json.loads(text)
    return found
