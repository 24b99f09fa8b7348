"""Executes the machine code of compiled firmware: what a board's processor does, counted.

`mpy-cross` compiles the firmware for a board's architecture; this package takes the viper
functions out of the `.mpy` files and executes their machine code in Unicorn, while the thin
Python around them (classes, loops over blocks) runs in CPython:

    from heartlog.machine_code import Program

    board = Program("armv6m", firmware_folder)
    detector = board.module("monitor.detector.core").Detector(250, 48.08)
    detector.process(block, len(block))
    board.processor.instructions, board.processor.cycles

It answers three questions that no timing can: how many instructions a sample costs, whether all
architectures deliver the same beats, and whether the sample path ever calls into the runtime
(to allocate, to look up a name, to make a big integer): then it fails, naming the call.
"""

from heartlog.machine_code.mpy import Mpy, MpyError, RawCode, parse
from heartlog.machine_code.processor import MachineCodeError, Processor, Usage
from heartlog.machine_code.program import ARCHITECTURES, Program

__all__ = [
    "ARCHITECTURES",
    "MachineCodeError",
    "Mpy",
    "MpyError",
    "Processor",
    "Program",
    "RawCode",
    "Usage",
    "parse",
]
