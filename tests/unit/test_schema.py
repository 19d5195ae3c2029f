"""Units, and files that settings refer to."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import schema


class Thing(schema.Model):
    every: schema.Duration = 1.0
    most: schema.Size = 1
    key: pydantic.SecretStr | None = pydantic.Field(None, alias="secret")
    ca_file: Path | None = None
    folder: Path | None = None


@pytest.mark.parametrize(
    ("written", "seconds"), [("30s", 30), ("5m", 300), ("2h", 7200), ("1d", 86400), ("250ms", 0.25), ("1.5h", 5400)]
)
def test_a_duration_is_in_seconds(written: str, seconds: float) -> None:
    assert schema.duration_s(written) == seconds


def test_a_file_that_is_read_later_counts_by_what_is_in_it(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("one")
    thing = Thing(ca_file=ca_file, folder=tmp_path)
    before = schema.contents(thing)
    assert ["ca_file"] == list(before)
    ca_file.write_text("two")
    assert before != schema.contents(thing)
    ca_file.unlink()
    assert schema.contents(thing) == {}


@pytest.mark.parametrize("written", ["", "5", "5 min", "-5s", "1h30m", "s", 5, None, True, ["5s"], "9" * 400 + "d"])
def test_what_is_no_duration_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match="is no duration; write it like"):
        schema.duration_s(written)


@pytest.mark.parametrize(("written", "seconds"), [("1ms", 0.001), ("30s", 30), ("365d", 31_536_000)])
def test_a_positive_duration_is_one_that_can_be_waited_for(written: str, seconds: float) -> None:
    assert schema.positive_duration_s(written) == seconds


@pytest.mark.parametrize(
    ("written", "fault"),
    [("0s", "is too short"), ("0.5ms", "is too short"), ("366d", "is too long"), ("5", "like 30s")],
)
def test_what_cannot_be_waited_for_is_no_positive_duration(written: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        schema.positive_duration_s(written)


def test_a_default_may_be_a_timedelta() -> None:
    assert schema.duration_s(datetime.timedelta(minutes=2)) == 120


@pytest.mark.parametrize(
    ("written", "octets"), [("512B", 512), ("8kB", 8000), ("1MB", 1_000_000), ("0.5 kB", 500), (64, 64), ("64", 64)]
)
def test_a_size_is_in_octets(written: Any, octets: int) -> None:
    assert schema.size_octets(written) == octets


@pytest.mark.parametrize("written", ["", "8KB", "8 stone", -1, True, None, 1.5, "9" * 400])
def test_what_is_no_size_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match="is no size; write it like"):
        schema.size_octets(written)


@given(st.text() | st.integers() | st.floats() | st.none() | st.binary() | st.lists(st.text()))
def test_any_value_is_a_unit_or_a_value_error(value: Any) -> None:
    for parse in (schema.duration_s, schema.size_octets):
        try:
            assert parse(value) >= 0
        except ValueError:
            continue


def test_a_file_is_looked_at_only_while_a_configuration_is_read(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("hush\n")
    with schema.reading(tmp_path) as now:
        found = Thing.model_validate({"secret_file": "s", "folder": "x", "ca_file": "s"})
    assert found.key is not None
    assert found.key.get_secret_value() == "hush"
    assert (found.folder, found.ca_file, now.wrong) == (tmp_path / "x", tmp_path / "s", {})
    with pytest.raises(pydantic.ValidationError):
        Thing.model_validate({"secret_file": "s"})
    assert Thing.model_validate({"folder": "x"}).folder == Path("x")


def test_what_cannot_be_read_is_noted_and_the_rest_is_validated(tmp_path: Path) -> None:
    data = {"secret_file": "nix", "ca_file": "a\0b", "every": "1m"}
    with schema.reading(tmp_path) as now:
        assert Thing.model_validate(data).every == 60
    assert {key for _, key in now.wrong} == {"secret_file", "ca_file"}


def test_keys_are_known_as_they_are_written() -> None:
    assert schema.known_keys(Thing) == {"every", "most", "secret", "secret_file", "ca_file", "folder"}


def test_a_secret_s_file_is_in_the_json_schema() -> None:
    found = Thing.model_json_schema()
    assert found["properties"]["secret_file"]["type"] == "string"
    assert found["allOf"] == [{"not": {"required": ["secret", "secret_file"]}}]


@pytest.mark.parametrize(("depth", "fits"), [(1, True), (schema.DEPTH, True), (schema.DEPTH + 1, False)])
def test_json_is_no_deeper_than_a_file_may_be(depth: int, fits: bool) -> None:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    if fits:
        assert schema.bounded(value) is value
        return
    with pytest.raises(ValueError, match="nested deeper"):
        schema.bounded(value)
