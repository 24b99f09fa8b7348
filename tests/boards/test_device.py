"""`heartlog device` against a MicroPython REPL that is really there: the unix port on a cable."""

import dataclasses
import hashlib
import json
import os
import pty
import random
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartlog.device.identity import Identity, check, identify
from heartlog.device.install import crash_report, install
from heartlog.device.layout import State, read_state, write_state
from heartlog.device.ports import choose_port
from heartlog.device.repl import RemoteError, Repl, Unplugged, reopen
from heartlog.errors import CommandError, NotFound
from heartlog.image import ImageInfo, firmware_dir, load_image, slotfile
from heartlog.image.board import Board, load_board
from heartlog.image.build import compile_all
from heartlog.image.compile import compile_mpy, compile_text

from .deskboard import DeskBoard

GOOD = """
import time
import machine
from monitor.slots import Slots
watchdog = machine.WDT(timeout=8000)
print("version %s runs")
Slots("/").confirm()
while True:
    watchdog.feed()
    time.sleep_ms(20)
"""
RAISES = 'print("version %s starts")\nraise ValueError("the new firmware is broken")\n'
HANGS = 'print("version %s hangs")\nwhile True:\n    pass\n'


@pytest.fixture(scope="module")
def virtual() -> Board:
    return load_board("virtual")


def make_image(
    folder: Path, program: str, version: str, more: dict[str, bytes] | None = None
) -> ImageInfo:
    """An image with a few lines of program instead of the monitor; padded to send for a while."""
    slots = firmware_dir() / "monitor" / "slots.py"
    files = {
        "main.py": b"import start\n",
        "start.mpy": compile_text((program % version).encode(), "x64", "start.py"),
        "monitor/slots.mpy": compile_mpy(slots, "x64", "monitor/slots.py"),
        "monitor/padding.mpy": b"M\x00\x00\x00" + random.Random(version).randbytes(12000),
        **(more or {}),
    }
    folder.mkdir()
    for path, contents in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(contents)
    entries = [
        {"path": p, "size": len(c), "sha256": hashlib.sha256(c).hexdigest()}
        for p, c in files.items()
    ]
    manifest = {"format": 1, "board": "virtual", "arch": "x64", "version": version, "build": "0"}
    (folder / "manifest.json").write_text(json.dumps(manifest | {"files": entries}))
    packed = slotfile.pack(files, board="virtual", arch="x64", version=version, build="0")
    folder.with_name(folder.name + ".img").write_bytes(packed)
    return load_image(folder)


def size_of(image: ImageInfo) -> int:
    """Bytes that go over the cable."""
    return image.archive.stat().st_size


@pytest.fixture
def desk(tmp_path: Path, micropython: str, repository: Path) -> Iterator[DeskBoard]:
    with DeskBoard(tmp_path, micropython, repository) as board:
        yield board


def wait_for(desk: DeskBoard, words: bytes, seconds: float = 60) -> None:
    """Until the board has printed something."""
    deadline = time.monotonic() + seconds
    while words not in desk.printed:
        assert time.monotonic() < deadline, bytes(desk.printed[-2000:])
        time.sleep(0.05)


def state_of(desk: DeskBoard, board: Board) -> State | None:
    with reopen(desk.port) as repl:
        return read_state(repl, board)


def test_installation_then_an_update(desk: DeskBoard, virtual: Board, tmp_path: Path) -> None:
    first = make_image(tmp_path / "1", GOOD, "1.0.0")
    told: list[tuple[int, int]] = []
    done = install(
        virtual,
        first,
        desk.port,
        update_key=bytes(range(32)),
        progress=lambda now, all_: told.append((now, all_)),
    )
    assert (done.slot, done.sent, done.skipped, done.kept) == ("a", size_of(first), 0, None)
    assert told[-1] == (size_of(first), size_of(first))
    wait_for(desk, b"version 1.0.0 runs")
    with reopen(desk.port) as repl:
        assert read_state(repl, virtual) == State("a", "-", 0, "-")
        assert repl.get("/slots/update.key") == bytes(range(32))
        # What a technician set, and what was recorded, must outlive any update.
        repl.put("/settings.json", b'{"channel": 2}')
        repl.put("/journal/0", b"beats")
        repl.reset()
    second = make_image(tmp_path / "2", GOOD, "1.1.0")
    done = install(virtual, second, desk.port, wait=8.0)
    assert (done.slot, done.kept) == ("b", True)
    wait_for(desk, b"version 1.1.0 runs")
    with reopen(desk.port) as repl:
        assert read_state(repl, virtual) == State("b", "-", 0, "kept-b")
        assert repl.get("/settings.json") == b'{"channel": 2}'
        assert repl.get("/journal/0") == b"beats"
        images = [hashlib.sha256(image.archive.read_bytes()) for image in (first, second)]
        found = repl.hashes(["/slots/a.img", "/slots/b.img"])
        assert found == [digest.hexdigest() for digest in images], "the image before is kept"


@pytest.mark.parametrize(("program", "said"), [(RAISES, b"is broken"), (HANGS, b"hangs")])
def test_an_image_that_does_not_come_up_is_taken_back(
    desk: DeskBoard, virtual: Board, tmp_path: Path, program: str, said: bytes
) -> None:
    install(virtual, make_image(tmp_path / "1", GOOD, "1.0.0"), desk.port)
    wait_for(desk, b"version 1.0.0 runs")
    desk.printed.clear()
    install(virtual, make_image(tmp_path / "2", program, "2.0.0"), desk.port)
    wait_for(desk, said)
    wait_for(desk, b"version 1.0.0 runs")
    assert desk.printed.count(b"version 2.0.0") == 3, "three starts, not more"
    assert desk.bites == (3 if program is HANGS else 0)
    with reopen(desk.port) as repl:
        assert read_state(repl, virtual) == State("a", "-", 0, "failed-b")
        report = crash_report(repl, virtual)
        assert ("the new firmware is broken" in report) == (program is RAISES)


def test_cable_pulled_halfway(desk: DeskBoard, virtual: Board, tmp_path: Path) -> None:
    install(virtual, make_image(tmp_path / "1", GOOD, "1.0.0"), desk.port)
    wait_for(desk, b"version 1.0.0 runs")
    second = make_image(tmp_path / "2", GOOD, "1.1.0")
    started = threading.Event()

    def say(words: str) -> None:
        if words.startswith("Writing"):
            desk.cable.pull(after=9000)
            started.set()

    with pytest.raises(Unplugged, match="cable was pulled") as caught:
        install(virtual, second, desk.port, say=say)
    assert started.is_set()
    assert "run the same command again" in caught.value.hint
    # Power goes with the cable; plugged in again, the monitor that was there runs.
    desk.cut_power()
    desk.cable.plug()
    desk.printed.clear()
    desk.restore_power()
    wait_for(desk, b"version 1.0.0 runs")
    done = install(virtual, second, desk.port, wait=8.0)
    assert done.kept is True
    assert done.skipped > 0, "what had arrived was not sent again"


def test_power_lost_while_writing_the_state(
    desk: DeskBoard, virtual: Board, tmp_path: Path
) -> None:
    """The last step is a rename: before it the old image runs, after it the new one is tried."""
    install(virtual, make_image(tmp_path / "1", GOOD, "1.0.0"), desk.port)
    wait_for(desk, b"version 1.0.0 runs")
    with reopen(desk.port) as repl:
        repl.put("/slots/state.new", b"a b")
    desk.cut_power()
    desk.printed.clear()
    desk.restore_power()
    wait_for(desk, b"version 1.0.0 runs")
    with reopen(desk.port) as repl:
        write_state(repl, virtual, State("a", "-", 0, "-"))
        assert read_state(repl, virtual) == State("a", "-", 0, "-")


def test_a_board_that_starts_while_it_is_looked_for(desk: DeskBoard) -> None:
    """Tries to which nobody answered are answered together later, and must not reset the board."""
    with Repl(desk.port):
        pass
    desk.cut_power()
    boots = desk.boots
    later = threading.Timer(2.5, desk.restore_power)
    later.start()
    with Repl(desk.port) as repl:
        assert repl.value("1 + 1") == 2
    later.join()
    assert desk.boots == boots + 1


def test_port_in_use(desk: DeskBoard) -> None:
    with Repl(desk.port), pytest.raises(CommandError, match="in use by another program"):
        Repl(desk.port)


def test_no_board() -> None:
    with pytest.raises(NotFound, match="no port /dev/ttyACM99"):
        choose_port("/dev/ttyACM99")
    with pytest.raises(NotFound, match="No board is plugged in"):
        choose_port(None)
    with pytest.raises(CommandError, match="/dev/null is no serial port"):
        Repl("/dev/null", patience=0.1)


def test_something_else_on_the_port() -> None:
    """A modem, a GPS receiver, a board without MicroPython: it never answers with a prompt."""
    near, far = pty.openpty()
    tty.setraw(far)
    try:
        with pytest.raises(CommandError, match="does not answer as MicroPython does") as caught:
            Repl(os.ttyname(far), patience=0.1)
        assert "heartlog device micropython" in caught.value.hint
    finally:
        os.close(near)
        os.close(far)


def test_wrong_board_is_left_alone(desk: DeskBoard, tmp_path: Path) -> None:
    image = make_image(tmp_path / "1", GOOD, "1.0.0")
    pico = load_board("pico_w")
    with pytest.raises(CommandError, match="The image is for virtual"):
        install(pico, image, desk.port)
    with pytest.raises(CommandError, match=r"not a Raspberry Pi Pico W.*linux"):
        install(pico, dataclasses.replace(image, board="pico_w"), desk.port)
    with Repl(desk.port) as repl:
        assert repl.value("os.listdir('/')", "import os") == []


def test_wrong_micropython(virtual: Board) -> None:
    right = Identity("micropython", (1, 29, 0), "linux [GCC]", "x64", (6, 3), "")
    check(right, virtual, (6, 3))
    old = dataclasses.replace(right, version=(1, 22, 2))
    with pytest.raises(CommandError, match=r"MicroPython 1\.22\.2 is on the board; 1\.28\.0"):
        check(old, virtual, (6, 3))
    circuit = dataclasses.replace(right, name="circuitpython")
    with pytest.raises(CommandError, match="runs circuitpython, not MicroPython"):
        check(circuit, virtual, (6, 3))
    other = dataclasses.replace(right, arch="armv6m")
    with pytest.raises(CommandError, match="runs armv6m code, the image is x64"):
        check(other, virtual, (6, 3))
    with pytest.raises(CommandError, match=r"takes compiled files of version 6\.3"):
        check(right, virtual, (6, 2))
    # A Cortex-M33 runs what was compiled for a Cortex-M0+.
    pico = load_board("pico_w")
    check(dataclasses.replace(right, machine=pico.machine, arch="armv7emsp"), pico, (6, 3))


def test_flash_too_full(desk: DeskBoard, virtual: Board, tmp_path: Path) -> None:
    image = make_image(tmp_path / "1", GOOD, "1.0.0")
    with Repl(desk.port) as repl:
        repl.exec("f=open('/journal','wb')\nfor i in range(200): f.write(bytes(4096))\nf.close()")
    with pytest.raises(CommandError, match="KiB free; the image needs"):
        install(virtual, image, desk.port)


# A board whose journal has the room of a second image (lending.py).
LENDING = b"""
import __main__
ROOT = "/"
JOURNAL_KIB = 800
JOURNAL_RESERVE = 32768
SECOND_SLOT_LENT = True
STRIPS = False
def journal_device():
    return "/journal"
def flash_device():
    return __main__._device
"""
JOURNAL = """
import sys
if "/image-a" not in sys.path:
    import main
    main.attach("a")
import board
from monitor import ecgplace, media, settings
from monitor.journal import Journal
whole, _ = media.open_media(board)
while whole.grow():
    pass
kept = settings.Settings(media.PartMedia(whole, 0, settings.BLOCKS))
room = ecgplace.record_blocks(board, whole, kept)
journal = Journal(media.PartMedia(whole, settings.BLOCKS, room), lambda: 77)
journal.mount()
"""
FULL = """
for i in range(room - 4):
    journal.append(20, b"a record with", 12)
    journal.leave_block()
"""
FETCHED = """
journal.acknowledge(journal.next_seq - 1)
journal.keep_acknowledged()
"""


def test_the_journal_lends_room_over_the_cable(
    desk: DeskBoard, virtual: Board, tmp_path: Path
) -> None:
    firmware = compile_all("virtual", "x64")
    more = {path: code for path, code in firmware.items() if path.startswith("monitor/")}
    more["board.mpy"] = compile_text(LENDING, "x64", "board.py")
    board = dataclasses.replace(virtual, lent=True)
    install(board, make_image(tmp_path / "1", GOOD, "1.0.0", more), desk.port)
    wait_for(desk, b"version 1.0.0 runs")
    with reopen(desk.port) as repl:
        repl.exec(JOURNAL + FULL, timeout=120)
        repl.reset()
    second = make_image(tmp_path / "2", GOOD, "1.1.0", more)
    with pytest.raises(CommandError, match="records lie that were never fetched") as caught:
        install(board, second, desk.port)
    assert "heartlog fetch" in caught.value.hint
    with reopen(desk.port) as repl:
        repl.exec(JOURNAL + FETCHED, timeout=120)
        assert int(repl.value("journal.first_seq")) == 1
        repl.reset()
    done = install(board, second, desk.port, wait=30.0)
    assert (done.slot, done.kept) == ("b", True)


def test_too_little_memory(desk: DeskBoard, virtual: Board, tmp_path: Path) -> None:
    image = make_image(tmp_path / "1", GOOD, "1.0.0")
    (image.folder / "large.mpy").write_bytes(b"M\x06\0\x1f")
    large = dataclasses.replace(image.files[0], path="large.mpy", size=4_000_000)
    with pytest.raises(CommandError, match="KiB of memory for programs") as caught:
        install(virtual, dataclasses.replace(image, files=(*image.files, large)), desk.port)
    assert "FROZEN=1" in caught.value.hint
    with Repl(desk.port) as repl:
        assert repl.value("os.listdir('/')", "import os") == []


def test_the_repl_itself(desk: DeskBoard) -> None:
    with Repl(desk.port) as repl:
        told = identify(repl)
        assert (told.name, told.arch, told.unique) == ("micropython", "x64", "e660583883724a32")
        contents = bytes(range(256)) * 9
        repl.put("/deep/er/file", contents)
        assert repl.get("/deep/er/file") == contents
        assert repl.hashes(["/deep/er/file", "/missing"]) == [
            hashlib.sha256(contents).hexdigest(),
            "",
        ]
        assert not repl.exists("/missing")
        with pytest.raises(RemoteError, match="ZeroDivisionError"):
            repl.exec("1/0")
        assert repl.value("[1, 'two']") == [1, "two"]
