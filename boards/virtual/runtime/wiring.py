"""Puts the board together: pins, front end, electrodes, patient, flash, battery, button, panel."""

import gc
import os
import sys

import flash
import hardware
import machine
import nets
import pace
import sim
import vfs
from cable import die
from patient import Patient

from models.card import Card
from models.flash import Nor

OTHER_DRIVER = "ADS1293"


class Board:
    """All parts of one board, alive until the process ends.

    `config` is the supervisor's dict: see `virtual_board.settings.boot_config`.
    """

    def __init__(self, cable, config):
        self.cable = cable
        self.config = config
        self.baseline = 0
        self.afe = None
        self.electrodes = None
        self._told = 0
        machine._cause = config["cause"]
        machine._unique = bytes(config["unique"])
        machine._reset = hardware.WDT._reset = self.reset
        self.names = nets.Names(config["pins"])
        self.patient = Patient(
            cable, config["channels"], config["playing"], config["patient_started_us"]
        )
        chip = config["flash"]
        self.nor = flash._nor = Nor(
            chip["path"], chip["size"], sim.stall, lambda: self.reset("power cut"), chip["seed"]
        )
        card = config["card"]
        if card["size"]:
            flash._card = Card(card["path"], card["size"], sim.stall_soft, chip["seed"])
        self.nor.erase_us = chip["erase_us"]
        self.nor.program_us = chip["program_us"]
        for name in ("RESET", "CS", "BUTTON", "CHARGING"):
            if self.names.has(name):
                self.names.hold(name, 1)
        self.set_battery(config["battery_mv"])
        hardware.set_temperature(config["temperature"])
        self.set_charging(config["charging"])

    # -- power and flash ---

    def mount(self):
        """Mount the flash on "/", made new if it holds no file system (as a Pico's first boot)."""
        device = flash.Flash()
        # No times in the directory: they would be this computer's, not the board's.
        try:
            vfs.mount(vfs.VfsLfs2(device, progsize=256, mtime=False), "/")
        except OSError:
            vfs.VfsLfs2.mkfs(device, progsize=256)
            vfs.mount(vfs.VfsLfs2(device, progsize=256, mtime=False), "/")
            outside = vfs.VfsPosix("/")
            for path, source in self.config["files"].items():
                with outside.open(source, "rb") as f:
                    self.put(path, f.read())

    def put(self, path, data):
        """Write a file to the flash, with the folders that it needs, as over a USB cable."""
        parts = path.strip("/").split("/")
        for i in range(1, len(parts)):
            try:
                os.mkdir("/" + "/".join(parts[:i]))
            except OSError:
                pass  # it is there
        with open(path, "wb") as f:
            f.write(data)

    def reset(self, cause):
        """The microcontroller restarts: this process ends, the supervisor starts the next."""
        sim.enter()
        pace.write_clock()
        state = {
            "now_us": sim.kernel.now,
            "day_us": sys.modules["time"].day_us,
            "patient_started_us": self.patient.started_us,
            "playing": self.patient.playing,
            "battery_mv": self.battery_mv,
        }
        if self.afe is not None and cause != "power cut" and hasattr(self.afe, "save"):
            state["afe"] = self.afe.save()
        self.tell()
        self.cable.event(event="reset", cause=cause, state=state)
        die()

    def restart(self, cause):
        """Reset as soon as the answer to whoever asked is out; a paused board runs for it."""
        sim.after(0, lambda: self.reset(cause))
        pace.set_paused(False)

    def firmware_ended(self, why):
        """main returned or raised: a board would sit at its REPL; time stands still here."""
        self.tell()
        self.cable.event(event="ended", why=why)
        while True:
            self.cable.poll(1000)
            sim.kernel.run_until(sim.kernel.now)  # a reset may have been asked for

    # -- the front end ---

    def connect_front_end(self):
        """Attach the front end's model; the image must be importable."""
        part = self.config["part"]
        if part is None:
            return
        from models.electrodes import Electrodes

        self.electrodes = Electrodes(part, self.patient)
        if part == OTHER_DRIVER:
            from models.ads1293 import Afe1293

            self.afe = Afe1293(sim.kernel, self.electrodes, self.names)
        else:
            from models.ads1x9x import Afe

            self.afe = Afe(part, sim.kernel, self.electrodes, self.names)
        pins = self.config["pins"]
        hardware.attach_spi(self.config["spi"], nets.net(pins["CS"]), self.afe)
        saved = self.config["afe"]
        if saved is not None and hasattr(self.afe, "restore"):
            self.afe.restore(saved)

    def complaints(self):
        """Everything that the models and the wiring object to, in this boot."""
        found = nets.complaints + self.nor.complaints
        return found + list(self.afe.complaints) if self.afe is not None else found

    def tell(self):
        """Send complaints that the supervisor has not had."""
        n = len(nets.complaints) + len(self.nor.complaints)
        if self.afe is not None:
            n += len(self.afe.complaints)
        if n != self._told:
            self._told = n
            self.cable.event(event="complaints", complaints=self.complaints())

    # -- the rest of the board ---

    def set_battery(self, millivolts):
        """The cell's voltage; it reaches the ADC through the board's divider."""
        self.battery_mv = millivolts
        if self.names.has("BATTERY"):
            nets.net(self.config["pins"]["BATTERY"]).millivolts = (
                millivolts // self.config["battery_divider"]
            )

    def set_charging(self, on):
        """The charger's status output is an open drain, low while it charges."""
        self.charging = on
        self.names.drive("CHARGING", 0 if on else None)
        self.names.drive("VBUS", 1 if on else 0)

    def press(self, milliseconds):
        """Hold the button down."""
        self.names.drive("BUTTON", 0)
        sim.after(milliseconds * 1000, lambda: self.names.drive("BUTTON", None))

    def _buzzer(self):
        """[Hz, share of the period in 1/65536] of its tone; None while it is silent."""
        for pwm in hardware.PWM._all.values():
            if self.names.has("BUZZER") and pwm._pin._id == self.config["pins"]["BUZZER"]:
                return [pwm.freq(), pwm.duty_u16()] if pwm.running() else None
        return None

    def status(self):
        """A dict of what can be seen and measured from outside."""
        gc.collect()
        patient = self.patient
        return {
            "unique_id": machine.unique_id().hex(),
            "now_us": sim.kernel.now,
            "rate": patient.rate,
            "samples": patient.conversions,
            "record_start": patient.record_start,
            "record_started_us": patient.started_us,
            "playing": patient.playing,
            "finished": patient.finished,
            "heap_used": gc.mem_alloc(),
            "heap_baseline": self.baseline,
            "missed_edges": sim.missed_edges,
            "lost_soft": sim.lost_soft,
            "interrupts": {s.what: s.count for s in sim._sources},
            "flash": {
                "operations": self.nor.operations,
                "programs": self.nor.programs,
                "erases": self.nor.erases,
                "wear_max": max(self.nor.wear),
                "wear_total": sum(self.nor.wear),
            },
            "buzzer": self._buzzer(),
            "led": self.names.level("LED") if self.names.has("LED") else None,
            "battery_mv": self.battery_mv,
            "charging": self.charging,
            "complaints": self.complaints(),
        }
