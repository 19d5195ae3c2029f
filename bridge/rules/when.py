"""``when`` as it is written → the nodes of ``matching``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge import plugins, rules
from bridge.rules import matching

_Group = Callable[[list[matching.Group]], matching.Node]
_LISTED: Mapping[str, tuple[str, tuple[str, str], _Group]] = {  # what is wanted, what is seen where it holds and not
    "any": ("one of what follows", ("one of it holds", "none of it holds"), matching.Any_),
    "all": ("all of what follows", ("all of it holds", "not all of it holds"), matching.All),
    "not": (
        "none of what follows",
        ("none of it holds", "one of it holds"),
        lambda members: matching.Not(matching.Any_(members)),
    ),
}


def compile_when(when: Any, path: str = "when", *, is_passing: bool = False) -> matching.Group:
    """A ``settings.Conditions`` → its nodes; ``is_passing`` as ``matching.Leaf`` has it."""
    return matching.All(_node(f"{path}.{key}", key, setting, is_passing) for key, setting in when.items())


def _node(path: str, key: str, setting: Any, is_passing: bool) -> matching.Node:
    if key == "forwarded":
        return matching.Carried(path, compile_when(setting, path, is_passing=is_passing))
    if key in _LISTED and isinstance(setting, tuple):
        wanted, saw, group = _LISTED[key]
        members = [compile_when(one, f"{path}.{n}", is_passing=is_passing) for n, one in enumerate(setting)]
        return matching.Named(path, wanted, group(members), saw=saw)
    if key == "not":
        inner = matching.Not(compile_when(setting, path, is_passing=is_passing))
        return matching.Named(path, "not what follows", inner, saw=("it does not hold", "it holds"))
    plugin: rules.ConditionPlugin = plugins.find("conditions", key)
    return matching.Leaf(path, plugin.make(setting), is_passing=is_passing)


def mentions_key(when: Any, key: str) -> bool:
    """Whether a condition is written anywhere in ``when``."""
    return any(
        name == key or (name in _LISTED and any(mentions_key(one, key) for one in _members(setting)))
        for name, setting in when.items()
    )


def _members(setting: Any) -> tuple[Any, ...]:
    """The groups of conditions in a group: ``not`` takes one, or a list of them."""
    return setting if isinstance(setting, tuple) else (setting,)


def split(group: matching.Group) -> tuple[matching.Group, matching.Group]:
    """What can be looked at before ``extract``, and what only after. What is counted is in neither."""
    if not group.late:
        return group, _NOTHING
    early = matching.All(m for m in group.written if not m.late)
    return early, matching.All(m for m in group.written if m.late and _counted(m) is None)


_NOTHING = matching.All(())


def counted(group: matching.Group) -> rules.CountedCondition | None:
    """``repeated``, where it is written."""
    return next((found for one in group.written if (found := _counted(one)) is not None), None)


def _counted(node: matching.Node) -> rules.CountedCondition | None:
    return (
        node.condition
        if isinstance(node, matching.Leaf) and isinstance(node.condition, rules.CountedCondition)
        else None
    )
