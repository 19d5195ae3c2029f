"""``when`` as it is written → the nodes of ``matching``."""

from __future__ import annotations

from typing import Any

from bridge import plugins, rules
from bridge.rules import matching


def compile_when(when: Any, path: str = "when") -> matching.Group:
    """A ``settings.Conditions`` → its nodes."""
    return matching.All(_node(f"{path}.{key}", key, setting) for key, setting in when.items())


def _node(path: str, key: str, setting: Any) -> matching.Node:
    if key == "not":
        return matching.Named(path, "not what follows", matching.Not(compile_when(setting, path)))
    if key == "forwarded":
        return matching.Carried(path, compile_when(setting, path))
    if key in ("any", "all"):
        members = [compile_when(one, f"{path}.{n}") for n, one in enumerate(setting)]
        return (
            matching.Named(path, "one of what follows", matching.Any_(members))
            if key == "any"
            else matching.Named(path, "all of what follows", matching.All(members))
        )
    plugin: rules.ConditionPlugin = plugins.find("conditions", key)
    return matching.Leaf(path, plugin.make(setting))


def mentions_key(when: Any, key: str) -> bool:
    """Whether a condition is written anywhere in ``when``."""
    return any(
        name == key
        or (name == "not" and mentions_key(setting, key))
        or (name in ("any", "all") and any(mentions_key(one, key) for one in setting))
        for name, setting in when.items()
    )


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
