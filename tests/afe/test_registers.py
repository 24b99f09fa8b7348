"""The parts' tables against a second reading of the data sheets, written without the tables.

Driver, models, dump and the other tests read the same tables: what is wrong there, all of them
believe. So each register is here again, in another notation: address, name, value after reset,
then what it consists of as masks; 1: and 0: are bits that have to be written so. SBAS502 and
SBAS566 (two channels), SBAS459, SBAS471 and SBAS499 (four to eight).
"""

import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

TWO = """
00 ID        -- FF:ID
01 CONFIG1   02 80:SINGLE_SHOT 07:DR 0:78
02 CONFIG2   80 40:PDB_LOFF_COMP 20:PDB_REFBUF 10:VREF_4V 08:CLK_EN 02:INT_TEST 01:TEST_FREQ 1:80 \
 0:04
03 LOFF      10 E0:COMP_TH 0C:ILEAD_OFF 01:FLEAD_OFF 1:10 0:02
04 CH1SET    00 80:PD 70:GAIN 0F:MUX
05 CH2SET    00 80:PD 70:GAIN 0F:MUX
06 RLD_SENS  00 C0:CHOP 20:PDB_RLD 10:RLD_LOFF_SENS 08:RLD2N 04:RLD2P 02:RLD1N 01:RLD1P
07 LOFF_SENS 00 20:FLIP2 10:FLIP1 08:LOFF2N 04:LOFF2P 02:LOFF1N 01:LOFF1P 0:C0
08 LOFF_STAT 00 40:CLK_DIV 10:RLD_STAT 08:IN2N_OFF 04:IN2P_OFF 02:IN1N_OFF 01:IN1P_OFF 0:A0
0B GPIO      0C 0C:GPIOC 03:GPIOD 0:F0
"""
TWO_OLD = "09 MISC1 00 1:02 0:FD\n0A MISC2 02 80:CALIB_ON 02:RLDREF_INT 1:01 0:7C"
TWO_NEW = "09 RESP1 00 1:02 0:FD\n0A RESP2 02 80:CALIB_ON 02:RLDREF_INT 1:01 0:7C"
TWO_R = (
    "09 RESP1 00 80:DEMOD_EN 40:MOD_EN 3C:PH 01:CTRL 1:02\n"
    "0A RESP2 02 80:CALIB_ON 04:FREQ 02:RLDREF_INT 1:01 0:78"
)

# What ADS119x, ADS129x and ADS1299 have alike, but for the names of the right-leg drive.
EIGHT = """
00 ID         -- FF:ID
0D {B}_SENSP  00 each:{B}*P
0E {B}_SENSN  00 each:{B}*N
0F LOFF_SENSP 00 each:LOFF*P
10 LOFF_SENSN 00 each:LOFF*N
11 LOFF_FLIP  00 each:FLIP*
12 LOFF_STATP 00 all:IN*P_OFF
13 LOFF_STATN 00 all:IN*N_OFF
14 GPIO       0F F0:GPIOD 0F:GPIOC
"""
WCT = """
18 WCT1 00 80:AVF_CH6 40:AVL_CH5 20:AVR_CH7 10:AVR_CH4 08:PD_WCTA 07:WCTA
19 WCT2 00 80:PD_WCTC 40:PD_WCTB 38:WCTB 07:WCTC
15 PACE 00 18:PACEE 06:PACEO 01:PD_PACE 0:E0
03 CONFIG3 40 80:PD_REFBUF 20:VREF_4V 10:RLD_MEAS 08:RLDREF_INT 04:PD_RLD 02:RLD_LOFF_SENS \
 01:RLD_STAT 1:40
04 LOFF 00 E0:COMP_TH 10:VLEAD_OFF_EN 0C:ILEAD_OFF 03:FLEAD_OFF
channel 00 80:PD 70:GAIN 07:MUX 0:08
"""
SERIES = {
    "119x": WCT
    + """
01 CONFIG1 04 40:DAISY_EN 20:CLK_EN 07:DR 0:98
02 CONFIG2 20 10:INT_TEST 04:TEST_AMP 03:TEST_FREQ 1:20 0:C8
16 RESERVED 00 0:FF
17 CONFIG4 00 08:SINGLE_SHOT 04:WCT_TO_RLD 02:PD_LOFF_COMP 0:F1
""",
    "129x": WCT
    + """
01 CONFIG1 06 80:HR 40:DAISY_EN 20:CLK_EN 07:DR 0:18
02 CONFIG2 00 20:WCT_CHOP 10:INT_TEST 04:TEST_AMP 03:TEST_FREQ 0:C8
17 CONFIG4 00 E0:RESP_FREQ 08:SINGLE_SHOT 04:WCT_TO_RLD 02:PD_LOFF_COMP 0:11
""",
    "1299": """
01 CONFIG1 96 40:DAISY_EN 20:CLK_EN 07:DR 1:90 0:08
02 CONFIG2 C0 10:INT_TEST 04:TEST_AMP 03:TEST_FREQ 1:C0 0:28
03 CONFIG3 60 80:PD_REFBUF 10:BIAS_MEAS 08:BIASREF_INT 04:PD_BIAS 02:BIAS_LOFF_SENS \
 01:BIAS_STAT 1:60
04 LOFF 00 E0:COMP_TH 0C:ILEAD_OFF 03:FLEAD_OFF 0:10
channel 61 80:PD 70:GAIN 08:SRB2 07:MUX
15 MISC1 00 20:SRB1 0:DF
16 MISC2 00 0:FF
17 CONFIG4 00 08:SINGLE_SHOT 02:PD_LOFF_COMP 0:F5
""",
}
RESP = "16 RESP 00 1:20 0:DF"
RESP_R = "16 RESP 00 80:DEMOD_EN 40:MOD_EN 1C:PH 03:CTRL 1:20"

# What changes by itself or can't be written: it must not count as a register that changed.
STATUS = {
    *("ID", "RLD_STAT", "BIAS_STAT", "GPIOD", "IN1P_OFF", "IN1N_OFF", "IN2P_OFF", "IN2N_OFF"),
    *(f"IN{n}{end}_OFF" for n in range(3, 9) for end in "PN"),
}

# ID, channels, bits, bytes of status, bytes of a frame, registers.
SHAPES = {
    "ADS1191": (0x50, 1, 16, 2, 6, 12),
    "ADS1192": (0x51, 2, 16, 2, 6, 12),
    "ADS1291": (0x52, 1, 24, 3, 9, 12),
    "ADS1292": (0x53, 2, 24, 3, 9, 12),
    "ADS1292R": (0x73, 2, 24, 3, 9, 12),
    "ADS1194": (0xB4, 4, 16, 3, 11, 26),
    "ADS1196": (0xB5, 6, 16, 3, 15, 26),
    "ADS1198": (0xB6, 8, 16, 3, 19, 26),
    "ADS1294": (0x90, 4, 24, 3, 15, 26),
    "ADS1296": (0x91, 6, 24, 3, 21, 26),
    "ADS1298": (0x92, 8, 24, 3, 27, 26),
    "ADS1294R": (0xD0, 4, 24, 3, 15, 26),
    "ADS1296R": (0xD1, 6, 24, 3, 21, 26),
    "ADS1298R": (0xD2, 8, 24, 3, 27, 26),
    "ADS1299-4": (0x3C, 4, 24, 3, 15, 24),
    "ADS1299-6": (0x3D, 6, 24, 3, 21, 24),
    "ADS1299": (0x3E, 8, 24, 3, 27, 24),
}


@pytest.fixture(autouse=True)
def _rooms(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(REPOSITORY / "firmware"))
    yield
    for name in [n for n in sys.modules if n.split(".")[0] == "monitor"]:
        del sys.modules[name]


def sheet(part: str) -> list[str]:
    """The lines that hold for a part."""
    channels = SHAPES[part][1]
    if SHAPES[part][5] == 12:
        more = TWO_OLD if part.startswith("ADS119") else TWO_R if part[-1] == "R" else TWO_NEW
        return (TWO + more).split("\n")
    series = "1299" if "1299" in part else "119x" if "119" in part else "129x"
    lines = (EIGHT.format(B="BIAS" if series == "1299" else "RLD") + SERIES[series]).split("\n")
    if series == "129x":
        lines.append(RESP_R if part[-1] == "R" else RESP)
    found = []
    for line in lines:
        words = line.split()
        if words[:1] == ["channel"]:
            for n in range(1, 9):
                rest = " ".join(words[1:]) if n <= channels else "00 0:FF"
                found.append(f"{4 + n:02X} CH{n}SET {rest}")
        elif words and words[-1].startswith(("each:", "all:")):
            how, name = words.pop().split(":")
            have = channels if how == "each" else 8
            words += [f"{1 << n - 1:02X}:{name.replace('*', str(n))}" for n in range(1, have + 1)]
            if have < 8:
                words.append(f"0:{0xFF & ~((1 << have) - 1):02X}")
            found.append(" ".join(words))
        else:
            found.append(line)
    return found


@pytest.mark.parametrize("part", SHAPES)
def test_every_register_is_as_the_sheet_draws_it(part: str) -> None:
    from monitor.afe import parts

    table = parts.find(part)
    seen = set()
    for line in sheet(part):
        if not line:
            continue
        address, name, reset, *pieces = line.split()
        register = table[name]
        seen.add(name)
        assert register.address == int(address, 16), name
        if reset != "--":
            assert register.reset == int(reset, 16), name
        ones = zeros = quiet = 0
        fields = {}
        for piece in pieces:
            left, right = piece.split(":")
            if left in ("0", "1"):
                ones |= int(right, 16) if left == "1" else 0
                zeros |= int(right, 16) if left == "0" else 0
            else:
                fields[right] = int(left, 16)
                quiet |= int(left, 16) if right in STATUS or right == "CLK_DIV" else 0
        assert ones | zeros | sum(fields.values()) == 0xFF, f"this test's own {name}"
        assert register.ones == ones, name
        assert register.reserved == ones | zeros, name
        known = {n: ((1 << width) - 1) << shift for n, shift, width in register.fields}
        assert known == fields, name
        if name == "LOFF_STAT":
            quiet &= ~0x40  # the clock's divider is written there
        absent = name.startswith("CH") and int(name[2]) > SHAPES[part][1] > 2
        assert register.compared() == (0 if absent else 0xFF & ~quiet), name
    assert seen == {r.name for r in table.registers}


@pytest.mark.parametrize("part", SHAPES)
def test_identity_and_frame(part: str) -> None:
    from monitor.afe import parts

    identity, channels, bits, status, frame, registers = SHAPES[part]
    assert parts.name_of(identity) == part
    table = parts.find(identity)
    assert table.name == part
    assert table.channels == channels
    assert table.bits == bits
    assert (table.status_bytes, table.frame_bytes) == (status, frame)
    assert len(table.registers) == registers
    assert table.power_down_clocks == (4 * 512 if registers == 12 else 0)  # 2^9 tMOD
    # 1100, and on parts with two channels the zeros at the end of 16 or 24 bits.
    two = registers == 12
    for good in (0xC00000, 0xC00000 | 0x0FE000, *(() if two else (0xCFFFFF,))):
        assert good & table.sync_mask == table.sync
    for bad in (0x600000, 0xD00000, 0x800000, 0x000000, *((0xC01000, 0xC00001) if two else ())):
        assert bad & table.sync_mask != table.sync


def test_options() -> None:
    """Codes of gains, rates, references, inputs, thresholds and currents, by the sheets."""
    from monitor.afe import parts

    common = dict(enumerate((6, 1, 2, 3, 4, 8, 12)))
    inputs = ["normal", "shorted", "rld", "supply", "temperature", "test", "rld_p", "rld_n"]
    percent = dict(enumerate((95, 92.5, 90, 87.5, 85, 80, 75, 70)))
    for name, shape in SHAPES.items():
        part = parts.find(name)
        two, is_1299 = shape[5] == 12, "1299" in name
        gains = dict(enumerate((1, 2, 4, 6, 8, 12, 24))) if is_1299 else common
        assert {v: k for k, v in part.gains.items()} == gains
        assert {v: k for k, v in part.lead_off_percent.items()} == percent
        names = [*inputs, "rld_pn", "in3"] if two else inputs
        assert {v: k for k, v in part.muxes.items()} == dict(enumerate(names))
        amperes = (
            (6e-9, 22e-9, 6e-6, 22e-6)
            if two
            else (6e-9, 24e-9, 6e-6, 24e-6)
            if is_1299
            else (6e-9, 12e-9, 18e-9, 24e-9)
        )
        assert {v: k for k, v in part.lead_off_amperes.items()} == dict(enumerate(amperes))
        vrefs = (2.42, 4.033) if two else (4.5,) if is_1299 else (2.4, 4.0)
        assert {v: k for k, v in part.vrefs.items()} == dict(enumerate(vrefs))
        assert part.default_vref == vrefs[0]
        if two:
            rates, low = [125 << n for n in range(7)], []
        elif name.startswith("ADS119"):
            rates, low = [8000 >> n for n in range(7)], []
        elif is_1299:
            rates, low = [16000 >> n for n in range(7)], []
        else:
            rates, low = [32000 >> n for n in range(7)], [16000 >> n for n in range(7)]
        assert {v: k for k, v in part.rates.items()} == dict(enumerate(rates))
        assert {v: k for k, v in part.low_power_rates.items()} == dict(enumerate(low))
        assert part.respiration == (name[-1] == "R")
        # 24 bits, VREF 2.42 V, gain 6: 48.08 nV a code.
        top = 32767 if shape[2] == 16 else 8388607
        assert part.code_volts(6, vrefs[0]) == pytest.approx(vrefs[0] / 6 / top, rel=1e-12)
