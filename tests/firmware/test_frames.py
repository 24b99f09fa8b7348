"""Calls that must not take from the heap: their frames have 11 words at most.

MicroPython puts a larger one on the heap (py/objfun.c, VM_MAX_STATE_ON_STACK): a search of 0.2 ms
on an RP2040, which may set off a collection of garbage that takes 10 ms there. The sizes
are in the bytecode's first bytes: values and `try` blocks (py/bc.h, MP_BC_PRELUDE_SIG_DECODE).
"""

import pytest

from heartlog.image.compile import compile_mpy
from heartlog.image.places import firmware_dir
from heartlog.machine_code.mpy import RawCode, parse

WORDS = 11
WORDS_OF_A_TRY = 3
BUILT_IN = {
    125: "read",
    149: "step",
}  # names that the runtime has (py/makeqstrdata.py, static_qstr_list)

# What each turn of the main loop calls, even when there is nothing to do.
TURN = {
    "app": ("step", "rest"),
    "acquire": ("step",),
    "sampler": ("take",),
    "sampler_watch": ("verify",),
    "sampler_pio": ("take", "verify", "_arrived", "_before_cut"),
    "front": ("step",),
    "journal": ("step",),
    "strips": ("step",),
    "updating": ("step",),
    "memory": ("step",),
    "checkup": ("step",),
    "link/server": ("step", "connected"),
    "link/advertiser": ("step", "_moved"),
    "link/bonds": ("step",),
    "link/reply": ("step",),
    "link/guard": ("due", "passkey"),
}
# What runs while the sampler's interrupt is held off, or in it.
HELD = {
    "sampler": ("_on_drdy",),
    "sampler_1293": ("_on_drdy",),
    "sampler_watch": ("_audit",),
    "sampler_pio": ("_lend", "_resume"),
    "afe/driver": ("audit", "audit_running"),
    "afe/bus": ("command", "clock", "_transfer", "_exchange", "prepare", "read"),
    "afe/ads1293": ("audit", "_read_all", "_register"),
}


def _words(code: bytes) -> int:
    head = code[0]
    values, tries, n = head >> 3 & 15, head >> 2 & 1, 0
    while head & 0x80:
        head = code[n + 1]
        values |= (head & 0x30) << 2 * n
        tries |= (head & 0x02) << n
        n += 1
    return values + 1 + WORDS_OF_A_TRY * tries


def _name_at(code: bytes) -> int:
    """Where the function's name is: behind the two numbers of the prelude."""
    at = 0
    for _ in range(2):
        while code[at] & 0x80:
            at += 1
        at += 1
    return at


def frames(module: str) -> dict[str, int]:
    """The words of each function's frame, by name; the largest of those with the same one."""
    mpy = parse(compile_mpy(firmware_dir() / "monitor" / f"{module}.py", "armv6m"))
    found: dict[str, int] = {}

    def look(raw: RawCode) -> None:
        if raw.kind == "bytecode":
            at = _name_at(raw.code)
            number = raw.code[at] & 0x7F
            while raw.code[at] & 0x80:
                at += 1
                number = number << 7 | raw.code[at] & 0x7F
            name = mpy.qstrs[number]
            if isinstance(name, int):
                name = BUILT_IN.get(name, "")
            found[name] = max(found.get(name, 0), _words(raw.code))
        for child in raw.children:
            look(child)

    look(mpy.root)
    return found


@pytest.mark.parametrize("table", [TURN, HELD], ids=["turn", "held"])
def test_frames_stay_off_the_heap(table: dict[str, tuple[str, ...]]) -> None:
    large = []
    for module, names in table.items():
        sizes = frames(module)
        large += [f"{module}.{n}: {sizes[n]} words" for n in names if sizes[n] > WORDS]
    assert not large


def test_sizes_are_those_of_the_compiler() -> None:
    """Against `mpy-cross -v -v` of MicroPython 1.28: N_STATE and N_EXC_STACK."""
    sizes = frames("afe/bus")
    assert sizes["command"] == 8 + WORDS_OF_A_TRY
    assert sizes["prepare"] == 5
    assert frames("afe/driver")["configure"] == 25  # (two bytes of prelude)
