"""One entry under ``rules:``, as the admin writes it.

The shape is checked here, and everything that can be told from one value (a regex that RE2 refuses, a duration); what
needs to know the rest of the configuration (sinks, mailboxes, names of values) is ``verify``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import pydantic

from bridge import plugins, rules, schema
from bridge.mail import limits
from bridge.rules import aftermath, counting, expectation, flags, nested, tags, timing
from bridge.rules.sources import Extract, ValueName

RETRY_FOR_S = 86_400.0
GROUPS = ("any", "all", "not")
_ONLY_AT_THE_TOP = "stands at the top of when only: it counts the mails for which all the other keys hold"
Event = Literal["new", "flagged", "unflagged", "seen", "gone", "count"]


class Conditions(schema.Model):
    """All keys have to hold. The keys are the files in ``conditions/``, and ``any``, ``all``, ``not``."""

    planned: ClassVar[frozenset[str]] = frozenset(("auth", "totp", "hmac"))
    _written: tuple[str, ...] = ()  # the keys, in the order of the file

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def _keep_order(cls, data: Any, handler: pydantic.ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(data)
        if isinstance(data, Mapping):
            made._written = tuple(data)  # noqa: SLF001 — its own
        return made

    def items(self) -> list[tuple[str, Any]]:
        """(key, setting) of everything that is written, in the order of the file."""
        order = {key: at for at, key in enumerate(self._written)}
        return sorted(
            ((key, getattr(self, key)) for key in self.model_fields_set), key=lambda item: order.get(item[0], 0)
        )


def _not_deeper(when: Conditions) -> Conditions:
    if _depth(when) >= limits.FORWARDED_DEPTH:
        raise ValueError(f"a mail in a mail is looked at {limits.FORWARDED_DEPTH} deep")
    return when


def _depth(when: Conditions) -> int:
    """How deep ``forwarded`` is nested in it."""
    inner = [(key == "forwarded", one) for key, setting in when.items() for one in _members(key, setting)]
    return max((is_carried + _depth(one) for is_carried, one in inner), default=0)


def _members(key: str, setting: Any) -> tuple[Conditions, ...]:
    """The groups of conditions that are written under a key of ``when``."""
    if key in GROUPS and isinstance(setting, tuple):
        return setting
    return (setting,) if key in ("not", "forwarded") else ()


def _none_of(value: Any, handler: pydantic.ValidatorFunctionWrapHandler) -> Any:
    """One group, or a list of them."""
    return handler(value) if isinstance(value, list | tuple) else When.model_validate(value)


def _carried(value: Any) -> Any:
    """``true``: any mail that it carries."""
    if value is False:
        raise ValueError("write not: { forwarded: true }")
    return {} if value is True else value


def _when() -> type[Conditions]:
    """``When`` with a key for every condition that there is. A key that is left out is None; written, it cannot be."""
    fields: dict[str, Any] = {}
    for name in plugins.names("conditions"):
        plugin: rules.ConditionPlugin = plugins.find("conditions", name)
        fields[name] = (plugin.setting, pydantic.Field(None, description=plugin.summary))
    for name in ("any", "all"):
        fields[name] = ("Annotated[tuple[When, ...], NOT_EMPTY]", pydantic.Field(None))
    fields["not"] = (
        "Annotated[tuple[When, ...], NOT_EMPTY, NONE_OF]",
        pydantic.Field(None, description="The same keys: they must not all hold; of a list no member may."),
    )
    fields["forwarded"] = (
        "Annotated[When, NOT_DEEPER, CARRIED]",
        pydantic.Field(
            None, description="The same keys, for the mail that this one carries, attached or quoted; true for any."
        ),
    )
    names = {"Annotated": Annotated, "NOT_EMPTY": nested.NOT_EMPTY, "NOT_DEEPER": pydantic.AfterValidator(_not_deeper)}
    names["NONE_OF"] = pydantic.WrapValidator(_none_of, json_schema_input_type="When | tuple[When, ...]")
    names["CARRIED"] = pydantic.BeforeValidator(_carried, json_schema_input_type="When | Literal[True]")
    made = pydantic.create_model("When", __base__=Conditions, __doc__=Conditions.__doc__, **fields)
    made.model_rebuild(_types_namespace={**names, "When": made})
    return made


When = _when()
_Name = Annotated[str, pydantic.Field(min_length=1)]
_Names = Annotated[tuple[_Name, ...], nested.NOT_EMPTY, nested.LISTED]
_Folder = Annotated[_Name, pydantic.AfterValidator(aftermath.checked_folder)]
_Flag = Annotated[str, pydantic.AfterValidator(aftermath.checked_flag)]


def _not_at_once(expires: float | str) -> float | str:
    if expires == 0:
        raise ValueError("expires before it is sent; write how long it is worth something, such as 5m, or leave it out")
    return expires


class Reset(schema.Model):
    """What is sent to the same target some time after the delivery was acknowledged."""

    after: timing.Setting = pydantic.Field(description="Counts from the acknowledgement of what it resets.")
    payload: Any = pydantic.Field(description="A value whose strings are templates.")


class Action(schema.Model):
    """One entry under ``then:``: the keys common to all sinks. Every other key is the sink's own (``own``)."""

    model_config = pydantic.ConfigDict(extra="allow")
    planned: ClassVar[frozenset[str]] = frozenset(("home_assistant",))

    sink: _Name = pydantic.Field(description="The name of a sink.")
    payload: Any = pydantic.Field(
        None, description="A value whose strings are templates. Default: the values that the rule has found."
    )
    as_: str | None = pydantic.Field(
        None, alias="as", description="The encoding. Default: json for a map or list, else text."
    )
    keys: Annotated[dict[str, pydantic.StrictInt], nested.NOT_EMPTY] = pydantic.Field(
        {}, description="Integer keys for CBOR.", validate_default=False
    )
    max_bytes: Annotated[schema.Size, pydantic.Field(ge=1)] | None = pydantic.Field(
        None, description="The most that the target takes."
    )
    too_big: Literal["truncate", "drop", "fail"] = pydantic.Field(
        "fail", description="What becomes of a payload above max_bytes."
    )
    delay: timing.Setting | None = pydantic.Field(None, description="Counts from the match.")
    expires: Annotated[timing.Setting, pydantic.AfterValidator(_not_at_once)] | None = pydantic.Field(
        None, description="Counts from the mail's arrival, plus delay."
    )
    reset: Reset | None = None
    retry_for: schema.Duration = pydantic.Field(RETRY_FOR_S, description="Default: 1d. After that a delivery is dead.")

    @pydantic.model_validator(mode="before")
    @classmethod
    def _sink_misspelt(cls, data: Any) -> Any:
        """Any key may be the sink's own; but without a ``sink`` there is nobody to ask."""
        if isinstance(data, Mapping) and "sink" not in data:
            hints = ((key, nested.unknown(key, ("sink",))) for key in data)
            if found := [((key,), message) for key, message in hints if message.endswith("?")]:
                raise nested.error(found)
        return data

    @property
    def own(self) -> dict[str, Any]:
        """The sink's own keys, as written."""
        return dict(self.model_extra or {})

    @property
    def has_payload(self) -> bool:
        return "payload" in self.model_fields_set


class Aftermath(schema.Model):
    """What becomes of the mail itself."""

    planned: ClassVar[frozenset[str]] = frozenset(("reply",))

    seen: pydantic.StrictBool = False
    flag: Annotated[tuple[_Flag, ...], nested.LISTED] = ()
    copy_: Annotated[tuple[_Folder, ...], nested.LISTED] = pydantic.Field((), alias="copy")
    move: _Folder | None = None
    delete: pydantic.StrictBool = False

    @pydantic.model_validator(mode="after")
    def _leaves_once(self) -> Self:
        if self.move is not None and self.delete:
            raise ValueError("a mail is either moved or deleted")
        return self

    @property
    def changes(self) -> tuple[rules.Change, ...]:
        """Flags first, then copies, then the move or the delete; templates as they are written."""
        return (
            *([rules.Change(op="seen")] if self.seen else []),
            *(rules.Change(op="flag", argument=_flag(name)) for name in self.flag),
            *(rules.Change(op="copy", argument=folder) for folder in self.copy_),
            *([rules.Change(op="move", argument=self.move)] if self.move is not None else []),
            *([rules.Change(op="delete")] if self.delete else []),
        )


def _flag(name: str) -> str:
    return name if tags.is_template(name) else flags.wire(name)


def written_at(key: str, when: Conditions, at: nested.Place = ()) -> Iterator[nested.Place]:
    """Every place at which a condition is written."""
    for name, setting in when.items():
        if name == key:
            yield (*at, name)
        for rest, inner in enumerate(setting) if isinstance(setting, tuple) else [(None, setting)]:
            if isinstance(inner, Conditions):
                yield from written_at(key, inner, (*at, name) if rest is None else (*at, name, rest))


def _actions(value: Any, handler: pydantic.ValidatorFunctionWrapHandler) -> Any:
    """A single map is a list of one."""
    return (Action.model_validate(value),) if isinstance(value, Mapping) else handler(value)


class Rule(schema.Model):
    """What happens when a mail like this arrives, or something happens to it."""

    planned: ClassVar[frozenset[str]] = frozenset(("risk",))
    _single: bool = False  # `then` is written as a map, not as a list of them

    name: str = pydantic.Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
    mailboxes: _Names | None = pydantic.Field(None, description="Default: all.")
    event: Event = pydantic.Field(
        "new",
        description="What has to happen to a mail: new, flagged, unflagged, seen, gone; count: the number of mails for"
        " which when holds has changed.",
    )
    when: Annotated[When, nested.or_nothing({})] = pydantic.Field(  # type: ignore[valid-type]  # made above, from the files
        default_factory=When
    )
    extract: Annotated[dict[ValueName, Extract], nested.or_nothing({})] = pydantic.Field(
        {}, description="Values taken from the mail."
    )
    then: Annotated[tuple[Action, ...], pydantic.WrapValidator(_actions), nested.or_nothing(())] = pydantic.Field(
        (), description="What is sent."
    )
    after: Annotated[Aftermath, nested.or_nothing({})] = pydantic.Field(
        Aftermath(), description="When all deliveries are acknowledged."
    )
    failed: Annotated[Aftermath, nested.or_nothing({})] = pydantic.Field(
        Aftermath(), description="When a delivery is dead or expired."
    )
    stop: pydantic.StrictBool = pydantic.Field(default=False, description="No later rule looks at this mail.")
    enabled: pydantic.StrictBool = True
    tests: Annotated[tuple[expectation.GoldenTest, ...], nested.or_nothing(())] = pydantic.Field(
        (), description="Run by `mailwire check --tests`."
    )
    throttle: counting.AnyThrottle | None = pydantic.Field(None, description="Drops what fires too often: 5/1m.")

    @pydantic.field_validator("when", mode="after")
    @classmethod
    def _repeated_at_the_top(cls, when: Conditions) -> Conditions:
        """It counts the mails for which all the other keys hold: in a group there is nothing that it could count."""
        if wrong := [(at, _ONLY_AT_THE_TOP) for at in written_at("repeated", when) if len(at) > 1]:
            raise nested.error(wrong)
        return when

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def _keep_shape(cls, data: Any, handler: pydantic.ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(data)
        made._single = (  # noqa: SLF001 — its own
            isinstance(data, Mapping) and isinstance(data.get("then"), Mapping)
        )
        return made

    def place(self, action: int) -> tuple[str | int, ...]:
        """Where an action is written, from the rule."""
        return ("then",) if self._single else ("then", action)
