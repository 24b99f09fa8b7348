"""Commands from the control socket that concern what is on the board; see README.md for all."""

import json
import os

import hardware
import pace
import scope
import sim
from cable import ANSWER, COMMAND, EVENT


def attach(cable, board):
    """Answer commands that come over the cable."""

    def answer_run(wanted):
        pace.set_paused(True)
        board.tell()
        answer = {"ok": True, "now_us": sim.kernel.now, "id": wanted.get("id")}
        cable.send(ANSWER, json.dumps(answer).encode())
        # At once: whatever is under way (an erase) would take time on, and what is asked for
        # meanwhile would come at a time that depends on this computer.
        pace.stand_still()

    def run(wanted):
        """Let exactly so much simulated time pass, then stand still; answered at the end."""
        sim.after(int(wanted["seconds"] * 1000000), lambda: answer_run(wanted))
        pace.set_paused(False)

    def command(payload):
        wanted = json.loads(payload)
        try:
            if wanted.get("do") == "run":
                run(wanted)
                return
            answer = _do(board, wanted)
            answer["ok"] = True
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            answer = {"ok": False, "error": "%s: %s" % (type(error).__name__, error)}
        answer["id"] = wanted.get("id")
        cable.send(ANSWER, json.dumps(answer).encode())
        board.tell()

    def event(payload):
        told = json.loads(payload)
        if told["event"] == "interrupt":
            sim.interrupted = told["on"]

    cable.handlers[COMMAND] = command
    cable.handlers[EVENT] = event


def _electrode(board, c):
    settings = {k: v for k, v in c.items() if k not in ("do", "id", "name")}
    board.electrodes.set(c["name"], **settings)


def _afe(board, c):
    for fault, value in c["fault"].items():
        if fault not in board.afe.faults:
            raise ValueError(
                "no fault %r: there are %s" % (fault, ", ".join(sorted(board.afe.faults)))
            )
        board.afe.faults[fault] = value
    board.afe.touch()


def _flash(board, c):
    if "cut_after" in c:
        board.nor.cut_after(c["cut_after"])
    if "erase_us" in c:
        board.nor.erase_us = c["erase_us"]
    if "program_us" in c:
        board.nor.program_us = c["program_us"]


def _put(board, c):
    board.put(c["path"], bytes.fromhex(c["hex"]))


def _get(board, c):
    with open(c["path"], "rb") as f:
        return {"hex": f.read().hex()}


def _list(board, c):
    # A mounted file system has no size.
    return {"files": [[e[0], e[3]] for e in os.ilistdir(c.get("path", "/")) if len(e) > 3]}


def _vault(board, c):
    """What is run at a board's prompt when it is paired over USB."""
    from monitor import vault

    import board as pins

    return {"kept": vault.give(pins, bytes.fromhex(c["hex"]))}


def _radio(board, c):
    import bluetooth

    return bluetooth.command(c)


def _status(board, c):
    import bluetooth

    status = board.status()
    status["radio"] = bluetooth.status()
    return status


_COMMANDS = {
    "status": _status,
    "trace": lambda board, c: scope.command(board.names, c),
    "electrode": _electrode,
    "afe": _afe,
    "brown_out": lambda board, c: board.afe.brown_out(),
    "flash": _flash,
    "put": _put,
    "get": _get,
    "list": _list,
    "vault": _vault,
    "radio": _radio,
    "play": lambda board, c: board.patient.play(),
    "button": lambda board, c: board.press(c.get("ms", 200)),
    "battery": lambda board, c: board.set_battery(c["mv"]),
    "charger": lambda board, c: board.set_charging(c["on"]),
    "temperature": lambda board, c: hardware.set_temperature(c["celsius"]),
    "speed": lambda board, c: pace.set_speed(c["value"]),
    "pause": lambda board, c: pace.set_paused(c["on"]),
    "reset": lambda board, c: board.restart("pin"),
    "cut": lambda board, c: board.restart("power"),
}


def _do(board, wanted):
    name = wanted.get("do")
    if name not in _COMMANDS:
        raise ValueError("no command %r; there are %s" % (name, ", ".join(sorted(_COMMANDS))))
    return _COMMANDS[name](board, wanted) or {}
