"""Every sink keeps the contract; a new file in ``bridge/sinks`` is covered by being there."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pydantic
import pytest

from bridge import errors, plugins, schema, sinks
from bridge.delivery import Delivery, Receipt
from tests import servers

SINKS = plugins.names("sinks")
CONTEXT = sinks.Context(name="there", bridge="house")
FAR = {"mqtt": "mqtt", "coap": "coap", "http": "http"}  # a URL of the sinks that have one


def plugin(name: str) -> sinks.Plugin:
    found = plugins.find("sinks", name)
    assert isinstance(found, sinks.Plugin)
    return found


def settings(name: str, *, port: int = 9, **more: Any) -> Any:
    """The least that an admin has to write."""
    url = {"url": f"{FAR[name]}://127.0.0.1:{port}"} if "url" in plugin(name).settings.model_fields else {}
    return plugin(name).settings.model_validate({"type": name, **url, **more})


def least_action(name: str) -> dict[str, Any]:
    return {key: "a/b" for key, field in plugin(name).action.model_fields.items() if field.is_required()}


def marked(name: str, marker: sinks.Marker) -> set[str]:
    return {key for key, field in plugin(name).action.model_fields.items() if marker in field.metadata}


@pytest.mark.parametrize("name", SINKS)
def test_it_takes_streams_if_it_says_so(name: str) -> None:
    made = plugin(name).make(settings(name), CONTEXT)
    assert isinstance(made, sinks.Streaming) == plugin(name).streams


def delivery() -> Delivery:
    return Delivery(id="0123456789abcdef", sink="there", target="a/b", payload=b"1", media_type="text/plain")


def test_the_sinks_of_the_public_interface_are_there() -> None:
    assert {"coap", "http", "log", "mqtt"} <= set(SINKS)
    assert not any(name.startswith("_") for name in SINKS)


@pytest.mark.parametrize("name", SINKS)
def test_a_plugin_has_settings_an_action_and_a_target_that_is_made_of_cleaned_segments(name: str) -> None:
    found = plugin(name)
    assert issubclass(found.settings, sinks.Settings)
    assert issubclass(found.action, sinks.Action)
    assert found.target in marked(name, sinks.SEGMENTS), "what order is kept by must not be a mail's to choose"


@pytest.mark.parametrize("name", SINKS)
def test_unknown_keys_are_refused(name: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="extra_forbidden"):
        settings(name, nonsense=1)
    with pytest.raises(pydantic.ValidationError, match="extra_forbidden"):
        plugin(name).action.model_validate({**least_action(name), "nonsense": 1})


@pytest.mark.parametrize("name", SINKS)
def test_an_action_has_none_of_the_keys_that_all_actions_have(name: str) -> None:
    common = {"sink", "payload", "as", "keys", "max_bytes", "too_big", "delay", "expires", "reset", "retry_for"}
    assert not common & set(schema.known_keys(plugin(name).action))


@pytest.mark.parametrize("name", SINKS)
def test_settings_and_actions_have_a_json_schema(name: str) -> None:
    for model in (plugin(name).settings, plugin(name).action):
        assert model.model_json_schema()["additionalProperties"] is False


@pytest.mark.parametrize("name", SINKS)
def test_secrets_never_show(name: str) -> None:
    secrets = {key for key, field in plugin(name).settings.model_fields.items() if "Secret" in str(field.annotation)}
    for key in secrets:
        given: dict[str, Any] = {key: "hunter2", **({"user": "me"} if key == "password" else {})}
        made = settings(name, **given)
        sink = plugin(name).make(made, CONTEXT)
        assert "hunter2" not in f"{made!r} {made} {made.model_dump()} {made.model_dump_json()} {sink!r} {vars(sink)}"


@pytest.mark.parametrize("name", SINKS)
async def test_a_sink_is_entered_and_left_without_its_far_end(name: str) -> None:
    async with asyncio.timeout(10):
        async with plugin(name).make(settings(name, port=servers.free_port()), CONTEXT) as sink:
            assert sink.depth >= 1
            assert isinstance(sink.pipelined, bool)


@pytest.mark.parametrize("name", SINKS)
async def test_a_far_end_that_is_away_is_worth_another_try(name: str) -> None:
    kind = socket.SOCK_DGRAM if name == "coap" else socket.SOCK_STREAM
    async with plugin(name).make(settings(name, port=servers.free_port(kind)), CONTEXT) as sink:
        sending = asyncio.wait_for(sink.send(delivery(), expires_in_s=None), 20)
        (outcome,) = await asyncio.gather(sending, return_exceptions=True)
    if isinstance(outcome, Receipt):
        assert outcome.code == "logged", "only a log is always there"
    else:
        assert isinstance(outcome, errors.Retryable)


@pytest.mark.parametrize("name", SINKS)
async def test_a_sink_can_be_stopped_while_someone_waits_for_it(name: str) -> None:
    sink = plugin(name).make(settings(name, port=servers.free_port()), CONTEXT)
    async with asyncio.timeout(10), sink:
        waiting = asyncio.ensure_future(sink.ready())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.parametrize("name", [name for name in SINKS if name in FAR])
@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "ftp://x",
        "{0}://",
        "{0}://h:99999",
        "{0}://h:port",
        "{0}://me:hunter2@h",
        "{0}://h ost",
        "{0}://h\nX: y",
        "{0}://h#fragment",
    ],
)
def test_a_url_that_cannot_be_is_refused_without_repeating_it(name: str, url: str) -> None:
    with pytest.raises(pydantic.ValidationError) as refused:
        settings(name, url=url.format(FAR[name]))
    assert "hunter2" not in str(refused.value)
