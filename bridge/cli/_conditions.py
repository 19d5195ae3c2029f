"""What a rule asked of a mail, as a tree: the members of a group stand under it, the reason comes first."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from rich.text import Text
from rich.tree import Tree

from bridge import rules
from bridge.cli import _mails
from bridge.rules import explanation


@dataclasses.dataclass(kw_only=True, slots=True)
class _Node:
    """A condition or a group, or a branch of a group that has several of them (which has no line of its own)."""

    path: str
    line: rules.Checked | None = None
    members: list[_Node] = dataclasses.field(default_factory=list)

    @property
    def held(self) -> bool:
        """As a whole: the line of ``forwarded`` says only whether there is a mail."""
        if self.line is not None and not self.path.endswith(".forwarded"):
            return self.line.held
        return (self.line is None or self.line.held) and all(member.held for member in self.members)

    def has(self, line: rules.Checked | None) -> bool:
        return line is not None and (self.line is line or any(member.has(line) for member in self.members))


def add(tree: Tree, verdict: rules.Verdict) -> None:
    """Adds everything that was looked at."""
    reason = None if verdict.matched else explanation.reason(verdict)
    _add(tree, _nodes(explanation.lines(verdict)), reason)


def _nodes(lines: Sequence[rules.Checked]) -> list[_Node]:
    """A group's line comes before those of its members."""
    top = _Node(path="")
    known = {"": top}
    size = collections.Counter(_parent(line.path) for line in lines)
    for line in lines:
        branch = _parent(line.path)
        if branch not in known and branch.rpartition(".")[2].isdecimal() and size[branch] > 1:
            known[branch] = _Node(path=branch)
            _nearest(known, branch).members.append(known[branch])
        node = _Node(path=line.path, line=line)
        _nearest(known, line.path).members.append(node)
        known.setdefault(line.path, node)
    return top.members


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _nearest(known: Mapping[str, _Node], path: str) -> _Node:
    """What stands above it."""
    above = _parent(path)
    while above not in known:
        above = _parent(above)
    return known[above]


def _add(tree: Tree, nodes: Sequence[_Node], reason: rules.Checked | None) -> None:
    for node in sorted(nodes, key=lambda one: not one.has(reason)):
        _add(tree.add(_told(node, is_reason=node.line is not None and node.line is reason)), node.members, reason)


def _told(node: _Node, *, is_reason: bool) -> Text:
    asked = Text() if node.line is None else _asked(node.line)
    path = (node.path, "cyan")
    if explanation.in_not(node.path):  # neither is good or bad there
        return Text.assemble(("· ", "dim"), path, (" held" if node.held else " did not hold", "dim"), asked)
    held = node.held if node.line is None else node.line.held
    mark = ("✓ ", "green") if held else ("because " if is_reason else "✗ ", "red")
    return Text.assemble(mark, path, asked)


def _asked(line: rules.Checked) -> Text:
    return Text.assemble(f": wanted {_mails.line(line.wanted)}", ("; saw ", "dim"), _mails.line(line.saw) or "nothing")
