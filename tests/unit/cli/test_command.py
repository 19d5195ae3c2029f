"""The command's frame: exit codes, where things are printed, what is imported."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

import bridge
from bridge import cli, errors

ROOT = Path(__file__).parents[3]
GOOD = """
mailboxes: {home: {host: a, user: b, password: c}}
sinks: {broker: {type: mqtt, url: "mqtt://b"}, notes: {type: log}}
rules: [{name: a, then: [{sink: notes}]}]
"""
BAD = "nam: house\nmailboxes: {home: {user: b, password: c}}\n"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    returncode: int | str | None
    stdout: str
    stderr: str


Mailwire = Callable[..., Done]


@pytest.fixture
def mailwire(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mailwire:
    """The command, in ``folder`` and in this process."""

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["mailwire", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        told = capsys.readouterr()
        return Done(returncode=caught.value.code, stdout=told.out, stderr=told.err)

    monkeypatch.chdir(folder)
    return run


def process(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A process of its own."""
    return subprocess.run(
        arguments,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/mailwire.yaml").write_text(GOOD)
    return tmp_path


def test_check_says_that_there_is_no_fault(mailwire: Mailwire) -> None:
    done = mailwire("check")
    assert done.stdout == "config/mailwire.yaml: no faults; 1 mailbox, 2 sinks, 1 rule\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_check_prints_every_fault_one_a_line_and_exits_2(folder: Path, mailwire: Mailwire) -> None:
    (folder / "config/mailwire.yaml").write_text(BAD)
    done = mailwire("check")
    assert done.stderr.splitlines() == [
        'config/mailwire.yaml:1:1: nam: unknown key; did you mean "name"?',
        "config/mailwire.yaml:2:13: mailboxes.home.host: missing",
    ]
    assert (done.returncode, done.stdout) == (2, "")


def test_check_warns_of_a_payload_that_may_not_fit_and_exits_0(folder: Path, mailwire: Mailwire) -> None:
    action = '{sink: notes, payload: "{{ mail.subject }}", max_bytes: 8}'
    rule = f"rules:\n  - name: a\n    then:\n      - {action}\n"
    (folder / "config/mailwire.yaml").write_text(GOOD.partition("rules:")[0] + rule)
    done = mailwire("check")
    assert done.returncode == 0
    assert done.stderr == (
        "config/mailwire.yaml:7:65: rules.0.then.0.max_bytes: warning: may not fit: "
        '"mail.subject" has no bound; cut it with | bytes(n), or write too_big: truncate\n'
    )
    assert done.stdout == "config/mailwire.yaml: no faults, 1 warning; 1 mailbox, 2 sinks, 1 rule\n"


@pytest.mark.parametrize("arguments", [("check", "-c", "other.yaml"), ("-c", "other.yaml", "check")])
def test_another_file_can_be_named_before_and_after_the_command(
    folder: Path, mailwire: Mailwire, arguments: tuple[str, ...]
) -> None:
    (folder / "other.yaml").write_text(GOOD)
    assert mailwire(*arguments).stdout.startswith("other.yaml: no faults")


def test_a_file_that_is_not_there_is_a_fault(mailwire: Mailwire) -> None:
    done = mailwire("check", "--config", "nix.yaml")
    assert (done.returncode, done.stderr) == (2, "nix.yaml: there is no such file\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("chek",), "check"),
        (("check", "--nix"), "--nix"),
        (("check", "extra"), "extra"),
        (("check", "-c"), "requires an argument"),
        ((), "Usage: mailwire"),
    ],
)
def test_a_wrong_command_line_exits_2_and_says_why_on_stderr(
    mailwire: Mailwire, arguments: tuple[str, ...], told: str
) -> None:
    done = mailwire(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_help_lists_every_command_with_a_line(mailwire: Mailwire) -> None:
    done = mailwire("--help")
    commands, _, planned = done.stdout.partition("Commands:\n")[2].partition("\n\n")
    lines = dict(line.split(None, 1) for line in commands.splitlines())
    assert set(lines) == {path.stem for path in (ROOT / "bridge/cli").glob("[!_]*.py")}
    assert all(lines.values())
    assert not [line for line in lines.values() if line.endswith("...")], "none is cut off"
    assert planned == f"Not yet supported:\n  {', '.join(cli.PLANNED)}\n"
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", cli.PLANNED)
def test_a_command_of_the_interface_that_is_not_built_is_refused_as_such(name: str, mailwire: Mailwire) -> None:
    done = mailwire(name, "--some", "thing")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Error: {name}: not yet supported\n" in done.stderr


def test_the_summaries_fit_into_a_small_terminal(mailwire: Mailwire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = mailwire("--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(lines) == len(list((ROOT / "bridge/cli").glob("[!_]*.py")))


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "bridge/cli").glob("[!_]*.py")))
def test_every_command_has_help(name: str, mailwire: Mailwire) -> None:
    done = mailwire(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: mailwire {name}")


def test_the_version_is_told(mailwire: Mailwire) -> None:
    assert mailwire("--version").stdout == f"mailwire {bridge.__version__}\n"


def test_nothing_is_coloured_where_there_is_no_terminal(folder: Path, mailwire: Mailwire) -> None:
    (folder / "config/mailwire.yaml").write_text(BAD)
    assert "\x1b" not in mailwire("check").stderr


def test_faults_are_coloured_on_a_terminal(folder: Path) -> None:
    (folder / "config/mailwire.yaml").write_text(BAD)
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb") as terminal:
        with os.fdopen(theirs, "wb") as screen:
            subprocess.run(
                [sys.executable, "-m", "bridge", "check"],
                cwd=folder,
                env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "TERM": "xterm"},
                stdin=subprocess.DEVNULL,
                stderr=screen,
                timeout=60,
                check=False,
            )
        told = os.read(terminal.fileno(), 65_536).decode()
    assert "\x1b[1mconfig/mailwire.yaml:1:1\x1b[0m: \x1b[31mnam: unknown key" in told


def test_what_the_configuration_does_not_use_is_not_imported(folder: Path) -> None:
    code = (
        "import sys; from bridge import cli\n"
        "sys.argv = ['mailwire', 'check']\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'PIL', 'aiocoap', 'httpx', 'alembic', 'sqlalchemy', 'imapclient', 'pymap', 'amqtt', 'authlib'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = process(sys.executable, "-c", code, folder=folder)
    assert done.stdout.splitlines()[-1] == "[]"


def run(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int | str | None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli.group, "main", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (errors.ConfigError([errors.Fault(file="a.yaml", line=1, column=2, message="b\nc")]), 2, "a.yaml:1:2: b"),
        (errors.StoreInUse(), 1, "mailwire: Another bridge runs on this state."),
        (errors.StoreError("two\nlines"), 1, "mailwire: two lines"),
        (click.UsageError("no"), 2, "Error: no"),
        (click.FileError("a", "b"), 2, "Error: Could not open file 'a': b"),
        (click.ClickException("no"), 1, "Error: no"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_an_error_is_told_in_one_line_and_gives_the_exit_code(
    error: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, error) == code
    told = capsys.readouterr()
    assert told.err.startswith(line)
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_a_bug_shows_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        run(monkeypatch, ZeroDivisionError())


def test_a_command_that_failed_gives_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.group, "main", lambda **_: 1)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1


def test_the_schema_is_printed_as_json(mailwire: Mailwire) -> None:
    done = mailwire("schema")
    assert done.stdout == (ROOT / "config/mailwire.schema.json").read_text("utf-8")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_goes_away_is_no_error_of_ours(folder: Path) -> None:
    done = process("sh", "-c", f"{sys.executable} -m bridge schema | head -n 1", folder=folder)
    assert (done.stdout, done.stderr) == ("{\n", "")
