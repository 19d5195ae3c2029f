"""Environment > secrets folder > file; secrets from files; what a variable may be called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bridge import config, errors
from bridge.config.settings import Settings

HOME = "mailboxes: {home: {host: a, user: me, password: from-the-file}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


def load(folder: Path, text: str, **environ: str) -> Settings:
    (folder / "mailwire.yaml").write_text(text, "utf-8")
    return config.load(folder / "mailwire.yaml", environ=environ, secrets_dir=folder / "run")


def faults(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(errors.ConfigError) as caught:
        load(folder, text, **environ)
    return [str(fault).removeprefix(f"{folder}/") for fault in caught.value.faults]


def password(settings: Settings, mailbox: str = "home") -> str:
    return settings.mailboxes[mailbox].password.get_secret_value()


def test_the_environment_counts_more_than_the_secrets_folder_and_that_more_than_the_file(folder: Path) -> None:
    assert password(load(folder, HOME)) == "from-the-file"
    (folder / "run/mailwire_mailboxes__home__password").write_text("from-the-folder\n")
    assert password(load(folder, HOME)) == "from-the-folder"
    assert password(load(folder, HOME, MAILWIRE_MAILBOXES__HOME__PASSWORD="from-a-variable")) == "from-a-variable"


def test_the_environment_adds_what_the_file_has_not(folder: Path) -> None:
    found = load(
        folder,
        HOME,
        MAILWIRE_NAME="house",
        MAILWIRE_MAILBOXES__WORK__HOST="b",
        MAILWIRE_MAILBOXES__WORK__USER="me",
        MAILWIRE_MAILBOXES__WORK__PASSWORD="12345",
        MAILWIRE_MAILBOXES__WORK__PORT="1143",
        MAILWIRE_MAILBOXES__WORK__FOLDERS='["INBOX", "Alarms"]',
        MAILWIRE_SINKS__BROKER__TYPE="mqtt",
        MAILWIRE_SINKS__BROKER__URL="mqtt://b",
        MAILWIRE_RULES='[{"name": "a", "then": [{"sink": "broker", "topic": "x"}]}]',
    )
    assert found.name == "house"
    assert (found.mailboxes["work"].port, found.mailboxes["work"].folders) == (1143, ("INBOX", "Alarms"))
    assert password(found, "work") == "12345"
    assert list(found.mailboxes) == ["work", "home"] or list(found.mailboxes) == ["home", "work"]
    assert found.sinks["broker"].type == "mqtt"
    assert [rule.name for rule in found.rules] == ["a"]


def test_a_whole_map_can_be_one_variable(folder: Path) -> None:
    found = load(
        folder,
        "name: house\n",
        MAILWIRE_MAILBOXES='{"home": {"host": "a", "user": "me", "password": "hush"}}',
        MAILWIRE_SINKS__BROKER='{"type": "mqtt", "url": "mqtt://b"}',
    )
    assert (password(found), found.sinks["broker"].type) == ("hush", "mqtt")


@pytest.mark.parametrize("text", ["12345", "1e5", "true", "null", '"q"', '{"a":1}', "[1]", "{", " 007 "])
@pytest.mark.parametrize("way", ["environment", "folder"])
@pytest.mark.parametrize("place", ["mailboxes__home__password", "sinks__b__password", "sinks__b__headers__x"])
def test_a_secret_stays_the_text_that_it_is_though_it_looks_like_json(
    place: str, way: str, text: str, folder: Path
) -> None:
    environ = {f"MAILWIRE_{place.upper()}": text} if way == "environment" else {}
    if way == "folder":
        (folder / f"run/mailwire_{place}").write_text(text + "\n")
    file = HOME + "sinks: {b: {type: http, url: 'https://b', user: me, password: x, headers: {x: y}}}\n"
    found = load(folder, file, **environ)
    sink: Any = found.sinks["b"]
    values = {
        "mailboxes__home__password": found.mailboxes["home"].password,
        "sinks__b__password": sink.password,
        "sinks__b__headers__x": sink.headers.root["x"],
    }
    assert values[place].get_secret_value() == text


def test_a_sink_s_own_model_reads_what_a_variable_gives_it(folder: Path) -> None:
    found = load(
        folder,
        "sinks: {b: {type: mqtt, url: 'mqtt://b'}, h: {type: http, url: 'https://h'}}\n",
        MAILWIRE_SINKS__B__VERSION="5",
        MAILWIRE_SINKS__B__KEEPALIVE="20s",
        MAILWIRE_SINKS__H__HEADERS='{"x-a": "b"}',
    )
    sinks: Any = found.sinks
    assert (sinks["b"].version, sinks["b"].keepalive) == ("5", 20.0)
    assert sinks["h"].headers.root["x-a"].get_secret_value() == "b"


def test_the_name_of_a_secret_s_file_may_be_a_number(folder: Path) -> None:
    (folder / "12345").write_text("hush")
    assert password(load(folder, HOME, MAILWIRE_MAILBOXES__HOME__PASSWORD_FILE="12345")) == "hush"


def test_a_missing_file_is_told_of_though_a_variable_gives_a_map_beside_it(folder: Path) -> None:
    file = "sinks: {b: {type: http, url: 'https://b', user: me, password_file: nix}}\n"
    (fault,) = faults(folder, file, MAILWIRE_SINKS__B__HEADERS='{"x-a": "b"}')
    assert "sinks.b.password_file" in fault


def test_an_empty_variable_counts_as_none(folder: Path) -> None:
    assert password(load(folder, HOME, MAILWIRE_MAILBOXES__HOME__PASSWORD="")) == "from-the-file"


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        (
            "MAILWIRE_LOG_LEVEL",
            "loud",
            "MAILWIRE_LOG_LEVEL: log_level: expected debug, info, warning or error, got the text",
        ),
        (
            "MAILWIRE_MAILBOXES__HOME__PORT",
            "abc",
            'MAILWIRE_MAILBOXES__HOME__PORT: mailboxes.home.port: expected a whole number, got the text "abc"',
        ),
        (
            "MAILWIRE_MAILBOXES__HOME__POLL",
            "5",
            'MAILWIRE_MAILBOXES__HOME__POLL: mailboxes.home.poll: "5" is no duration; write it like 30s, 5m, 2h or 1d',
        ),
        (
            "MAILWIRE_TIMEZONE",
            "Mars",
            'MAILWIRE_TIMEZONE: timezone: "Mars" is no time zone of the IANA database',
        ),
        (
            "MAILWIRE_MAILBOXES__HOME__PROT",
            "1",
            "MAILWIRE_MAILBOXES__HOME__PROT: mailboxes.home.prot: unknown key; did you",
        ),
        (
            "MAILWIRE_MAILBOXES__HOME__TRUST",
            "x",
            "MAILWIRE_MAILBOXES__HOME__TRUST: mailboxes.home.trust: not yet supported",
        ),
        ("MAILWIRE_MAILBOXES__WORK__HOST", "x", "MAILWIRE_MAILBOXES__WORK__HOST: mailboxes.work.password: missing"),
        ("MAILWIRE_RULES", "[{}", "MAILWIRE_RULES: rules: expected a list, got a text"),
        ("MAILWIRE_RULES", "[" * 50_000, "MAILWIRE_RULES: rules: expected a list, got a text"),
        ("MAILWIRE_RULES", '[{"nam": "a"}]', 'MAILWIRE_RULES: rules.0.nam: unknown key; did you mean "name"?'),
        ("MAILWIRE_RULES__0__NAME", "a", "MAILWIRE_RULES__0__NAME: rules: expected a list, got a map"),
        ("MAILWIRE_WEB__LISTEN", ":80", "MAILWIRE_WEB__LISTEN: web: not yet supported"),
        ("MAILWIRE_CLUSTER", "{}", "MAILWIRE_CLUSTER: cluster: not yet supported"),
        (
            "MAILWIRE_MAILBOXS__HOME__PORT",
            "1",
            'MAILWIRE_MAILBOXS__HOME__PORT: mailboxs: unknown key; did you mean "mailbo',
        ),
        ("MAILWIRE_LOGLEVEL", "info", 'MAILWIRE_LOGLEVEL: loglevel: unknown key; did you mean "log_level"?'),
    ],
)
def test_a_fault_in_the_environment_names_the_variable(folder: Path, variable: str, value: str, fault: str) -> None:
    found = faults(folder, HOME, **{variable: value})
    assert found[0].startswith(fault)


def test_variables_that_a_container_platform_sets_are_not_ours(folder: Path) -> None:
    platform = {"MAILWIRE_SERVICE_HOST": "10.0.0.1", "MAILWIRE_PORT": "tcp://10.0.0.1:80", "MAILWIRE_PORT_80_TCP": "x"}
    assert password(load(folder, HOME, **platform)) == "from-the-file"


def test_systemd_credentials_are_a_secrets_folder(folder: Path) -> None:
    (folder / "run/mailwire_mailboxes__home__password").write_text("from-systemd")
    (folder / "mailwire.yaml").write_text(HOME)
    found = config.load(folder / "mailwire.yaml", environ={"CREDENTIALS_DIRECTORY": str(folder / "run")})
    assert password(found) == "from-systemd"


def test_other_files_in_a_secrets_folder_are_not_read(folder: Path) -> None:
    (folder / "run/other.key").write_bytes(b"\xff\x00")
    (folder / "run/mailwire_folder").mkdir()
    assert password(load(folder, HOME)) == "from-the-file"


def test_a_secret_that_is_no_text_is_a_fault(folder: Path) -> None:
    (folder / "run/mailwire_mailboxes__home__password").write_bytes(b"\xff")
    assert faults(folder, HOME) == ["run/mailwire_mailboxes__home__password:1:1: is not UTF-8 text"]


def test_a_fault_from_a_secrets_folder_names_the_file_and_not_its_content(folder: Path) -> None:
    (folder / "run/mailwire_mailboxes__home__poll").write_text("hunter2")
    (fault,) = faults(folder, HOME)
    assert fault.startswith("run/mailwire_mailboxes__home__poll: mailboxes.home.poll: ")
    assert "hunter2" not in fault


@pytest.mark.parametrize("key", ["password", "passwrd", "zzz", "start__hunter2", "host"])
def test_a_fault_from_the_environment_does_not_show_what_may_be_a_secret(folder: Path, key: str) -> None:
    value = "hunter2 x" if key == "host" else '{"hunter2'
    told = ""
    try:
        load(folder, HOME, **{f"MAILWIRE_MAILBOXES__HOME__{key.upper()}": value})
    except errors.ConfigError as error:
        told = "".join(fault.message for fault in error.faults)
    assert "hunter2" not in told


def test_a_secret_comes_from_the_file_that_name_file_names(folder: Path) -> None:
    (folder / "secrets").mkdir()
    (folder / "secrets/home").write_text(" hush \n")
    text = "mailboxes: {home: {host: a, user: me, password_file: secrets/home}}\n"
    assert password(load(folder, text)) == " hush "
    assert password(load(folder, text.replace("secrets/home", str(folder / "secrets/home")))) == " hush "
    assert password(load(folder, text, MAILWIRE_MAILBOXES__HOME__PASSWORD="given")) == "given"


def test_name_file_in_the_environment_takes_the_place_of_the_file_s_secret(folder: Path) -> None:
    (folder / "other").write_text("hush")
    assert password(load(folder, HOME, MAILWIRE_MAILBOXES__HOME__PASSWORD_FILE="other")) == "hush"


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("password_file: nix", "password_file: {0}/nix cannot be read: No such file or directory"),
        ("password_file: run", "password_file: {0}/run cannot be read: Is a directory"),
        ("password_file: empty", "password_file: {0}/empty is empty"),
        ("password_file: binary", "password_file: {0}/binary is not UTF-8 text"),
        ("password_file: [a]", "password_file: expected the name of a file"),
        ("password_file: ''", "password_file: expected the name of a file"),
        ("password: a, password_file: b", "password_file: both password and password_file are given; one is enough"),
        ("pasword_file: nix", 'pasword_file: unknown key; did you mean "password_file"?'),
        ("password: a, host_file: nix", 'host_file: unknown key; did you mean "ca_file"?'),
        ("password: a, ca_file: nix", "ca_file: {0}/nix cannot be read: No such file or directory"),
        ("password: a, ca_file: [a]", "ca_file: expected the name of a file, got a list"),
    ],
)
def test_a_file_that_cannot_be_had_is_a_fault_at_its_line(folder: Path, written: str, fault: str) -> None:
    (folder / "empty").write_text("\n")
    (folder / "binary").write_bytes(b"\xff")
    (found,) = faults(folder, "mailboxes:\n  home: {host: a, user: me, " + written + "}\n")
    assert found.startswith("mailwire.yaml:2:")
    assert found.endswith(f": mailboxes.home.{fault.format(folder)}")


def test_a_missing_file_hides_no_other_fault(folder: Path) -> None:
    found = faults(folder, "mailboxes: {home: {host: a, user: 5, port: x, password_file: nix}}\n")
    assert len(found) == 3


def test_paths_are_relative_to_the_configuration_file(folder: Path) -> None:
    (folder / "ca.pem").write_text("x")
    text = "mailboxes: {home: {host: a, user: me, password: b, ca_file: ca.pem}}\n"
    assert load(folder, text).mailboxes["home"].ca_file == folder / "ca.pem"
    found = load(folder, HOME, MAILWIRE_MAILBOXES__HOME__CA_FILE="ca.pem")
    assert found.mailboxes["home"].ca_file == folder / "ca.pem"
