"""The JSON Schema says what the models say."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bridge import plugins
from bridge.config import references, schema

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return schema.document()


@pytest.fixture(scope="module")
def validator(document: dict[str, Any]) -> Any:
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


@pytest.fixture
def reference() -> Any:
    return copy.deepcopy(references.read(CONFIG / "mailwire.yaml").root.plain)


def test_the_schema_in_the_repository_is_up_to_date(document: dict[str, Any]) -> None:
    """Else: mailwire schema > config/mailwire.schema.json"""
    assert json.loads((CONFIG / "mailwire.schema.json").read_text("utf-8")) == document


def test_the_reference_is_valid(validator: Any, reference: Any) -> None:
    assert list(validator.iter_errors(reference)) == []


def test_every_plugin_is_in_it(document: dict[str, Any]) -> None:
    definitions = document["$defs"]
    assert {f"sink.{kind}" for kind in plugins.names("sinks")} <= set(definitions)
    assert set(plugins.names("conditions")) <= set(definitions["When"]["properties"])
    assert all(f'"{name}"' in json.dumps(definitions["Rule"]) for name in plugins.names("extract") if name != "header")
    assert {"topic", "path", "method", "qos"} <= set(definitions["Action"]["properties"])


def test_it_is_a_2020_12_schema_with_descriptions(document: dict[str, Any]) -> None:
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for value in document["properties"].values():
        told = document["$defs"][value["$ref"].rpartition("/")[2]] if "$ref" in value else value
        assert told.get("description")


def change(document: Any, path: tuple[str | int, ...], value: Any) -> None:
    for step in path[:-1]:
        document = document[step]
    document[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("nam",), "x"),
        (("log_level",), "loud"),
        (("mailboxes", "home", "hots"), "x"),
        (("mailboxes", "home", "port"), "x"),
        (("mailboxes", "home", "password"), "as well as password_file"),
        (("mailboxes", "home", "timeout"), 30),
        (("mailboxes", "home", "timeout"), "30"),
        (("sinks", "broker", "type"), "mqqt"),
        (("sinks", "lamp", "qos"), 1),
        (("rules", 0, "when", "subjct"), "x"),
        (("rules", 0, "then", 0, "topc"), "x"),
        (("rules", 0, "then", 0, "max_bytes"), "1 stone"),
        (("rules", 0, "then", 0, "too_big"), "burst"),
        (("rules", 0, "throttle"), "5 a minute"),
        (("rules", 0, "risk"), "act"),
        (("web",), {"listen": ":80"}),
    ],
)
def test_what_the_models_refuse_it_refuses(
    validator: Any, reference: Any, path: tuple[str | int, ...], value: Any
) -> None:
    change(reference, path, value)
    assert list(validator.iter_errors(reference)) != []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("x-anchors",), {"a": 1}),
        (("mailboxes", "home", "poll"), "1d"),
        (("rules", 0, "then", 0, "max_bytes"), 64),
        (("rules", 0, "mailboxes"), "home"),
        (("rules", 0, "throttle"), "5/1m"),
        (("rules", 0, "throttle"), {"max": 5, "within": "1m", "per": "{{ mail.from }}"}),
        (("rules", 2, "then"), {"sink": "notes"}),
    ],
)
def test_what_the_models_take_it_takes(validator: Any, reference: Any, path: tuple[str | int, ...], value: Any) -> None:
    change(reference, path, value)
    assert list(validator.iter_errors(reference)) == []


def test_a_secret_is_required_in_one_of_its_two_forms(validator: Any, reference: Any) -> None:
    del reference["mailboxes"]["home"]["password_file"]
    assert list(validator.iter_errors(reference)) != []


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.5, "0.5s"), (30.0, "30s"), (90.0, "90s"), (240.0, "4m"), (7200.0, "2h"), (86400.0, "1d")],
)
def test_durations_are_shown_as_they_are_written(seconds: float, written: str) -> None:
    assert schema.duration(seconds) == written
