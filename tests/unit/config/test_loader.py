"""Every fault at its line, in plain words, all at once."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge import config, errors
from bridge.config.settings import Settings
from bridge.rules import verify

GOOD = """
    mailboxes:
      home: {host: imap.example.org, user: me, password: hush}
    sinks:
      broker: {type: mqtt, url: mqtts://broker.example}
    rules:
      - name: motion
        when: {subject: motion}
        then: [{sink: broker, topic: home/motion}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    return tmp_path / "config"


def write(folder: Path, text: str, name: str = "mailwire.yaml") -> Path:
    path = folder / name
    path.write_text(textwrap.dedent(text).lstrip("\n"), "utf-8")
    return path


def load(folder: Path, text: str, **environ: str) -> Settings:
    write(folder, text)
    return config.load(Path("config/mailwire.yaml"), environ=environ)


def faults(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(errors.ConfigError) as caught:
        load(folder, text, **environ)
    return [str(fault).removeprefix("config/mailwire.yaml:") for fault in caught.value.faults]


def test_a_good_file_gives_settings(folder: Path) -> None:
    found = load(folder, GOOD, HOME="/root")
    assert found.mailboxes["home"].host == "imap.example.org"
    assert found.sinks["broker"].type == "mqtt"
    assert [rule.name for rule in found.rules] == ["motion"]
    assert found.base_topic == "mailwire"
    assert found.log_level == "info"
    assert found.name
    assert found.state.startswith("sqlite:////")


def test_the_fault_of_the_interface(folder: Path) -> None:
    text = """
        mailboxes: {}
        sinks:
          broker: {type: mqtt, url: mqtts://broker.example}
        rules:
          - name: motion
            when:
              subjct: motion
            then: [{sink: broker, topic: home/motion}]
    """
    with pytest.raises(errors.ConfigError) as caught:
        load(folder, text)
    message = 'config/mailwire.yaml:7:7: rules.0.when.subjct: unknown key; did you mean "subject"?'
    assert [str(fault) for fault in caught.value.faults] == [message]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("nam: house", '1:1: nam: unknown key; did you mean "name"?'),
        ("zzz: 1", "1:1: zzz: unknown key"),
        ("name: [a]", "1:7: name: expected a text, got a list"),
        ("name: 5", "1:7: name: expected a text, got a number; put it in quotes"),
        ("name: a/b", "1:7: name: stands in topics: it cannot hold / + # or control characters, nor begin with $"),
        ("name: ''", "1:7: name: must not be empty"),
        ("base_topic: /a", "1:13: base_topic: is a topic without / at its ends or // in it"),
        ("log_level: loud", '1:12: log_level: expected debug, info, warning or error, got the text "loud"'),
        ("log_level:", "1:11: log_level: expected debug, info, warning or error, got nothing"),
        (
            "timezone: Europe/Berln",
            '1:11: timezone: "Europe/Berln" is no time zone of the IANA database; did you mean "Europe/Berlin"?',
        ),
        (
            "timezone: ../../etc/passwd",
            '1:11: timezone: "../../etc/passwd" is no time zone of the IANA database, such as ',
        ),
        ("timezone: 5", "1:11: timezone: expected a text, got a number; put it in quotes"),
        ("state: postgresql://u:pw@db/x", "1:8: state: postgresql is not yet supported; write sqlite:///FILE"),
        ("state: mysql://u:pw@db/x", "1:8: state: is no place for the state; write sqlite:///FILE"),
        ("web: {listen: ':80'}", "1:1: web: not yet supported"),
        ("coap: {}", "1:1: coap: not yet supported"),
        ("requests: {}", "1:1: requests: not yet supported"),
        ("privacy: {}", "1:1: privacy: not yet supported"),
        ("limits: {connecting: 0}", "1:22: limits.connecting: "),
        ("limits: {attachment: many}", "1:22: limits.attachment: "),
        ("limits: {conecting: 5}", '1:10: limits.conecting: unknown key; did you mean "connecting"?'),
        ("cluster: {}", "1:1: cluster: not yet supported"),
        ("mailboxes: []", "1:12: mailboxes: expected a map, got a list"),
        ("mailboxes: {a: 5}", "1:16: mailboxes.a: expected a map, got a number"),
        ("mailboxes: {A: {host: a, user: b, password: c}}", '1:13: mailboxes.A: names are lower case; write "a"'),
        ("mailboxes: {a b: {host: a, user: b, password: c}}", "1:13: mailboxes.a b: a name has letters, digits, and "),
        ("mailboxes: {a: {user: b, password: c}}", "1:13: mailboxes.a.host: missing"),
        (
            "mailboxes: {a: {hots: a, user: b, password: c}}",
            '1:17: mailboxes.a.hots: unknown key; did you mean "host"?',
        ),
        ("mailboxes: {a: {host: a, user: b}}", "1:13: mailboxes.a.password: missing"),
        (
            "mailboxes: {a: {host: a, user: b, password: 12}}",
            "1:45: mailboxes.a.password: expected a text, got a number",
        ),
        (
            "mailboxes: {a: {host: a, user: b, password: [c]}}",
            "1:45: mailboxes.a.password: expected a text, got a list",
        ),
        ("mailboxes: {a: {host: a, user: b, password: c, port: x}}", "1:54: mailboxes.a.port: expected a whole number"),
        ("mailboxes: {a: {host: a, user: b, password: c, port: 0}}", "1:54: mailboxes.a.port: must be at least 1"),
        (
            "mailboxes: {a: {host: a, user: b, password: c, port: 99999}}",
            "1:54: mailboxes.a.port: must be at most 65535",
        ),
        ("mailboxes: {a: {host: a, user: b, password: c, folders: X}}", "1:57: mailboxes.a.folders: expected a list"),
        (
            "mailboxes: {a: {host: a, user: b, password: c, folders: []}}",
            "1:57: mailboxes.a.folders: must not be empty",
        ),
        (
            "mailboxes: {a: {host: a, user: b, password: c, start: nwo}}",
            '1:55: mailboxes.a.start: expected now, unseen, all or a date like 2026-11-01, got the text "nwo"; did',
        ),
        (
            "mailboxes: {a: {host: a, user: b, password: c, poll: 5}}",
            "1:54: mailboxes.a.poll: 5 is no duration; write it like 30s, 5m, 2h or 1d",
        ),
        ("mailboxes: {a: {host: a, user: b, password: c, trust: x}}", "1:48: mailboxes.a.trust: not yet supported"),
        ("sinks: {a: {url: x}}", "1:9: sinks.a.type: missing"),
        ("sinks: {a: {type: mqqt}}", '1:19: sinks.a.type: no type of sink is called "mqqt"; did you mean "mqtt"?'),
        ("sinks: {a: {type: [mqtt]}}", "1:19: sinks.a.type: expected a text, got a list"),
        ("sinks: {a: 5}", "1:12: sinks.a: expected a map, got a number"),
        ("sinks: {a: {type: mqtt}}", "1:9: sinks.a.url: missing"),
        (
            "sinks: {a: {type: mqtt, url: 'mqtt://x', kepalive: 5s}}",
            '1:42: sinks.a.kepalive: unknown key; did you mean "keep',
        ),
        ("sinks: {a: {type: mqtt, url: 'mqtt://x', discovery: true}}", "1:42: sinks.a.discovery: not yet supported"),
        (
            "mailboxes: {a: {host: 'imaps://x', user: b, password: c}}",
            "1:23: mailboxes.a.host: is the server's name alone, like imap.example.org; `port` and `tls` (implicit, st",
        ),
        (
            "mailboxes: {a: {host: 'imap.x:993', user: b, password: c}}",
            '1:23: mailboxes.a.host: is the server\'s name alone, like imap.example.org; write "port: 993" beside it',
        ),
        (
            "mailboxes: {a: {host: '[::1]:993', user: b, password: c}}",
            '1:23: mailboxes.a.host: is the server\'s name alone, like imap.example.org; write "port: 993" beside it',
        ),
        ("mailboxes: {a: {host: me@x, user: b, password: c}}", "1:23: mailboxes.a.host: is the server's name alone"),
        ("rules: {}", "1:8: rules: expected a list, got a map"),
        ("rules: [x]", "1:9: rules.0: expected a map, got a text"),
        ("rules: [{when: {}}]", "1:9: rules.0.name: missing"),
        ("rules: [{name: a, after: {copy_: [b]}}]", '1:27: rules.0.after.copy_: unknown key; did you mean "copy"?'),
        (
            "rules: [{name: a, stop: true, when: {repeated: {min: 3}}}]",
            "1:38: rules.0.when.repeated.within: missing",
        ),
        ("rules: [{name: a, risk: act}]", "1:19: rules.0.risk: not yet supported"),
        ("rules: [{name: a, stop: yes}]", '1:25: rules.0.stop: expected true or false, got the text "yes"'),
        ("rules: [{name: a, name: b, stop: true}]", "1:19: rules.0.name: given twice; first in line 1"),
    ],
)
def test_each_slip_is_one_fault(folder: Path, line: str, fault: str) -> None:
    found = faults(folder, line)
    assert len(found) == 1
    assert found[0].startswith(fault)


def test_all_faults_come_at_once_in_file_order_and_of_every_kind(folder: Path) -> None:
    text = """
        nam: house
        mailboxes:
          home:
            hots: imap.example.org
            user: me
            password: hush
        sinks:
          broker: {type: mqtt, url: mqtts://broker.example}
        rules:
          - name: motion
            mailboxes: [hom]
            then: [{sink: brokr, topic: a}]
          - name: motion
            whn: {}
          - name: other
            then: [{sink: broker, topc: a}]
    """
    found = faults(folder, text)
    assert [fault.partition(": ")[0] for fault in found] == [
        "1:1",
        "4:5",
        "11:17",
        "12:19",
        "13:11",
        "14:5",
        *(["15:5", "16:27"] if len(found) == 8 else ["16:27"]),
    ]


def test_a_fault_of_a_rule_s_shape_hides_none_of_its_meaning(folder: Path) -> None:
    text = """
        mailboxes:
          home: {host: imap.example.org, user: me, password: hush}
        sinks:
          broker: {type: mqtt, url: mqtts://broker.example}
        rules:
          - name: motion
            mailboxes: [hom]
            whn: {}
            then:
              - {sink: brokr, topic: a}
              - {sink: broker, topic: "{{ plce }}", qos: 7}
              - {sink: broker, topic: !secret nix, payload: "{{ plce }}"}
          - name: motion
            stop: 5
    """
    found = faults(folder, text)
    assert [fault.partition(": ")[0] for fault in found if not fault.startswith("config/secrets.yaml")] == [
        "7:17",
        "8:5",
        "10:16",
        "11:31",
        "11:50",
        "12:31",
        "12:53",
        "13:11",
        "14:11",
    ]


def test_a_place_is_told_of_once_and_in_file_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stub(written: Any, *, sinks: Any, mailboxes: Any) -> list[tuple[tuple[str | int, ...], str]]:
        assert (written["name"], sinks, list(mailboxes)) == ("a", {"b": "log"}, ["home"])
        return [(("then", 0, "sink"), "later"), (("whn",), "again"), (("mailboxes", 0), "earlier")]

    monkeypatch.setattr(verify, "raw_faults", stub)
    text = """
        mailboxes: {home: {host: a, user: b, password: c}}
        sinks: {b: {type: log}}
        rules:
          - name: a
            mailboxes: [home]
            whn: {}
            then: [{sink: b}]
    """
    found = faults(folder, text)
    assert [fault.rpartition(": ")[2] for fault in found] == [
        "earlier",
        'unknown key; did you mean "when"?',
        "later",
    ]


@pytest.mark.parametrize("host", ["imap.example.org", "localhost", "10.0.0.1", "::1", "[::1]", "2001:db8::1:993"])
def test_a_name_or_an_address_is_a_host(host: str, folder: Path) -> None:
    assert load(folder, f"mailboxes: {{a: {{host: '{host}', user: b, password: c}}}}\n").mailboxes["a"].host == host


@pytest.mark.parametrize("key", ["then: {sink: b}", "after: {seen: true}", "failed: {flag: x}", "stop: true"])
def test_a_rule_that_does_anything_is_a_rule(key: str, folder: Path) -> None:
    assert load(folder, f"sinks: {{b: {{type: log}}}}\nrules: [{{name: a, {key}}}]\n").rules[0].name == "a"


def test_two_rules_of_one_name_are_a_fault_at_the_second_that_names_the_first(folder: Path) -> None:
    text = "rules:\n  - {name: a, stop: true}\n  - {name: b, stop: true}\n  - {name: a, stop: true}\n"
    assert faults(folder, text) == ['4:12: rules.2.name: the rule in line 2 is called "a" already']


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "config/mailwire.yaml: is empty"),
        (b"# nothing\n", "config/mailwire.yaml: is empty"),
        (b"a: \xff\n", "config/mailwire.yaml:1:4: is not UTF-8 text"),
        ("name: ä".encode("utf-16"), "config/mailwire.yaml:1:1: is not UTF-8 text"),
        (b"- a\n", "config/mailwire.yaml: expected a map of settings, got a list"),
        (b"hello\n", "config/mailwire.yaml: expected a map of settings, got a single value"),
        (b"name: [\n", "config/mailwire.yaml:2:1: no valid YAML: did not find expected node content"),
    ],
)
def test_a_file_that_is_none_is_one_clear_fault(folder: Path, content: bytes, fault: str) -> None:
    (folder / "mailwire.yaml").write_bytes(content)
    with pytest.raises(errors.ConfigError) as caught:
        config.load(Path("config/mailwire.yaml"), environ={})
    assert str(caught.value) == fault


def test_a_byte_order_mark_does_not_matter(folder: Path) -> None:
    (folder / "mailwire.yaml").write_bytes(b"\xef\xbb\xbfname: house\n")
    assert config.load(folder / "mailwire.yaml", environ={}).name == "house"


@pytest.mark.parametrize(("name", "why"), [("nix.yaml", "there is no such file"), (".", "is a folder, not a file")])
def test_a_file_that_is_not_there_is_one_clear_fault(folder: Path, name: str, why: str) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        config.load(folder / name, environ={})
    assert str(caught.value) == f"{folder / name}: {why}"


def test_keys_that_begin_with_x_are_the_admin_s_own(folder: Path) -> None:
    assert load(folder, "x-anchors: {a: &a house}\nname: *a\n").name == "house"


def test_words_that_yaml_1_1_took_for_booleans_are_texts(folder: Path) -> None:
    assert load(folder, "name: on\nbase_topic: 22:30\n").base_topic == "22:30"


def test_a_relative_state_is_beside_the_configuration_file(folder: Path) -> None:
    assert load(folder, "state: sqlite:///mailwire.db\n").state == f"sqlite:///{folder}/mailwire.db"
    assert load(folder, "state: sqlite:////var/lib/mailwire.db\n").state == "sqlite:////var/lib/mailwire.db"


def test_passwords_in_urls_are_not_repeated(folder: Path) -> None:
    assert "hunter2" not in "".join(faults(folder, "sinks: {a: {type: mqtt, url: 'mqtx://me:hunter2@broker'}}\n"))


def refused(path: Path) -> tuple[errors.Fault, ...] | None:
    """The faults; None where it loads. Any other exception is a bug."""
    try:
        config.load(path, environ={})
    except errors.ConfigError as error:
        return error.faults
    return None


known = st.sampled_from([*Settings.model_fields, "when", "then", "sink", "host", "password_file", "type", "x-a", "<<"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["mqtt", "5m", "/a/"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(known | st.text(max_size=3) | st.just("a\nb"), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(document=st.dictionaries(known, values, max_size=4))
def test_any_document_is_loaded_or_refused(tmp_path: Path, document: dict[str, Any]) -> None:
    path = tmp_path / "mailwire.yaml"
    path.write_text(json.dumps(document), "utf-8")
    told = refused(path)
    assert told is None or told
    assert all("\n" not in str(fault) for fault in told or ())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(alphabet="rulesnamex-:[]{}&*!|>'\"%@`# \n\t,<.0~\\ä"))
def test_any_text_is_loaded_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mailwire.yaml"
    path.write_text(text, "utf-8")
    told = refused(path)
    assert told is None or told
