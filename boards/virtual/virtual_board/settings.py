"""Everything that can be set on a virtual board, and what is passed to its boot program."""

import dataclasses
import hashlib
import json
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heartlog.errors import CommandError, UsageProblem

STACKS = ("nimble", "btstack")
# Leads that each front end converts (Texas Instruments' data sheets).
PARTS = {
    "ADS1191": 1,
    "ADS1192": 2,
    "ADS1291": 1,
    "ADS1292": 2,
    "ADS1292R": 2,
    "ADS1293": 3,
    "ADS1194": 4,
    "ADS1196": 6,
    "ADS1198": 8,
    "ADS1294": 4,
    "ADS1296": 6,
    "ADS1298": 8,
    "ADS1294R": 4,
    "ADS1296R": 6,
    "ADS1298R": 8,
    "ADS1299-4": 4,
    "ADS1299-6": 6,
    "ADS1299": 8,
}
# What a Pico W leaves of its 2 MB for the file system.
FLASH_BYTES = 848 * 1024
# Reset causes as runtime/machine.py numbers them. A power cut and the RUN pin look like power-on.
CAUSES = {
    "power": 1,
    "power cut": 1,
    "pin": 1,
    "hard": 2,
    "bootloader": 2,
    "watchdog": 3,
    "deepsleep": 4,
    "soft": 5,
}


@dataclass(frozen=True)
class Settings:
    """How a virtual board is made; every field has the value of an ordinary board.

    record: a WFDB record's path, "demo" (five minutes of MIT-BIH 208), or "flat" (no heart).
    speed: 1 is real time, N is N times that, 0 as fast as it can.
    part: the front end's name, or None for a board without one.
    unique: the microcontroller's 8 bytes; by default made from the run directory's name.
    epoch: UNIX time of the first power-on; by default this computer's clock.
    paused: time stands still from the first instruction on, until the command "run" or "pause".
    cpu: how many times longer the firmware's computing takes there than here; 0: no time at all.
    bulk: hand the sampler whole blocks, for days of wear in minutes; see runtime/bulk.py.
    ticks_ms: where `time.ticks_ms` starts (it wraps at 2^30).
    radio: faults of the link from the start, as the control command "radio" takes them.
    console: offer the board's REPL on a serial port, as USB does; its name is in board.json.
    card_bytes: size of the memory card for whole ECG; 0: none is fitted.
    files: path on the board -> file here, put on a flash that is new.
    hci_port, control_port: TCP ports on this computer; 0 takes free ones.
    """

    run_dir: Path
    image: Path
    record: str = "demo"
    speed: float = 1.0
    part: str | None = "ADS1292R"
    stack: str = "nimble"
    hold: bool = False
    paused: bool = False
    cpu: float = 0.0
    bulk: bool = False
    loop: bool = False
    unique: bytes = b""
    epoch: float = 0.0
    ticks_ms: int = 0
    flash_bytes: int = FLASH_BYTES
    card_bytes: int = 0
    erase_us: int = 45000
    program_us: int = 400
    battery_mv: int = 3900
    temperature: float = 33.0
    charging: bool = False
    seed: int = 1
    heap: str = "16M"
    hci_port: int = 0
    control_port: int = 0
    console: bool = False
    radio: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """For the supervisor's process."""
        values = dataclasses.asdict(self)
        values.update(run_dir=str(self.run_dir), image=str(self.image), unique=self.unique.hex())
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> "Settings":
        """The reverse of `to_json`."""
        values = json.loads(text)
        values.update(
            run_dir=Path(values["run_dir"]),
            image=Path(values["image"]),
            unique=bytes.fromhex(values["unique"]),
        )
        return cls(**values)

    def checked(self) -> "Settings":
        """With every default filled in.

        Raises:
            CommandError: a value makes no sense.
        """
        if self.stack not in STACKS:
            raise UsageProblem(
                f"There is no Bluetooth stack {self.stack!r}.", f"Choose {' or '.join(STACKS)}."
            )
        if self.part is not None and self.part not in PARTS:
            raise UsageProblem(
                f"There is no front end {self.part!r}.", f"Choose one of {', '.join(PARTS)}."
            )
        if self.speed < 0:
            raise UsageProblem(
                f"A speed of {self.speed:g} makes no sense.",
                "1 is real time, 20 is twenty times that, 0 is as fast as it can.",
            )
        if self.unique and len(self.unique) != 8:
            raise UsageProblem(
                f"The board's id has {len(self.unique)} bytes, not 8.", "Give 16 hex digits."
            )
        if not (self.image / "main.py").is_file():
            raise CommandError(
                f"{self.image} holds no firmware image (there is no main.py in it).",
                "Build one: make image BOARD=virtual",
            )
        unique = self.unique or hashlib.sha256(str(self.run_dir).encode()).digest()[:8]
        return dataclasses.replace(self, unique=unique, epoch=self.epoch or time.time())


def default_run_dir() -> Path:
    """`heartlog-virtual` in $XDG_RUNTIME_DIR or the temporary folder, where the host looks."""
    return Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / "heartlog-virtual"


def default_image() -> Path:
    """The firmware's image for this board, built now if its sources changed.

    Raises:
        CommandError: it does not compile.
    """
    from heartlog.image import build_image

    return Path(build_image("virtual").folder)
