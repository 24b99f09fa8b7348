"""The steps of a fitting, asked and told in a terminal; what is measured goes to the record."""

import asyncio
import contextlib
from typing import Any

import numpy as np
import typer
from rich.padding import Padding

from heartlog.cli import output
from heartlog.fit.advice import REFERENCE, contact_advice, read_signal, signal_advice
from heartlog.fit.arrangements import ARRANGEMENTS, PREPARATION, told
from heartlog.fit.bench import Bench, EcgStretch
from heartlog.fit.record import STEPS, FittingRecord
from heartlog.link.settings import SETTINGS, read, write
from heartlog.records import patients
from heartlog.store import Store
from heartlog.store.ecg import FIT_STRIP
from heartlog.terminal import Canvas

SIGNAL_SECONDS = 10.0
STRIP_SECONDS = 30.0
PRESS_SECONDS = 60.0
NOTHING_FELT = (
    "No electrode can be felt: the monitor's front end delivers nothing. Take a charger off; "
    "heartlog selftest tells more."
)


class Guide:
    """Walks through the steps; `yes` answers every question as a person in a hurry would."""

    def __init__(self, store: Store, record: FittingRecord, bench: Bench, yes: bool) -> None:
        self.store, self.record, self.bench, self.yes = store, record, bench, yes
        self.out = output.out()
        self.strip: EcgStretch | None = None

    async def ask(self, question: str, default: bool = True) -> bool:
        """Ask; the radio goes on while we wait."""
        if self.yes:
            return default
        return bool(await asyncio.to_thread(typer.confirm, question, default=default, err=True))

    async def prompt(self, question: str, default: str = "") -> str:
        """Ask for a line."""
        if self.yes:
            return default
        answer = await asyncio.to_thread(
            typer.prompt, question, default=default, show_default=bool(default), err=True
        )
        return str(answer).strip()

    def say(self, text: str) -> None:
        """Tell the technician; words stay whole, further lines keep the first one's indent."""
        if text.startswith("\n"):
            self.out.print()
        text = text.removeprefix("\n")
        indent = len(text) - len(text.lstrip())
        self.out.print(Padding(text.lstrip(), (0, 0, 0, indent), expand=False))

    async def run(self) -> int | None:
        """Go through the steps that are left; return the session's number when it was started."""
        step = self.record.row().step or STEPS[0]
        for name in STEPS[STEPS.index(step) :]:
            self.say(f"\n[bold]{STEPS.index(name) + 1}/{len(STEPS)}  {name.title()}[/]")
            await getattr(self, f"_{name}")()
            self.record.done(name)
        return self.record.row().session_id

    async def _patient(self) -> None:
        row = self.record.row()
        if row.patient_id is None:
            identifier = await self.prompt("Patient's identifier (empty: none)")
            if identifier:
                row.patient_id = patients.by_identifier(self.store, identifier).id
                self.record.set(patient_id=row.patient_id)
        if row.patient_id is not None:
            p = patients.get(self.store, row.patient_id)
            pace = "pacemaker: yes" if p.pacemaker else "no pacemaker noted"
            self.say(f"{p.identifier}  {p.name}  born {p.birth_date or '-'}  {pace}")
        consent = await self.prompt("Consent (who, how, when)", "given")
        self.record.set(answers={"consent": consent})

    async def _preparation(self) -> None:
        for line in PREPARATION:
            self.say(f"  - {line}")
        await self.ask("Done?")

    async def _arrangement(self) -> None:
        for key, a in ARRANGEMENTS.items():
            self.say(f"  {key:8} {a.title}")
        default = str(self.record.row().answers.get("arrangement", "limb"))
        name = await self.prompt("Arrangement", default)
        while name not in ARRANGEMENTS:
            name = await self.prompt(f"Choose {', '.join(ARRANGEMENTS)}", "limb")
        chosen = ARRANGEMENTS[name]
        self.out.print(chosen.drawing, markup=False, highlight=False)
        for electrode, site in chosen.sites.items():
            self.say(f"  {told(electrode)}: {site}")
        self.record.set(answers={"arrangement": name})
        await self.ask("All electrodes on?")

    def _electrodes(self) -> list[str]:
        return list(ARRANGEMENTS[str(self.record.row().answers.get("arrangement", "limb"))].sites)

    async def _contact(self) -> None:
        electrodes = self._electrodes()
        attempt = 0
        while True:
            felt = await self.bench.contact()
            if felt is None:
                self.record.reading("contact", good=False, advice=NOTHING_FELT)
                self.say(f"  [red]{NOTHING_FELT}[/]")
            off = set(felt or ())
            for electrode in electrodes if felt is not None else ():
                advice = contact_advice(electrode, electrode in off, attempt)
                if electrode == REFERENCE and electrode not in off:
                    self.say(f"  [dim]  -  [/] {advice}")
                    continue
                self.record.reading(
                    "contact", electrode=electrode, good=electrode not in off, advice=advice
                )
                mark = "[red]loose[/]" if electrode in off else "[green]good [/]"
                self.say(f"  {mark} {advice}")
            if felt is not None and not off & set(electrodes):
                return
            attempt += 1
            if self.yes or not await self.ask("Check again?"):
                question = "a loose electrode" if off else "electrodes that nobody has checked"
                if self.yes or await self.ask(f"Go on with {question}?", default=False):
                    return

    async def _signal(self) -> None:
        while True:
            self.say(f"Measuring for {SIGNAL_SECONDS:.0f} s: the patient sits still ...")
            stretch = await self.bench.ecg(SIGNAL_SECONDS)
            values = np.zeros(0) if stretch is None else stretch.microvolts
            reading = read_signal(values, self.bench.rate)
            advice = signal_advice(reading)
            self.record.reading(
                "signal", good=reading.good, values=reading.values(), advice=" ".join(advice)
            )
            for line in advice:
                self.say(
                    f"  {'' if reading.good else '[red]'}{line}{'' if reading.good else '[/]'}"
                )
            if not reading.good:  # one that came off since is the likeliest cause
                off = set(await self.bench.contact() or ())
                for electrode in [e for e in self._electrodes() if e in off]:
                    self.say(f"  [red]{contact_advice(electrode, True)}[/]")
            if reading.good or not await self.ask("Measure again?", default=not self.yes):
                return

    async def _strip(self) -> None:
        while True:
            self.say(f"Recording a sample of {STRIP_SECONDS:.0f} s ...")
            self.strip = await self.bench.ecg(STRIP_SECONDS)
            if self.strip is not None:
                for line in trace(self.strip, columns=76, rows=6, seconds=6.0):
                    self.out.print(line, markup=False, highlight=False)
            good = self.strip is not None and await self.ask("Accept this strip?")
            seconds = 0.0 if self.strip is None else len(self.strip.codes) / self.strip.rate
            self.record.reading("strip", good=good, values={"seconds": round(seconds, 1)})
            if good or self.yes or not await self.ask("Record it again?"):
                return

    async def _button(self) -> None:
        self.say("Let the patient press the button: one press, one short tone.")
        pressed = await self.bench.wait_for_press(1.0 if self.yes else PRESS_SECONDS)
        advice = "" if pressed else "The press was not seen: hold the button for half a second."
        self.record.reading("button", good=pressed, advice=advice)
        self.say("  The press arrived." if pressed else f"  [yellow]{advice}[/]")

    async def _clock(self) -> None:
        uncertainty = await self.bench.set_clock()
        self.record.reading("clock", good=True, values={"uncertainty_ms": round(uncertainty, 2)})
        self.say(f"  The monitor's clock is set (within {uncertainty:.1f} ms).")

    async def _start(self) -> None:
        row = self.record.row()
        if not await self.ask("Start the session?"):
            raise typer.Abort
        info = self.bench.monitor.info
        chosen = ARRANGEMENTS[str(row.answers.get("arrangement", "limb"))]
        settings = await read(self.bench.monitor)
        alarms = [
            f"{name} {SETTINGS[name].text(settings[name])}"
            for name in ("fast", "slow", "pause", "irregular")
            if settings.get(name)
        ]
        self.say(f"  Alarms: {', '.join(alarms) or 'none'}.")
        session = self.store.open_session(
            info.device_id,
            patient_id=row.patient_id,
            firmware=info.firmware,
            board=info.model,
            rate=self.bench.rate,
            nv_per_code=self.bench.nv_per_code,
            lead_arrangement=chosen.title,
            electrode_sites=chosen.sites,
            fitted_by=row.done_by,
            consent=str(row.answers.get("consent", "")),
            settings=settings,
        )
        number = session.id % 0x3FFFFFFF + 1
        # The number first, so that a recorder finds the session even if we end just here.
        self.store.update_session(session.id, device_session=number)
        confirmed = await self.bench.start(number)
        await self._heart_rate(row.answers.get("settings"))
        self.record.set(session_id=session.id, device_id=info.device_id)
        self.record.reading("start", good=confirmed, values={"session": number})
        if self.strip is not None:
            with contextlib.suppress(ValueError):
                self.keep_strip(session.id, self.strip, info.journal)
        self.store.mark_interrupted(session.id, "fitted; not yet fetched from the monitor")
        word = "The monitor confirms: session" if confirmed else "NOT confirmed by the monitor:"
        self.say(f"  {word} {session.id} runs.")

    async def _heart_rate(self, asked: Any) -> None:
        """A new session closes the open heart rate: say so, or open it when that was asked for."""
        name = "open-heart-rate"
        if isinstance(asked, dict) and asked.get(name):
            await write(self.bench.monitor, {name: 1})
            self.say("  Sports watches and apps near the patient can read the heart rate.")
        else:
            self.say("  Nobody else can read the heart rate, unless the patient opens it (6 s).")

    def keep_strip(self, session_id: int, strip: EcgStretch, journal: Any) -> None:
        """Keep the accepted strip with the session."""
        self.store.append_ecg(
            session_id,
            FIT_STRIP,
            strip.first_sample,
            strip.codes,
            rate=strip.rate,
            nv_per_code=strip.nv_per_code,
            channel=strip.channel,
            boot=strip.boot,
            journal=journal,
        )


def trace(strip: EcgStretch, columns: int, rows: int, seconds: float) -> list[str]:
    """Return the strip in lines of characters, `seconds` to a block of rows."""
    per = int(seconds * strip.rate)
    seen = strip.microvolts[np.isfinite(strip.microvolts)]
    if len(seen) == 0:
        return ["  (no ECG arrived)"]
    low, high = np.percentile(seen, [0.1, 99.9])
    span = max(float(high - low), 1000.0)
    lines: list[str] = []
    for first in range(0, len(strip.microvolts), per):
        part = strip.microvolts[first : first + per]
        canvas = Canvas(columns, rows)
        before: int | None = None
        for x in range(canvas.width):
            a, b = x * per // canvas.width, (x + 1) * per // canvas.width
            values = part[a : max(b, a + 1)]
            values = values[np.isfinite(values)]
            if len(values) == 0:
                before = None
                continue
            y = [
                int((float(high) - v) / span * (canvas.height - 1))
                for v in (float(values.max()), float(values.min()))
            ]
            top = y[0] if before is None else min(y[0], before)
            canvas.column(x, top, y[1] if before is None else max(y[1], before))
            before = y[1]
        lines += canvas.rows_text()
    return lines
