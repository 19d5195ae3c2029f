"""What the README shows is true: its configurations load, its commands print what stands below them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from bridge import cli, plugins
from tests.acceptance import command

PAGES = [command.ROOT / "README.md", *sorted(command.ROOT.glob("examples/*/README.md"))]
FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SKELETON = {
    "mailboxes": {"home": {"host": "imap.example.org", "user": "me@example.org", "password": "only-an-example"}},
    "sinks": {
        "broker": {"type": "mqtt", "url": "mqtt://broker.lan"},
        "lamp": {"type": "coap", "url": "coap://lamp.lan"},
    },
}


def blocks(kind: str) -> list[object]:
    found = [(page, number, fence) for page in PAGES for number, fence in enumerate(fences(page), start=1)]
    return [
        pytest.param(fence["text"], id=f"{page.relative_to(command.ROOT)}-{number}")
        for page, number, fence in found
        if fence["kind"] == kind
    ]


def fences(page: Path) -> Iterator[re.Match[str]]:
    return FENCE.finditer(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_configuration_loads(text: str, tmp_path: Path) -> None:
    """What is only a part of one stands in a skeleton."""
    missing = {key: value for key, value in SKELETON.items() if not re.search(rf"^{key}:", text, re.MULTILINE)}
    (tmp_path / "mailwire.yaml").write_text((yaml.safe_dump(missing) if missing else "") + text, encoding="utf-8")
    for name in re.findall(r"password_file: ([\w/]+)", text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("only-an-example\n")

    done = command.mailwire("check", "-c", str(tmp_path / "mailwire.yaml"))

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", blocks("console"))
def test_a_command_prints_what_is_shown(text: str) -> None:
    """Loosely: the lines shown, in their order, whatever the spaces; a line of … stands for any others."""
    for line, shown in transcript(text):
        program, *arguments = shlex.split(line)
        assert program == "mailwire"
        done = command.mailwire(*expanded(arguments))
        printed = [words(each) for each in (done.stdout + done.stderr).splitlines()]

        assert done.returncode in {0, 2}
        assert [words(each) for each in shown if each.strip() not in {"", "…"}] == in_order(shown, printed)


def transcript(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command with the lines below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        first, *shown = part.splitlines()
        yield first, shown


def expanded(arguments: list[str]) -> list[str]:
    """Wildcards, as the shell has them."""
    found = ((sorted(str(path) for path in command.ROOT.glob(each)) if "*" in each else [each]) for each in arguments)
    return [argument for each in found for argument in each]


def in_order(shown: list[str], printed: list[str]) -> list[str]:
    """Those of the lines shown that were printed, in the order in which they were."""
    wanted = {words(each) for each in shown}
    return [each for each in printed if each in wanted]


def words(line: str) -> str:
    return " ".join(line.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(command.ROOT)))
def test_a_link_leads_to_something_that_is_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize(
    ("row", "kind", "more"),
    [
        ("conditions", "conditions", {"any", "all", "not", "forwarded"}),
        ("values", "extract", set()),
        ("payloads", "payload", set()),
        ("sinks", "sinks", set()),
    ],
)
def test_what_is_called_built_is_what_is_there(row: str, kind: str, more: set[str]) -> None:
    text = (command.ROOT / "README.md").read_text(encoding="utf-8")
    (listed,) = re.findall(rf"^\| {row} \| `([^`]+)`", text, re.MULTILINE)

    assert set(listed.split()) == set(plugins.names(kind)) | more


def test_the_table_of_commands_names_every_command() -> None:
    text = (command.ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `mailwire ([a-z]+)", text, re.MULTILINE)

    assert sorted(listed) == cli.group.list_commands(click.Context(cli.group))
