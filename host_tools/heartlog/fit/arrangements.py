"""Where electrodes go, with both colour codes and a drawing for the terminal.

Colours: IEC 60601-2-25/-47 (Europe and elsewhere) and AAMI EC53, called AHA (North America).
"""

from dataclasses import dataclass

NAMES = {
    "RA": "right arm",
    "LA": "left arm",
    "LL": "left leg",
    "RL": "right leg (reference)",
    "V1": "chest V1",
    "V5": "chest V5",
}
IEC = {
    "RA": "red",
    "LA": "yellow",
    "LL": "green",
    "RL": "black",
    "V1": "white/red",
    "V5": "white/black",
}
AHA = {
    "RA": "white",
    "LA": "black",
    "LL": "red",
    "RL": "green",
    "V1": "brown/red",
    "V5": "brown/orange",
}


def colours(electrode: str) -> str:
    """Both codes of an electrode in one word: `IEC red, AHA white`; empty for an unknown one."""
    if electrode not in IEC:
        return ""
    return f"IEC {IEC[electrode]}, AHA {AHA[electrode]}"


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Electrodes and their sites; `drawing` is at most 40 columns wide."""

    name: str
    title: str
    sites: dict[str, str]
    drawing: str


_TORSO = r"""
   (your right)         (your left)
        .--------.   .--------.
       /          \_/          \
      |   RA                LA  |
      |    o       |        o   |
      |            |            |
      |            |            |
      |            |            |
      |    o                o   |
      |   RL                LL  |
       \                       /
"""
_TORSO_2 = r"""
   (your right)         (your left)
        .--------.   .--------.
       /          \_/          \
      |   RA                LA  |
      |    o       |        o   |
      |         V1 o            |
      |            |       V5   |
      |            |        o   |
      |    o                o   |
      |   RL                LL  |
       \                       /
"""

_LIMBS = {
    "RA": "below the right collar bone, on bone rather than muscle",
    "LA": "below the left collar bone, on bone rather than muscle",
    "LL": "lowest left rib, in the line of the nipple",
    "RL": "lowest right rib (reference)",
}
ARRANGEMENTS = {
    "limb": Arrangement("limb", "Four electrodes: leads I and II", _LIMBS, _TORSO.strip("\n")),
    "limb-v5": Arrangement(
        "limb-v5",
        "Six electrodes: leads I, II, V1 and V5",
        {
            **_LIMBS,
            "V1": "fourth space between the ribs, right edge of the breast bone",
            "V5": "fifth space between the ribs, front of the left armpit",
        },
        _TORSO_2.strip("\n"),
    ),
}

PREPARATION = (
    "Ask for the patient's consent and say what the monitor does and does not do.",
    "Never while plugged in: nothing on mains power may be wired to patient or monitor.",
    "Not a certified medical device: for learning and research; nobody watches it meanwhile.",
    "Clip hair where an electrode goes; don't shave.",
    "Clean with alcohol or soap, let it dry; rub lightly with gauze or abrasive tape.",
    "Fresh electrodes, gel still moist; press the rim first, then the middle.",
    "A loop of cable under a strip of tape at each electrode takes the pull.",
)


def told(electrode: str) -> str:
    """Return an electrode in words: "LA, left arm (yellow IEC, black AHA)"."""
    name = NAMES.get(electrode)
    if name is None:
        return electrode
    return f"{electrode}, {name} ({IEC[electrode]} IEC, {AHA[electrode]} AHA)"
