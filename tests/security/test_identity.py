"""What identifies a patient is never on the monitor: not in its flash, in no command to it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from heartlog._firmware.monitor.link import wire
from heartlog.ble import find_monitor, open_backend
from heartlog.link.monitor import Monitor
from heartlog.link.problems import RequestRefused
from heartlog.records import patients
from heartlog.store import Store
from virtual_board import Board

pytestmark = pytest.mark.usefixtures("micropython")

PERSON = {
    "identifier": "PID-77310",
    "name": "Zwetlana Unverwechselbar",
    "birth_date": "1951-02-03",
    "sex": "female",
    "notes": "penicillin allergy",
}
NOTE = "fell twice at home"
TECHNICIAN = "Dr. Quirin Fingerhut"


def told() -> list[bytes]:
    """Every word of it that could give somebody away, as bytes of several kinds."""
    texts = [*PERSON.values(), NOTE, TECHNICIAN]
    words = {w.strip(",.") for t in texts for w in t.split() if len(w) > 5} | set(texts)
    words -= {"female"}
    forms = {w for word in words for w in (word, word.lower(), word.upper())}
    return [f.encode(c) for f in forms for c in ("utf-8", "utf-16-le")]


def test_the_flash_names_nobody_after_a_session(tmp_path: Path) -> None:
    """An unpaired monitor, where all of the journal lies in clear: no key hides anything."""
    store = tmp_path / "store.sqlite"
    with Store.open(store) as opened:
        patients.add(opened, who=TECHNICIAN, **PERSON)
    with Board(record="demo", speed=20, run_dir=tmp_path / "board") as board:
        words = ["record", "--store", str(store), "--backend", f"virtual:{board.run_dir}"]
        words += ["--patient", PERSON["identifier"], "--note", NOTE, "--for", "60s"]
        done = subprocess.run(
            [sys.executable, "-m", "heartlog", *words],
            capture_output=True,
            text=True,
            timeout=120,
            env={
                **os.environ,
                "HEARTLOG_USER": TECHNICIAN,
                "HEARTLOG_KEYS": str(tmp_path / "keys"),
            },
        )
        assert done.returncode in (0, 4), done.stderr[-1500:]
        flash = (board.run_dir / "flash.bin").read_bytes()
        asyncio.run(no_wipe(board))
    with Store.open(store) as opened:
        (session,) = opened.sessions()
        assert session.patient_name == PERSON["name"]
        assert opened.beats(session.id).size > 20
    assert b"\xb2" in flash
    assert [w for w in told() if w in flash] == []
    # The search finds what is there: all of it lies in the store.
    assert [t for t in PERSON.values() if t.encode() not in store.read_bytes()] == []


async def no_wipe(board: Board) -> None:
    """An unpaired monitor can't tell who asks: it is wiped by nobody."""
    async with open_backend(f"virtual:{board.run_dir}") as backend:
        found = await find_monitor(backend, timeout=60)
        async with Monitor(backend, found.device) as monitor:
            for number, result in (
                (monitor.info.journal, wire.REFUSED),
                (monitor.info.journal ^ 1, wire.BAD_OPERAND),
            ):
                with pytest.raises(RequestRefused) as refused:
                    await monitor.request(wire.WIPE, number)
                assert refused.value.result == result


def test_no_command_has_room_for_a_text() -> None:
    """Numbers alone go to the monitor, but for keys, nonces and the digest of an update."""
    with_bytes = {name for name, form, _ in wire.COMMANDS.values() if "s" in form}
    assert with_bytes == {"key hello", "key answer", "update begin"}
