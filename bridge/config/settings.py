"""The whole configuration as one value. Each part's model is its own room's: mailboxes', sinks', rules'."""

from __future__ import annotations

import functools
import os
import re
import socket
import zoneinfo
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import platformdirs
import pydantic
import pydantic_core
import pydantic_settings

from bridge import plugins, schema, sinks, spelling
from bridge.rules.settings import Rule
from bridge.sources.settings import Limits, Mailbox

ENV_PREFIX = "MAILWIRE_"
_NAME = re.compile(r"[^\W_](?:[\w.-]*\w)?")
_LOCALTIME = Path("/etc/localtime")
LogLevel = Literal["debug", "info", "warning", "error"]


def _wrong(message: str) -> pydantic_core.PydanticCustomError:
    return pydantic_core.PydanticCustomError("mailwire", "{message}", {"message": message})


def _name(value: str) -> str:
    """What a mailbox or a sink may be called: it stands in topics and in environment variables."""
    if value != value.lower():
        raise _wrong(f'names are lower case; write "{value.lower()}"')
    if "__" in value or not _NAME.fullmatch(value):
        raise _wrong("a name has letters, digits, and single - _ . between them")
    return value


def _segment(value: str) -> str:
    if re.search(r"[/+#\x00-\x1f\x7f]", value) or value.startswith("$"):
        raise _wrong("stands in topics: it cannot hold / + # or control characters, nor begin with $")
    return value


def _topic(value: str) -> str:
    for segment in value.split("/"):
        if not segment:
            raise _wrong("is a topic without / at its ends or // in it")
        _segment(segment)
    return value


def _sink(value: Any) -> sinks.Settings:
    """One entry under ``sinks:``, by the model of its ``type``, which is imported only now."""
    if isinstance(value, sinks.Settings):
        return value
    if not isinstance(value, dict):
        raise pydantic_core.PydanticKnownError("dict_type")
    if "type" not in value and (slip := spelling.nearest("type", map(str, value))):
        raise _at(slip, _wrong('unknown key; did you mean "type"?'))
    model = sink_model(value.get("type"))
    return model.model_validate(schema.decode_lists(model, value))


def sink_model(kind: Any) -> type[sinks.Settings]:
    """The settings model of a type of sink.

    Raises:
        pydantic.ValidationError: there is no such type; its place is ``type``.
    """
    if kind is None:
        raise _at("type", "missing")
    if not isinstance(kind, str):
        raise _at("type", "string_type")
    known = plugins.names("sinks")
    if kind not in known:
        hint = spelling.did_you_mean(kind, known) or f"; there are {', '.join(known)}"
        raise _at("type", _wrong(f'no type of sink is called "{kind}"{hint}'))
    try:
        model: type[sinks.Settings] = plugins.find("sinks", kind).settings
    except ImportError as error:
        raise _at("type", _wrong(f"cannot be loaded: {error}")) from None
    return model


def _at(key: str, error: str | pydantic_core.PydanticCustomError) -> pydantic_core.ValidationError:
    detail = pydantic_core.InitErrorDetails(type=error, loc=(key,), input=None)
    return pydantic_core.ValidationError.from_exception_data("sink", [detail], hide_input=True)


def _zone(value: Any) -> Any:
    if not isinstance(value, str):
        raise pydantic_core.PydanticKnownError("string_type")
    try:
        return zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        hint = spelling.did_you_mean(value, zoneinfo.available_timezones())
        raise _wrong(f'"{value}" is no time zone of the IANA database{hint or ", such as Europe/Berlin"}') from None


def _state(value: str) -> str:
    """``sqlite:///FILE`` with the file absolute; a relative one is in the configuration file's folder."""
    if re.match(r"postgres(ql)?(\+\w+)?:", value):
        raise _wrong("postgresql is not yet supported; write sqlite:///FILE")
    file = value.removeprefix("sqlite:///")
    if file == value or not file or file.startswith(":"):
        raise _wrong("is no place for the state; write sqlite:///FILE")
    return f"sqlite:///{schema.absolute(Path(file))}"


def default_state() -> str:
    """In systemd's state folder of this service, else in the platform's state folder of this user."""
    return f"sqlite:///{_default_folder() / 'mailwire.db'}"


def state_folder(state: str) -> Path:
    """Where what is kept beside this state belongs: its file's folder, else (a database elsewhere) the default one."""
    file = state.removeprefix("sqlite:///")
    return Path(file).parent if file != state else _default_folder()


def _default_folder() -> Path:
    folder = os.environ.get("STATE_DIRECTORY", "").split(":")[0] or platformdirs.user_state_path("mailwire")
    return Path(folder).absolute()


def default_name() -> str:
    """The host's name, without its domain."""
    return re.sub(r"[/+#\x00-\x1f\x7f$]", "_", socket.gethostname().split(".")[0]) or "mailwire"


@functools.cache
def default_timezone() -> zoneinfo.ZoneInfo:
    """The host's: ``TZ``, else what ``/etc/localtime`` is, else UTC."""
    target = _LOCALTIME.resolve()
    named = target.as_posix().partition("zoneinfo/")[2]
    for name in (os.environ.get("TZ", "").removeprefix(":"), named.removeprefix("posix/")):
        try:
            if name:
                return zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            continue
    try:
        with target.open("rb") as file:
            return zoneinfo.ZoneInfo.from_file(file, key="localtime")
    except (OSError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


Name = Annotated[str, pydantic.AfterValidator(_name)]
SinkSettings = Annotated[pydantic.SerializeAsAny[sinks.Settings], pydantic.PlainValidator(_sink)]
Text = Annotated[str, pydantic.Field(min_length=1)]


class Settings(schema.Model, pydantic_settings.BaseSettings):
    """Mailwire's configuration.

    ``bridge.config.load`` makes it from file, environment and secrets folder; keywords alone make one that looks at
    nothing.
    """

    model_config = pydantic_settings.SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        validate_default=False,
        title="Mailwire",
    )
    planned: ClassVar[frozenset[str]] = frozenset({"web", "coap", "requests", "privacy", "cluster"})

    name: Annotated[Text, pydantic.AfterValidator(_segment)] = pydantic.Field(
        default_factory=default_name, description="This bridge's name in topics and metrics. Default: the host's name."
    )
    state: Annotated[Text, pydantic.AfterValidator(_state)] = pydantic.Field(
        default_factory=default_state,
        description="What must survive a restart: sqlite:///FILE. Default: in the platform's state folder.",
    )
    timezone: Annotated[zoneinfo.ZoneInfo, pydantic.BeforeValidator(_zone, json_schema_input_type=str)] = (
        pydantic.Field(
            default_factory=default_timezone, description="An IANA name, like Europe/Berlin. Default: the host's."
        )
    )
    log_level: LogLevel = pydantic.Field("info", description="What is logged.")
    base_topic: Annotated[Text, pydantic.AfterValidator(_topic)] = pydantic.Field(
        "mailwire", description="What the bridge says of itself over MQTT is under BASE_TOPIC/NAME/."
    )
    limits: Limits = pydantic.Field(default_factory=Limits, description="What bounds the bridge as a whole.")
    mailboxes: dict[Name, Mailbox] = pydantic.Field({}, description="Name → an account on an IMAP server.")
    sinks: dict[Name, SinkSettings] = pydantic.Field({}, description="Name → a far end that mails are delivered to.")
    rules: tuple[Rule, ...] = pydantic.Field((), description="Looked at in this order, for each new mail.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[pydantic_settings.BaseSettings],  # noqa: ARG003 — pydantic-settings calls it so
        init_settings: pydantic_settings.PydanticBaseSettingsSource,
        *_: Any,
        **__: Any,
    ) -> tuple[pydantic_settings.PydanticBaseSettingsSource, ...]:
        """``Settings(sources=…)`` takes these sources, the first counting most, and nothing else."""
        given: dict[str, Any] = getattr(init_settings, "init_kwargs", {})
        return tuple(given["sources"]) if "sources" in given else (init_settings,)
