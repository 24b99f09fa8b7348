"""The self-test of a virtual monitor, by cable and over the air: a fault fails its own test."""

import datetime as dt
import io
import json
import re
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb

from heartlog._firmware.monitor import limits
from heartlog._firmware.monitor.link import wire
from heartlog.cli import main
from heartlog.image import ImageInfo, build_image
from heartlog.records import equipment
from heartlog.selftest.cable import Calibration, parse_kept
from heartlog.selftest.figures import Figure, Report
from heartlog.selftest.keep import keep
from heartlog.store import Store

virtual_board = pytest.importorskip("virtual_board")
pytestmark = pytest.mark.usefixtures("micropython")

# (faults of the front end's model or electrodes, what fails); the others: tests/afe/checks.
FAULTS: list[tuple[dict[str, Any], set[int]]] = [
    ({}, set()),
    ({"noise": 4}, {limits.NOISE, limits.PEAK}),
    ({"electrode": "LA"}, {limits.LEADS}),
]


def heartlog(*arguments: str) -> tuple[int, str, str]:
    """A command as a person runs it: exit code, stdout, stderr."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(list(arguments))
    code = ended.value.code
    return int(code or 0), out.getvalue(), err.getvalue()


def by_cable(board: Any, command: str, *arguments: str) -> tuple[int, str, str]:
    """`heartlog device COMMAND` on the virtual board, which has booted again when it returns."""
    port = json.loads((Path(board.run_dir) / "board.json").read_text())["console"]
    before = getattr(board, "boots_seen", 1)  # (at its REPL an empty board tells nothing)
    done = heartlog("device", command, "virtual", "--port", port, *arguments)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        status = board.control(do="status")
        if status["boots"] > before and status.get("samples", 0) > 50:
            board.boots_seen = status["boots"]
            break
        time.sleep(0.1)
    return done


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> ImageInfo:
    return build_image("virtual", tmp_path_factory.mktemp("x64") / "image")


@pytest.fixture(scope="module")
def monitor(image: ImageInfo) -> Iterator[Any]:
    with virtual_board.Board(record="flat", image=image.folder, speed=0) as board:
        yield board


def test_each_fault_fails_its_own_test_over_the_air(monitor: Any, tmp_path: Path) -> None:
    backend = f"virtual:{monitor.run_dir}"
    arguments = ["selftest", "--backend", backend, "--electrodes", "connected", "--json"]
    arguments += ["--store", str(tmp_path / "store.sqlite")]
    for faults, expected in FAULTS:
        given = dict(faults)
        electrode = given.pop("electrode", None)
        if electrode:
            monitor.control(do="electrode", name=electrode, on=False)
        monitor.control(do="afe", fault=given)
        code, out, err = heartlog(*arguments)
        told = json.loads(out)
        monitor.control(do="afe", fault={"noise": 1})
        if electrode:
            monitor.control(do="electrode", name=electrode, on=True)
        assert told["broken_off"] is None, (faults, err)
        names = {name for name, _, _ in (limits.MEASURED[code] for code in expected)}
        failed = {f["name"].partition(" CH")[0] for f in told["figures"] if not f["passed"]}
        assert failed == names, (faults, [f for f in told["figures"] if not f["passed"]])
        assert code == (1 if expected else 0), (faults, err)
        assert told["passed"] is (not expected)
        assert len(told["figures"]) == 18
    assert monitor.complaints == []


def test_the_gap_says_why_and_a_session_forbids_it(monitor: Any, tmp_path: Path) -> None:
    import asyncio

    from heartlog.ble import find_monitor, open_backend
    from heartlog.errors import CommandError
    from heartlog.link import Monitor
    from heartlog.selftest.air import over_the_air

    def why(record: Any) -> int:
        return int(record.values["reason"]) if record.kind == wire.GAP else 0

    async def go() -> tuple[list[Any], Report]:
        seen: list[Any] = []
        async with open_backend(f"virtual:{monitor.run_dir}") as backend:
            found = await find_monitor(backend)
            async with Monitor(backend, found.device) as link:
                start = (await link.status())["next_seq"]
                await link.start_session(7)
                with pytest.raises(CommandError, match="a session is running"):
                    await over_the_air(link, "connected", sleep=backend.clock.sleep)
                await link.stop_session()
                report = await over_the_air(link, "connected", sleep=backend.clock.sleep)
                await backend.clock.sleep(1.0)
                async for batch in link.records(start - 1):
                    seen += batch.records
                    if any(why(r) == wire.GAP_SELFTEST for r in seen):
                        return seen, report
        raise AssertionError

    records, report = asyncio.run(go())
    assert report.passed
    gap = next(r for r in records if why(r) == wire.GAP_SELFTEST)
    assert 10 * 250 < gap.values["lost"] < 25 * 250
    states = [r.values["state"] for r in records if r.kind == wire.SIGNAL]
    assert wire.SIGNAL_FAULT in states  # nobody takes it for an ECG meanwhile


def test_a_charger_ends_it(monitor: Any) -> None:
    import asyncio

    from heartlog.ble import find_monitor, open_backend
    from heartlog.link import Monitor
    from heartlog.selftest.air import over_the_air

    async def go() -> Report:
        async with open_backend(f"virtual:{monitor.run_dir}") as backend:
            found = await find_monitor(backend)
            async with Monitor(backend, found.device) as link:

                def plug(_figure: Figure) -> None:
                    monitor.control(do="charger", on=True)

                return await over_the_air(link, "open", plug, backend.clock.sleep)

    report = asyncio.run(go())
    monitor.control(do="charger", on=False)
    assert "charger" in report.broken_off
    assert not report.passed


def test_by_cable_into_the_equipment_record(image: ImageInfo, tmp_path: Path) -> None:
    """A known signal of 1 mV at the electrodes of a board whose scale is 2 % too high."""
    t = np.arange(250 * 20) / 250
    square = np.where(t % 1.0 < 0.5, 0.5, -0.5)
    wfdb.wrsamp(
        "square", fs=250, units=["mV", "mV"], sig_name=["I", "II"],
        p_signal=np.column_stack([square, square]), fmt=["16", "16"], write_dir=str(tmp_path),
    )  # fmt: skip
    empty = tmp_path / "empty.py"
    empty.write_text("")
    store = str(tmp_path / "store.sqlite")
    with virtual_board.Board(
        record=str(tmp_path / "square"),
        image=image.folder,
        speed=20,  # as fast as it can would keep the cable's other end from its turn
        loop=True,
        console=True,
        flash_bytes=2 << 20,
        files={"/main.py": str(empty)},
    ) as board:
        code, _, err = by_cable(board, "flash", "--wait", "0")
        assert code == 0, err
        unique = board.control(do="status")["unique_id"]
        with Store.open(store) as opened:
            equipment.add(opened, "HL-7", device_id=unique)
        arguments = ["--store", store, "--by", "Ada", "--electrodes", "connected"]
        code, out, err = by_cable(board, "selftest", *arguments)
        assert code == 0, err
        assert "input-short noise CH1" in out
        assert "Passed: 18 figures." in out
        assert "Kept in the equipment record of HL-7." in err
        assert all(len(line.rstrip()) <= 80 for line in out.splitlines()), out
        board.control(do="afe", fault={"gain_ppm": 20000})
        code, out, err = by_cable(board, "calibrate", *arguments, "--known-uv", "1000")
        assert code == 0, err
        assert re.search(r"\+(1\.9[89]|2\.0[012]) %", out), out
        today = dt.datetime.now(dt.UTC).date().isoformat()
        code, out, _ = by_cable(board, "info")
        assert today in out
        assert "signal of 1000 uV" in out
        # The monitor that starts now has it in its scale, and in what it journals.
        records = _boot_records(board)
        assert records[-1]["pv_per_code"] == pytest.approx(48081 / 1.02, abs=8)
        code, _, err = by_cable(board, "calibrate", *arguments, "--known-uv", "1900")
        assert code == 1
        assert "more than 5 %" in err
    with Store.open(store) as opened:
        kinds = [(entry.kind, entry.passed) for entry in equipment.history(opened, "HL-7")]
    assert sorted(kinds) == [("calibration", True), ("self-test", True), ("self-test", True)]


def _boot_records(board: Any) -> list[dict[str, int]]:
    """BOOT records, over the air, of the monitor that has just started."""
    import asyncio

    from heartlog.ble import find_monitor, open_backend
    from heartlog.link import Monitor

    async def go() -> list[dict[str, int]]:
        found: list[dict[str, int]] = []
        async with open_backend(f"virtual:{board.run_dir}") as backend:
            device = (await find_monitor(backend)).device
            async with Monitor(backend, device) as link:
                end = (await link.status())["next_seq"]
                async for batch in link.records(0):
                    found += [r.values for r in batch.records if r.kind == wire.BOOT]
                    if batch.records and batch.records[-1].seq >= end - 1:
                        return found
        return found

    return asyncio.run(go())


def test_nonsense(tmp_path: Path) -> None:
    store = ["--store", str(tmp_path / "s")]
    code, _, err = heartlog("selftest", "--electrodes", "maybe", *store)
    assert (code, "open" in err) == (2, True)
    code, _, err = heartlog("device", "calibrate", "virtual", "--known-uv", "-3", *store)
    assert (code, "no signal to calibrate with" in err) == (2, True)
    assert parse_kept(b"{") is None
    assert parse_kept(b'{"part": 1}') is None
    kept = b'{"part":"ADS1292","date":"2026-01-02","gain_ppm":[1],"offset_codes":[2],'
    kept += b'"rate_ppm":3,"source":"internal"}'
    found = parse_kept(kept)
    assert found == Calibration("ADS1292", "2026-01-02", (1,), (2,), 3, "internal")
    assert "not applied" in found.words()


def test_a_report_that_was_broken_off_is_no_pass(tmp_path: Path) -> None:
    figure = Figure(99, 2, 1.0, 0.0, 2.0, True)  # of a later version
    assert figure.name == "measurement 99 CH2"
    report = Report("00", "open", figures=[figure], broken_off="no data ready")
    assert not report.passed
    assert not Report("00", "open").passed
    with Store.open(str(tmp_path / "s")) as store:
        assert keep(store, report) is None
        equipment.add(store, "HL-1", device_id="00")
        assert keep(store, report) == "HL-1"
        assert "no data ready" in equipment.history(store, "HL-1")[0].text
