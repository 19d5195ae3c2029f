"""A secret is in no repr, no dump and no fault, wherever it was planted and whatever else is wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest

from bridge import config, errors, plugins, schema
from bridge.config.settings import Settings
from bridge.sources.settings import Mailbox

PLANTED = "hunter2-xyzzy"


def secrets(model: type[schema.Model]) -> list[str]:
    return sorted(key.removesuffix("_file") for key in schema.known_keys(model) - set(model.model_fields))


def places() -> Iterator[tuple[str, str, str]]:
    """(section, kind, key) of every secret that there is."""
    for key in secrets(Mailbox):
        yield "mailboxes", "", key
    for kind in plugins.names("sinks"):
        for key in secrets(plugins.find("sinks", kind).settings):
            yield "sinks", kind, key


PLACES = list(places())
BARE: dict[str, dict[str, Any]] = {
    "": {"host": "a", "user": "b"},
    "mqtt": {"type": "mqtt", "url": "mqtts://me@broker"},
    "http": {"type": "http", "url": "https://hooks.lan"},
    "coap": {"type": "coap", "url": "coap://lamp"},
}


def entry(kind: str, key: str, value: Any) -> dict[str, Any]:
    user = {"user": "me"} if (kind, key) == ("http", "password") else {}
    return {**BARE[kind], **user, key: value}


def write(folder: Path, document: dict[str, Any]) -> Path:
    path = folder / "mailwire.yaml"
    path.write_text(json.dumps(document), "utf-8")
    return path


def everything(found: Settings) -> str:
    sections = [*found.mailboxes.values(), *found.sinks.values()]
    shown = [str(one) + repr(one) + one.model_dump_json() + str(one.model_dump()) for one in (found, *sections)]
    return "".join(shown) + str(vars(found))


def test_there_are_secrets_in_mailboxes_and_sinks() -> None:
    assert ("mailboxes", "", "password") in PLACES
    assert {kind for _, kind, _ in PLACES} >= {"", "mqtt", "http"}


@pytest.mark.parametrize(("section", "kind", "key"), PLACES)
def test_a_secret_is_loaded_and_does_not_show(section: str, kind: str, key: str, tmp_path: Path) -> None:
    found = config.load(write(tmp_path, {section: {"one": entry(kind, key, PLANTED)}}), environ={})
    value = getattr(getattr(found, section)["one"], key)
    assert value.get_secret_value() == PLANTED
    assert PLANTED not in everything(found)


@pytest.mark.parametrize(("section", "kind", "key"), PLACES)
@pytest.mark.parametrize("way", ["file", "environment", "name_file", "folder"])
def test_a_secret_does_not_show_in_faults(
    way: str, section: str, kind: str, key: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "secret").write_text(PLANTED)
    (tmp_path / "folder").mkdir()
    environ: dict[str, str] = {}
    value: dict[str, Any] = {key: PLANTED} if way == "file" else {}
    if way == "environment":
        environ = {f"MAILWIRE_{section}__one__{key}".upper(): PLANTED}
    elif way == "folder":
        (tmp_path / "folder" / f"mailwire_{section}__one__{key}").write_text(PLANTED)
    elif way == "name_file":
        value = {f"{key}_file": "secret"}
    wrong = {**entry(kind, key, ""), "timeout": "long", "zzz": 1, "url": "x://y", "host": 5}
    del wrong[key]
    path = write(tmp_path, {section: {"one": {**wrong, **value}}})
    with pytest.raises(errors.ConfigError) as caught:
        config.load(path, environ=environ, secrets_dir=tmp_path / "folder")
    assert len(caught.value.faults) >= 3
    assert PLANTED not in str(caught.value) + repr(caught.value) + repr(caught.value.faults) + caplog.text
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("wrong", [[PLANTED], {"a": PLANTED}, {PLANTED: 1}, 5544332211, True])
@pytest.mark.parametrize(("section", "kind", "key"), PLACES)
def test_a_secret_of_the_wrong_kind_does_not_show(
    section: str, kind: str, key: str, wrong: Any, tmp_path: Path
) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        config.load(write(tmp_path, {section: {"one": entry(kind, key, wrong)}}), environ={})
    assert PLANTED not in str(caught.value)
    assert "5544332211" not in str(caught.value)


def test_a_whole_part_that_is_one_broken_variable_does_not_show(tmp_path: Path) -> None:
    environ = {"MAILWIRE_MAILBOXES__HOME": f'{{"password": "{PLANTED}"'}
    with pytest.raises(errors.ConfigError) as caught:
        config.load(write(tmp_path, {"name": "house"}), environ=environ)
    assert PLANTED not in str(caught.value)


@pytest.mark.parametrize(
    "rule",
    [
        "when: {subject: !secret regex}",
        "when: {subject: [hall, !secret regex]}",
        "when: {body: {matches: !secret regex}}",
        "extract: {temp: {body: !secret regex}}",
        "when: {if: !secret template}",
        "then: {sink: a, payload: !secret template}",
        "then: {sink: a, payload: {a: !secret template}}",
        "then: {sink: a, target: !secret template}",
        "then: {sink: !secret word}",
        "mailboxes: !secret word",
        "then: {sink: a, expires: !secret word}",
        "when: {subject: !secret group}\n    then: {sink: a, payload: '{{ tapir_a }}'}",
        "when: !secret map",
    ],
)
def test_what_stands_behind_a_secret_tag_is_not_quoted_by_what_is_wrong_with_it(rule: str, tmp_path: Path) -> None:
    """Nor is a part of it, as the errors of regexes and templates do."""
    (tmp_path / "secrets.yaml").write_text(
        "regex: /tapir(okapi/\ntemplate: '{{ tapir | okapi( }} {{ okapi }}'\nword: tapir-okapi\n"
        "group: /(?P<tapir_b>.)/\nmap: {subject: /tapir(okapi/}\n"
    )
    path = tmp_path / "mailwire.yaml"
    path.write_text(f"sinks: {{a: {{type: log}}}}\nrules:\n  - name: a\n    {rule}\n    stop: 5\n")
    with pytest.raises(errors.ConfigError) as caught:
        config.load(path, environ={})
    messages = [fault.message for fault in caught.value.faults]
    assert len(messages) >= 2
    assert "okapi" not in str(messages)
    assert "tapir_b" not in str(messages)
    assert "tapir-" not in str(messages)


def test_what_is_wrong_with_a_secret_can_still_be_understood(tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text("regex: /xyzzy(/\nlevel: xyzzy\n")
    path = tmp_path / "mailwire.yaml"
    path.write_text("log_level: !secret level\nrules: [{name: a, stop: true, when: {subject: !secret regex}}]\n")
    with pytest.raises(errors.ConfigError) as caught:
        config.load(path, environ={})
    level, regex = [fault.message for fault in caught.value.faults]
    assert level == "expected debug, info, warning or error, got something else"
    assert "missing" in regex


def test_pydantic_s_own_error_does_not_show_it() -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        Mailbox.model_validate({"host": 5, "user": [PLANTED], "password": {"a": PLANTED}})
    assert PLANTED not in str(caught.value)
