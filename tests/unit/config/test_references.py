"""``!secret`` and ``!include``."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import config, errors
from bridge.config.settings import Settings

MAIN = "mailboxes: {home: {host: a, user: me, password: !secret home}}\n"


def load(folder: Path, text: str, **files: str) -> Settings:
    for name, content in {"mailwire": text, **files}.items():
        (folder / f"{name}.yaml").write_text(content, "utf-8")
    return config.load(folder / "mailwire.yaml", environ={})


def faults(folder: Path, text: str, **files: str) -> list[str]:
    with pytest.raises(errors.ConfigError) as caught:
        load(folder, text, **files)
    return [str(fault).replace(f"{folder}/", "") for fault in caught.value.faults]


def test_a_secret_comes_from_secrets_yaml_beside_the_file(tmp_path: Path) -> None:
    assert load(tmp_path, MAIN, secrets="home: hush\n").mailboxes["home"].password.get_secret_value() == "hush"


@pytest.mark.parametrize(
    ("secrets", "fault"),
    [
        ({}, "mailwire.yaml:1:49: mailboxes.home.password: secrets.yaml: there is no such file"),
        (
            {"secrets": "hme: hush\n"},
            'mailwire.yaml:1:49: mailboxes.home.password: secrets.yaml has no secret "home"; did you mean "hme"?',
        ),
        ({"secrets": "hush\n"}, 'mailwire.yaml:1:49: mailboxes.home.password: secrets.yaml has no secret "home"'),
        ({"secrets": "home: 12345\n"}, "mailwire.yaml:1:49: mailboxes.home.password: expected a text, got a number"),
        (
            {"secrets": "home: [\n"},
            "mailwire.yaml:1:49: mailboxes.home.password: secrets.yaml:2:1: no valid YAML: did not",
        ),
    ],
)
def test_a_secret_that_is_not_there_is_a_fault_where_it_is_asked_for(
    tmp_path: Path, secrets: dict[str, str], fault: str
) -> None:
    (found,) = faults(tmp_path, MAIN, **secrets)
    assert found.startswith(fault)


@pytest.mark.parametrize("secret", ["hunter2", "'5'", "[hunter2]", "{a: hunter2}", "55443322"])
@pytest.mark.parametrize("place", ["log_level", "timezone", "mailboxes", "state", "name", "nam", "rules"])
def test_a_secret_in_the_wrong_place_is_not_told(tmp_path: Path, place: str, secret: str) -> None:
    told = ""
    try:
        load(tmp_path, f"{place}: !secret s\n", secrets=f"s: {secret}\n")
    except errors.ConfigError as error:
        told = str(error)
    assert "hunter2" not in told
    assert "55443322" not in told


def test_included_files_stand_where_they_are_included_and_name_themselves_in_faults(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/inner.yaml").write_text("{nam: b}\n")
    (tmp_path / "parts/rules.yaml").write_text("# rules\n- {name: a, stop: true}\n- !include inner.yaml\n")
    found = faults(tmp_path, "zzz: 1\nrules: !include parts/rules.yaml\n")
    assert found == [
        "mailwire.yaml:1:1: zzz: unknown key",
        'parts/inner.yaml:1:2: rules.1.nam: unknown key; did you mean "name"?',
    ]


def test_a_file_can_be_included_twice(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        "mailboxes: {a: !include box.yaml, b: !include box.yaml}\n",
        box="{host: x, user: y, password: !secret s}\n",
        secrets="s: hush\n",
    )
    assert {box.password.get_secret_value() for box in found.mailboxes.values()} == {"hush"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rules: !include nix.yaml\n", "mailwire.yaml:1:8: rules: nix.yaml: there is no such file"),
        ("rules: !include mailwire.yaml\n", "mailwire.yaml:1:8: rules: includes itself"),
        ("rules: !include loop.yaml\n", "loop.yaml:1:3: rules.0: includes itself"),
        ("rules: !include bad.yaml\n", "bad.yaml:1:5: no valid YAML: mapping values are not allowed in this context"),
        ("rules: !include\n", "mailwire.yaml:1:8: rules: !include needs the name of a file"),
        ("rules: !includ a.yaml\n", "mailwire.yaml:1:8: rules: unknown tag !includ; there are !include and !secret"),
        ("rules: !include empty.yaml\n", "empty.yaml:1:1: rules: expected a list, got nothing"),
    ],
)
def test_what_cannot_be_included_is_a_fault(tmp_path: Path, text: str, fault: str) -> None:
    found = faults(tmp_path, text, loop="- !include loop.yaml\n", bad="a: b: c\n", empty="")
    assert found[0].startswith(fault)
    assert len(found) == 1
