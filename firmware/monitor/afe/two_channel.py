"""ADS1191, ADS1192, ADS1291, ADS1292, ADS1292R: their registers, options and times.

Bits as drawn in SBAS502 and SBAS566. Where the chip reads something else than has to be written
(RESP1 bit 1, RESP2 bit 0: "must be 1", yet they reset to 0) both facts are here. A part with one
channel still sends two: TI says so of ADS1191 (16 status bits + 16 bits x 2), whose frames ADS1291
shares; its second slot reads zero, like any channel that is powered down.
"""

from monitor.afe.layout import Register
from monitor.afe.parts import Part

RATES = {125: 0, 250: 1, 500: 2, 1000: 3, 2000: 4, 4000: 5, 8000: 6}
GAINS = {6: 0, 1: 1, 2: 2, 3: 3, 4: 4, 8: 5, 12: 6}
VREFS = {2.42: 0, 4.033: 1}
MUXES = {
    "normal": 0,
    "shorted": 1,
    "rld": 2,
    "supply": 3,
    "temperature": 4,
    "test": 5,
    "rld_p": 6,
    "rld_n": 7,
    "rld_pn": 8,
    "in3": 9,
}
# Amperes and percent of the supply.
LEAD_OFF_AMPERES = {6e-9: 0, 22e-9: 1, 6e-6: 2, 22e-6: 3}
LEAD_OFF_PERCENT = {95: 0, 92.5: 1, 90: 2, 87.5: 3, 85: 4, 80: 5, 75: 6, 70: 7}

# From START to the first DRDY, in tMOD = 4 tCLK (SBAS502 table "Settling time").
_SETTLING_TMOD = (4100, 2052, 1028, 516, 260, 132, 68)

# Counts of tCLK (512 kHz: 1.95 us; CLK_DIV makes 512 kHz of a 2.048 MHz clock).
WAITS = {
    "power_up": 4 << 12,  # 2^12 tMOD before the first command
    "reset_low": 4,  # 1 tMOD; from 2^9 tMOD on it powers the part down
    "reset": 36,  # RESET pin high or opcode to the next command: 9 tMOD
    "decode": 4,  # tSDECODE, end of one byte to the end of the next
    "wakeup": 4,
    "cs_after": 3,  # tSCCS, last SCLK to CS high
    "cs_high": 2,  # tCSH
}
POWER_DOWN_CLOCKS = 4 << 9


def _registers(name, channels):
    respiration = name == "ADS1292R"
    old = name.startswith("ADS119")  # SBAS566 calls the same two registers MISC1 and MISC2
    channel = "PD GAIN[3] MUX[4]"
    values = {
        "GAIN": {str(k): v for k, v in GAINS.items()},
        "MUX": MUXES,
    }
    rows = [
        Register(0x00, "ID", 0, "!ID[8]"),
        Register(0x01, "CONFIG1", 0x02, "SINGLE_SHOT 0 0 0 0 DR[3]", {"DR": _named(RATES)}),
        Register(
            0x02,
            "CONFIG2",
            0x80,
            "1 PDB_LOFF_COMP PDB_REFBUF VREF_4V CLK_EN 0 INT_TEST TEST_FREQ",
        ),
        Register(
            0x03,
            "LOFF",
            0x10,
            "COMP_TH[3] 1 ILEAD_OFF[2] 0 FLEAD_OFF",
            {
                "COMP_TH": {"%g%%" % k: v for k, v in LEAD_OFF_PERCENT.items()},
                "ILEAD_OFF": {"%gnA" % (k * 1e9): v for k, v in LEAD_OFF_AMPERES.items()},
            },
        ),
        Register(0x04, "CH1SET", 0x00, channel, values),
        Register(0x05, "CH2SET", 0x00, channel, values),
        Register(
            0x06,
            "RLD_SENS",
            0x00,
            "CHOP[2] PDB_RLD RLD_LOFF_SENS RLD2N RLD2P RLD1N RLD1P",
        ),
        Register(0x07, "LOFF_SENS", 0x00, "0 0 FLIP2 FLIP1 LOFF2N LOFF2P LOFF1N LOFF1P"),
        Register(
            0x08,
            "LOFF_STAT",
            0x00,
            "0 CLK_DIV 0 ~RLD_STAT ~IN2N_OFF ~IN2P_OFF ~IN1N_OFF ~IN1P_OFF",
        ),
        Register(
            0x09,
            "MISC1" if old else "RESP1",
            0x00,
            "DEMOD_EN MOD_EN PH[4] 1 CTRL" if respiration else "0 0 0 0 0 0 1 0",
        ),
        Register(
            0x0A,
            "MISC2" if old else "RESP2",
            0x02,
            "CALIB_ON 0 0 0 0 %s RLDREF_INT 1" % ("FREQ" if respiration else "0"),
        ),
        Register(0x0B, "GPIO", 0x0C, "0 0 0 0 GPIOC[2] ~GPIOD[2]"),
    ]
    return rows


def _named(numbers):
    return {str(k): v for k, v in numbers.items()}


def build(name, id_mask, id_value):
    channels = 1 if name in ("ADS1191", "ADS1291") else 2
    return Part(
        name,
        id_mask,
        id_value,
        _registers(name, channels),
        family="two",
        bits=16 if name[3:5] == "11" else 24,
        channels=channels,
        slots=2,
        tclk_ns=1953,
        rates=RATES,
        low_power_rates={},
        gains=GAINS,
        vrefs=VREFS,
        default_vref=2.42,
        muxes=MUXES,
        lead_off_amperes=LEAD_OFF_AMPERES,
        lead_off_percent=LEAD_OFF_PERCENT,
        respiration=name == "ADS1292R",
        waits=WAITS,
        power_down_clocks=POWER_DOWN_CLOCKS,
        settling={code: 4 * tmod for code, tmod in enumerate(_SETTLING_TMOD)},
    )
