"""When the monitor notes what time its front end keeps, in MicroPython on an app of few parts."""

from collections.abc import Callable
from typing import Any

from heartlog._firmware.monitor.link import wire

PROGRAM = """
import json, sys
sys.path.insert(0, %r)

class Time:
    now = 0
    def ticks_ms(self): return self.now & 0x3FFFFFFF
    def ticks_diff(self, a, b): return ((a - b + 0x20000000) & 0x3FFFFFFF) - 0x20000000
    def ticks_add(self, a, b): return (a + b) & 0x3FFFFFFF

clock = sys.modules["time"] = Time()
job = json.loads(sys.stdin.readline())
clock.now = job["start"]
from monitor.crystal import Crystal

notes = []
class Acquisition:
    late_us = 3000
    def instant(self): return (clock.now - job["start"]) // 4, self.late_us
class App:
    acquisition = Acquisition()
    def record_at(self, sample, *values): notes.append([sample] + list(values))

app = App()
crystal = Crystal(app)
for seconds, late_us, gap in job["life"]:
    app.acquisition.late_us = late_us
    crystal.gap(gap)
    for _ in range(4 * seconds):
        clock.now += 250
        crystal.step(clock.ticks_ms())
print(json.dumps(notes))
"""
Job = Callable[[str, Any], Any]


def test_soon_then_every_quarter_of_an_hour_over_the_wrap_of_ticks(firmware_job: Job) -> None:
    start = 2**30 - 100_000
    notes = firmware_job(PROGRAM, {"start": start, "life": [(3600, 3000, 0)]})
    seconds = [15, 75, 315, 1215, 2115, 3015]
    assert notes == [
        [s * 250, wire.NOTE, wire.NOTE_CRYSTAL, (start + s * 1000 - 3) % 2**30] for s in seconds
    ]


def test_an_old_sample_is_not_noted_and_behind_a_long_gap_one_is_at_once(
    firmware_job: Job,
) -> None:
    life = [(100, 65_536, 0), (100, 1000, 0), (300, 1000, 9), (10, 1000, 10), (200, 1000, 0)]
    notes = firmware_job(PROGRAM, {"start": 0, "life": life})
    assert [note[3] for note in notes] == [100_249, 160_249, 400_249, 500_249]
