"""The command line in a process of its own, and sessions with known facts in a real store."""

from pathlib import Path

import numpy as np
import pytest

from heartlog.store import Record, Store

START = 1_750_000_000.0
"""2025-06-15 15:06:40 UTC."""
RATE = 250.0


@pytest.fixture(scope="session")
def steady_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one session; see `steady_session`."""
    file = tmp_path_factory.mktemp("store") / "heartlog.sqlite"
    steady_session(file)
    return file


def steady_session(file: Path) -> int:
    """60 s of a beat each 0.8 s; 10 s of lead off (LA); 5 s gap; 45 s of a beat each 0.5 s."""
    with Store.open(file) as store:
        session = store.open_session(
            "e66178c4a7301c2f", started_at=START, rate=RATE, board="virtual", part="ADS1292R"
        )
        made: list[tuple[int, str, dict[str, object]]] = [
            (0, "boot", {"rate": 250, "boot": 1}),
            (0, "sync", {"host_time": START, "uncertainty_ms": 5.0}),
            (60 * 250, "signal", {"state_name": "lead off", "electrodes_off": "LA"}),
            (70 * 250, "signal", {"state_name": "good", "electrodes_off": ""}),
            (70 * 250, "gap", {"lost": 5 * 250, "reason_name": "samples overran"}),
            (100 * 250, "event", {"name": "button", "kind": 1, "strip": 1}),
            (120 * 250, "signal", {"state_name": "good", "electrodes_off": ""}),
        ]
        made += beats(0, 60, 200)
        made += beats(75, 120, 125)
        made.sort(key=lambda row: row[0])
        records = [Record(seq, kind, at, f) for seq, (at, kind, f) in enumerate(made, 1)]
        store.append(session.id, records)
        t = np.arange(20 * 250) / RATE
        codes = (20000 * np.sin(2 * np.pi * 2 * t) ** 30).astype(np.int32)
        store.append_ecg(session.id, 1, 90 * 250, codes, rate=RATE, nv_per_code=48.08)
        store.mark_complete(session.id, START + 120)
        return session.id


def beats(first_s: int, last_s: int, step: int) -> list[tuple[int, str, dict[str, object]]]:
    """Beats each `step` samples; the first one's interval is unknown."""
    at = range(first_s * 250 + step, last_s * 250, step)
    return [
        (i, "beat", {"rr": 0 if n == 0 else step, "amplitude_uv": 900, "kind": 1})
        for n, i in enumerate(at)
    ]
