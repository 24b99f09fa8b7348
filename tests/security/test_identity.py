"""What identifies a patient is never on the monitor: not in its flash, in no command to it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from heartlog._firmware.monitor.link import pack, wire
from heartlog.ble import find_monitor, open_backend
from heartlog.link.monitor import Monitor
from heartlog.link.problems import RequestRefused
from heartlog.records import patients
from heartlog.store import Store
from virtual_board import Board

from .flash import pages
from .typist import Overheard, Typist

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
    with (
        Board(record="demo", speed=20, run_dir=tmp_path / "board") as board,
        Overheard(board.run_dir, tmp_path / "heard") as air,
    ):
        words = ["record", "--store", str(store), "--backend", f"virtual:{air.run_dir}"]
        words += ["--patient", PERSON["identifier"], "--note", NOTE, "--for", "60s"]
        done = subprocess.run(
            [sys.executable, "-m", "heartlog", *words],
            capture_output=True,
            text=True,
            timeout=120,
            env=environment(tmp_path),
        )
        assert done.returncode in (0, 4), done.stderr[-1500:]
        flash = (board.run_dir / "flash.bin").read_bytes()
        journal = asyncio.run(no_wipe(board))
    with Store.open(store) as opened:
        (session,) = opened.sessions()
        assert session.patient_name == PERSON["name"]
        assert opened.beats(session.id).size > 20
    written = pages(flash, journal)
    assert written, "the session's records lie in it"
    assert not any(page[0] & pack.SEALED for _, page in written)
    assert len(air.heard) > 5000
    for place in (flash, air.said, air.heard):
        assert [w for w in told() if w in place] == []
    # The search finds what is there: all of it lies in the store.
    assert [t for t in PERSON.values() if t.encode() not in store.read_bytes()] == []


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HEARTLOG_USER": TECHNICIAN,
        "HEARTLOG_KEYS": str(tmp_path / "keys"),
    }


def test_a_technicians_fitting_names_nobody_to_the_monitor(tmp_path: Path) -> None:
    """Typed at a terminal, question by question, for a monitor without a key: all of it is in
    clear, in its flash and in the air."""
    store = tmp_path / "store.sqlite"
    with Store.open(store) as opened:
        patients.add(opened, who=TECHNICIAN, **PERSON)
    consent = f"signed by {PERSON['name']}, {NOTE}"
    with (
        Board(record="demo", speed=8, run_dir=tmp_path / "board") as board,
        Overheard(board.run_dir, tmp_path / "heard") as air,
    ):
        backend = f"virtual:{air.run_dir}"
        command = [sys.executable, "-m", "heartlog", "fit", "--store", str(store)]
        command += ["--backend", backend, "--set", "fast=150"]
        with Typist(command, environment(tmp_path)) as technician:
            technician.answer("Make a key for this session", "n")
            technician.answer("Patient's identifier", PERSON["identifier"])
            technician.answer("Consent (who, how, when)", consent)
            technician.answer("Done?", "")
            technician.answer("Arrangement", PERSON["name"])  # by mistake
            technician.answer("Choose", "limb")
            technician.answer("All electrodes on?", "y")
            # The heart is played on meanwhile, and some of it is not quiet.
            accept, again = "Accept this strip?", "Measure again?"
            while technician.first_of(accept, again) == again:
                technician.type("y")
            technician.type("y")
            technician.wait_for("press the button")
            board.control(do="button", ms=300)
            technician.wait_for("The press arrived")
            technician.answer("Start the session?", "y")
            assert technician.leave() == 0, technician.seen[-2000:]
        assert PERSON["name"] in technician.seen
        assert "NO KEY" in technician.seen
        flash = (board.run_dir / "flash.bin").read_bytes()
    with Store.open(store) as opened:
        (session,) = opened.sessions()
        assert session.patient_name == PERSON["name"]
        assert session.consent == consent
        assert len(opened.ecg(session.id)) == 1
    assert air.connections
    assert len(air.heard) > 5000, "the ECG came through it"
    for place in (flash, air.said, air.heard):
        assert [w for w in told() if w in place] == []
    assert [t for t in PERSON.values() if t.encode() not in store.read_bytes()] == []


def test_the_search_finds_what_goes_through_the_air() -> None:
    """A name in two packets of data, and one in an event."""
    log = bytearray()
    name = PERSON["name"].encode()
    parts = (name[:9], name[9:])
    data = b"".join(bytes((2, 0x40, 0x20, len(p), 0)) + p for p in parts)
    data += bytes((4, 0x3E, len(TECHNICIAN))) + TECHNICIAN.encode()
    rest = b""
    for at in range(0, len(data), 7):
        rest = Overheard._note(rest + data[at : at + 7], log)
    assert rest == b""
    assert name in log
    assert TECHNICIAN.encode() in log


async def no_wipe(board: Board) -> int:
    """An unpaired monitor can't tell who asks: it is wiped by nobody. Its journal's number."""
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
            return monitor.info.journal
    raise AssertionError


def test_no_command_has_room_for_a_text() -> None:
    """Numbers alone go to the monitor, but for keys, nonces and the digest of an update."""
    with_bytes = {name for name, form, _ in wire.COMMANDS.values() if "s" in form}
    assert with_bytes == {"key hello", "key answer", "update begin"}
