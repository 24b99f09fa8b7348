"""`make emulate`: the whole MicroPython image on an emulated RP2040, when the user has one."""

import asyncio
import os
from pathlib import Path

import pytest

from heartlog.emulate.__main__ import main


@pytest.mark.slow
@pytest.mark.parametrize("pio", [False, True])
def test_samplers_on_an_emulated_board(pio: bool) -> None:
    uf2 = os.environ.get("HEARTLOG_UF2")
    if not uf2:
        pytest.skip("HEARTLOG_UF2 is not set: no registry ships a MicroPython image for RP2040")
    from heartlog.emulate.__main__ import emulate

    figures = asyncio.run(emulate(Path(uf2), "pico_w", 500, 5, pio))
    assert figures["lost"] == 0
    assert figures["overruns"] == 0
    assert figures["complaints"] == []


def test_without_an_image_it_says_where_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    told = capsys.readouterr().err
    assert "none is shipped" in told
    assert "micropython.org" in told
    assert "UF2=" in told
