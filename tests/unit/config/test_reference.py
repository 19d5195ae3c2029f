"""``config/mailwire.yaml``: it loads, and a slip in any of its keys is found where it is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import config, errors
from bridge.config import references, yaml

CONFIG = Path(__file__).parents[3] / "config"
FREE = (
    "x-ours",
    "keys",
    "payload",
    "extract",
    "headers",
    "header",
    "mailboxes",
    "sinks",
    "values",
    "data",
)  # what is in these is named freely


def keys(node: yaml.Node, path: yaml.Path = ()) -> Iterator[tuple[yaml.Path, yaml.Node]]:
    """Every key that the language knows, with its node."""
    children = node.children
    if isinstance(children, list):
        for n, child in enumerate(children):
            yield from keys(child, (*path, n))
    if isinstance(children, dict):
        free = bool(path) and path[-1] in FREE and not (path[0] == "rules" and path[-1] in {"mailboxes", "sinks"})
        for name, (key, value) in children.items():
            if not free and not name.startswith(("x-", "header.")):
                yield (*path, name), key
            if not (free and path[-1] in {"x-ours", "keys", "payload"}) and not name.startswith("x-"):
                yield from keys(value, (*path, name))


def reference() -> list[tuple[yaml.Path, yaml.Node]]:
    document = references.read(CONFIG / "mailwire.yaml")
    text = (CONFIG / "mailwire.yaml").read_text("utf-8").splitlines()
    found = keys(document.root)
    return [(path, key) for path, key in found if text[key.line - 1][key.column - 1 :].startswith(str(path[-1]))]


KEYS = reference()


def slip(word: str) -> str:
    """The word with a slip in it: two letters swapped, or the last one twice."""
    for n in range(len(word) - 1, 0, -1):
        swapped = word[: n - 1] + word[n] + word[n - 1] + word[n + 1 :]
        if swapped != word and word[n].isalpha() and word[n - 1].isalpha():
            return swapped
    return word + word[-1]


def test_it_loads() -> None:
    found = config.load(CONFIG / "mailwire.yaml", environ={})
    assert {sink.type for sink in found.sinks.values()} == {"mqtt", "coap", "http", "log"}
    assert len(found.rules) == 11


def test_its_commented_out_keys_are_known(tmp_path: Path) -> None:
    """So that what an admin switches on by removing a # is no unknown key."""
    text = (CONFIG / "mailwire.yaml").read_text("utf-8")
    on = re.sub(r"(?m)^( *)# (timezone|state|ca_file|cert_file|key_file|client_id|user|token): ", r"\1\2: ", text)
    with pytest.raises(errors.ConfigError) as caught:
        _load(on, tmp_path)
    assert not [fault for fault in caught.value.faults if "unknown key" in fault.message]


def _load(text: str, folder: Path) -> None:
    shutil.copytree(CONFIG, folder, dirs_exist_ok=True)
    (folder / "mailwire.yaml").write_text(text, "utf-8")
    config.load(folder / "mailwire.yaml", environ={})


@pytest.mark.parametrize(("path", "key"), KEYS, ids=[".".join(map(str, path)) for path, _ in KEYS])
def test_a_slip_in_any_key_is_one_fault_there_that_names_the_key(
    path: yaml.Path, key: yaml.Node, tmp_path: Path
) -> None:
    word = str(path[-1])
    lines = (CONFIG / "mailwire.yaml").read_text("utf-8").splitlines(keepends=True)
    line = lines[key.line - 1]
    lines[key.line - 1] = line[: key.column - 1] + slip(word) + line[key.column - 1 + len(word) :]
    with pytest.raises(errors.ConfigError) as caught:
        _load("".join(lines), tmp_path)
    found = [(fault.line, fault.column, fault.message) for fault in caught.value.faults]
    assert found == [(key.line, key.column, f'unknown key; did you mean "{word}"?')]


def test_there_are_many_keys() -> None:
    assert len(KEYS) > 100
