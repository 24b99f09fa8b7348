"""The review's screen (Textual): lists above, the strip below, usable at 80 columns.

ReviewApp(model).run()
"""

from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Label, Static, TabbedContent, TabPane

from heartlog.review.model import TABS, Entry, ReviewModel
from heartlog.review.strip import strip_lines
from heartlog.store import BeatKind, StoreError

KEYS = {
    "n": BeatKind.NORMAL,
    "s": BeatKind.PREMATURE,
    "v": BeatKind.WIDE,
    "p": BeatKind.PACED,
}
STRIP_ROWS = 8
TEXT_WIDTH = 40
"""Longer texts are shown whole below the strip when their line is chosen."""


class Ask(ModalScreen[str | None]):
    """One line of text, or nothing (Escape)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave")]
    CSS = """
    Ask { align: center middle; }
    #box { width: 74; height: auto; border: round $accent; padding: 0 1; background: $surface; }
    """

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        """Build the box."""
        with Vertical(id="box"):
            yield Label(self.question)
            yield Input(id="line")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the line."""
        self.dismiss(event.value.strip() or None)

    def action_leave(self) -> None:
        """Take nothing."""
        self.dismiss(None)


class ReviewApp(App[None]):
    """Quality first, then rate, rhythm, events and findings; each entry with its strip."""

    TITLE = "Heartlog review"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head { height: 1; background: $primary; color: $text; padding: 0 1; }
    TabbedContent { height: 1fr; }
    DataTable { height: 1fr; }
    #strip { height: 12; padding: 0 1; border-top: solid $primary; }
    #said { height: 1; padding: 0 1; color: $warning; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Beat", show=False, priority=True),
        Binding("right", "step(1)", "Beat", key_display="←→", priority=True),
        Binding("n", "kind('n')", "Normal"),
        Binding("s", "kind('s')", "Early"),
        Binding("v", "kind('v')", "Wide"),
        Binding("p", "kind('p')", "Paced", show=False),
        Binding("d", "delete", "Delete"),
        Binding("a", "add", "Add"),
        Binding("u", "undo", "Undo"),
        Binding("f", "finding(False)", "Finding"),
        Binding("F", "finding(True)", "Urgent finding", show=False),
        Binding("c", "channel", "Channel", show=False),
        Binding("tab", "next_tab", "List", show=False, priority=True),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, model: ReviewModel) -> None:
        super().__init__()
        self.model = model
        self.rows: dict[str, list[Entry]] = {}

    def compose(self) -> ComposeResult:
        """Build the screen."""
        yield Static(id="head")
        with TabbedContent(id="tabs"):
            for number, name in enumerate(TABS, 1):
                with TabPane(f"{number} {name.title()}", id=name):
                    yield DataTable(id=f"list-{name}", cursor_type="row", zebra_stripes=True)
        yield Static(id="strip")
        yield Static(id="said")
        yield Footer()

    def on_mount(self) -> None:
        """Fill the lists."""
        for name in TABS:
            table = self.query_one(f"#list-{name}", DataTable)
            table.add_column("Time", width=15)
            table.add_column("What", width=16)
            table.add_column("Value", width=TEXT_WIDTH)
        self.fill()
        self.query_one("#list-quality", DataTable).focus()

    def fill(self) -> None:
        """Write lists and strip anew from the model."""
        self.query_one("#head", Static).update(self.model.headline())
        for name in TABS:
            table = self.query_one(f"#list-{name}", DataTable)
            line = table.cursor_row
            table.clear()
            self.rows[name] = self.model.entries(name)
            for entry in self.rows[name]:
                at = "" if entry.at is None else self.model.clock.at(entry.at)
                style = "bold red" if entry.what == "URGENT" else ""
                table.add_row(at, Text(entry.what, style), Text(entry.text, style))
            if table.row_count:
                table.move_cursor(row=min(line, table.row_count - 1))
        self.draw_strip()

    def draw_strip(self) -> None:
        """Draw the ECG around the moment looked at."""
        widget = self.query_one("#strip", Static)
        columns = max(20, (widget.size.width or 80) - 2)
        lines = strip_lines(self.model, columns, STRIP_ROWS)
        widget.update(Text("\n".join(lines), no_wrap=True))

    def on_resize(self) -> None:
        """Draw for the new width."""
        self.call_after_refresh(self.draw_strip)

    def say(self, text: str) -> None:
        """Put a line above the keys."""
        self.query_one("#said", Static).update(text)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Look at the entry's time."""
        name = (event.data_table.id or "").removeprefix("list-")
        if event.data_table.id != f"list-{self.query_one('#tabs', TabbedContent).active}":
            return
        self.look(name, event.cursor_row)

    def look(self, name: str, line: int) -> None:
        """Show the strip of an entry, and below it a text too long for the list."""
        rows = self.rows.get(name, [])
        if 0 <= line < len(rows):
            at, text = rows[line].at, rows[line].text
            self.say(text if len(text) > TEXT_WIDTH else "")
            if at is not None:
                self.model.go(at)
                self.draw_strip()

    def action_next_tab(self) -> None:
        """Go to the next list."""
        tabs = self.query_one("#tabs", TabbedContent)
        here = TABS.index(tabs.active) if tabs.active in TABS else 0
        self.open_list(TABS[(here + 1) % len(TABS)])

    def open_list(self, name: str) -> None:
        """Show a list and look at the entry its cursor is on."""
        self.query_one("#tabs", TabbedContent).active = name
        table = self.query_one(f"#list-{name}", DataTable)
        table.focus()
        self.look(name, table.cursor_row)

    def on_key(self, event: object) -> None:
        """Digits choose a list."""
        key = getattr(event, "key", "")
        if key in "12345" and len(key) == 1 and len(self.screen_stack) == 1:
            self.open_list(TABS[int(key) - 1])

    def action_step(self, beats: int) -> None:
        """Move by beats."""
        if len(self.screen_stack) > 1:
            return
        self.model.step(beats)
        self.draw_strip()

    def _change(self, what: str, action: object) -> None:
        if len(self.model.beats) == 0:
            self.say("There are no beats.")
            return
        try:
            action()  # type: ignore[operator]
        except (ValueError, StoreError) as problem:
            self.say(str(problem))
            return
        self.say(f"{what}. The original is kept: u undoes.")
        self.fill()

    def action_kind(self, key: str) -> None:
        """Reclassify the beat in brackets."""
        kind = KEYS[key]
        self._change(f"The beat is now {kind.name.lower()}", lambda: self.model.reclassify(kind))

    def action_delete(self) -> None:
        """Take the beat in brackets out."""
        self._change("The beat is out", self.model.delete)

    def action_add(self) -> None:
        """Add a beat before the one in brackets."""
        self._change("A beat is added half way before it", self.model.add)

    def action_undo(self) -> None:
        """Undo the last correction."""
        done = self.model.undo()
        self.say("The last correction is undone." if done else "There is nothing to undo.")
        self.fill()

    def action_channel(self) -> None:
        """Show the other channel, or again the one that the beats come from."""
        self.model.other_channel()
        self.draw_strip()

    def action_finding(self, urgent: bool) -> None:
        """Write a finding at the moment looked at."""
        at = self.model.clock.at(self.model.moment)

        def take(text: str | None) -> None:
            if text:
                self.model.write_finding(text, urgent)
                self.say("The finding is written.")
                self.fill()

        self.push_screen(Ask(f"{'Urgent finding' if urgent else 'Finding'} at {at}:"), take)
