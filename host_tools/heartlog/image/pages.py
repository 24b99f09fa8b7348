"""The parts of a board's README that are made from its description.

Three places in each README, each between two marks: the wiring, the facts (radio, sampler, flash,
limits) and the power budget. What a person writes stands around them and is never touched.
"""

import dataclasses

from heartlog.errors import CommandError
from heartlog.evaluation.packing import ARRHYTHMIC, REGULAR, days
from heartlog.image.board import Board, board_folder
from heartlog.image.wiring import wiring_svg, wiring_table

_STACKS = {"btstack": "BTstack", "nimble": "NimBLE"}
MADE = "made from board.json by `make boards`"


def marks(part: str) -> tuple[str, str]:
    """The line before and the line after a made part."""
    return f"<!-- {part}: {MADE} -->", f"<!-- end of {part} -->"


def wiring(board: Board) -> str:
    """The table of the wires, and their drawing."""
    return f"{wiring_table(board)}\n\n![Wiring of the {board.title}](wiring.svg)"


def facts(board: Board) -> str:
    """Radio, sampler, flash and limits, as lists."""
    drdy = (
        "served in the interrupt itself"
        if board.sampler["drdy"] == "hard_irq"
        else "served by a scheduled handler"
    )
    slots = (
        "no image, the monitor is frozen into MicroPython",
        f"one image of up to {board.slot_kib} KiB (no room for the previous one)",
        f"two images of up to {board.slot_kib} KiB beside each other (the previous one is kept)",
    )[board.slots]
    if board.lent:
        slots = (
            f"one image of up to {board.slot_kib} KiB, and during an update a second one,"
            " whose room the journal lends until the new image has proved itself"
        )
    lines = [f"**Radio.** MicroPython uses {_STACKS[board.stack]} here.", ""]
    lines += [f"- It can {text}." for text in board.ble_can]
    lines += [f"- It can't {text}." for text in board.ble_cannot]
    lines += [
        "",
        f"**Sampler.** DRDY is {drdy}; {board.sampler['least_rate']} to "
        f"{board.sampler['most_rate']} samples/s. {board.sampler['why']}. "
        "While a block of flash is erased (4 KiB, some 45 ms, about once in half an hour) no "
        "frame is read: ten samples or so at 250/s, told as a gap.",
        "",
        f"**Flash.** {board.filesystem_kib} KiB of littlefs at `{board.root}`: {slots};"
        f" {_journal(board)}, with no host near.{_frozen(board)}",
        "",
        "**Known limits.**",
        "",
    ]
    lines += [f"- {text}" for text in board.limits]
    return "\n".join(lines)


def _journal(board: Board) -> str:
    return (
        f"{board.journal_kib} KiB for settings, records and kept ECG:"
        f" {days(board, ARRHYTHMIC):.1f} days of an arrhythmic heart's beats,"
        f" {days(board, REGULAR):.1f} of a regular one's"
    )


def _frozen(board: Board) -> str:
    size = int(board.frozen.get("journal_kib", board.journal_kib))
    if size == board.journal_kib:
        return ""
    there = _journal(dataclasses.replace(board, journal_kib=size, strips=True))
    return f" With the monitor frozen into MicroPython it is {there}."


PARTS = {"wiring": wiring, "facts": facts}


def page_with(board: Board, page: str) -> str:
    """The README's text with its made parts renewed.

    Raises:
        CommandError: the marks of a part are not there.
    """
    for part, make in PARTS.items():
        begin, end = marks(part)
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise CommandError(
                f"boards/{board.name}/README.md has no place for its {part}.",
                f"Put these two lines where they belong:\n{begin}\n{end}",
            )
        page = f"{before}{begin}\n{make(board)}\n{end}{after}"
    return page


def write_pages(board: Board) -> None:
    """Renew `wiring.svg` and the README's made parts of one board."""
    folder = board_folder(board.name)
    page = folder / "README.md"
    page.write_text(page_with(board, page.read_text(encoding="utf-8")), encoding="utf-8")
    (folder / "wiring.svg").write_text(wiring_svg(board), encoding="utf-8")
