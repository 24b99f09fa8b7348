"""The command tree: commands are listed from the table and imported only when they are run."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from heartlog.cli.commands import ENTRIES, PANELS, Entry


class Stub(TyperCommand):
    """Stands for a command in listings; holds where the real one is."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.name, help=entry.help, rich_help_panel=entry.panel)
        self.entry = entry


class Tree(TyperGroup):
    """The top group: knows every command of `ENTRIES` by name and one line of help."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for entry in sorted(ENTRIES, key=lambda entry: PANELS.index(entry.panel)):
            self.add_command(Stub(entry))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, Stub):
            command = load(command.entry)
        return name, command, rest


def load(entry: Entry) -> Any:
    """Import the implementation of `entry` and make the command that runs it."""
    module, _, attribute = entry.target.partition(":")
    target = getattr(importlib.import_module(module), attribute)
    command: Any
    if isinstance(target, typer.Typer):
        # Not get_command(): it would offer to install the shell's completion for each group.
        command = typer.main.get_group(target)
    else:
        app = typer.Typer(add_completion=False)
        app.command(entry.name)(target)
        command = typer.main.get_command(app)
    command.name = entry.name
    for each in (command, *getattr(command, "commands", {}).values()):
        each.help = _flowing(each.help or "")
    return command


def _flowing(text: str) -> str:
    """`text` with one line a paragraph: where a docstring ends its lines fits no terminal."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n"))
