"""Starts after starts of an image on trial, as the loader sees them; prints what it chose."""

import json
import os
import sys

import flash
import flashed
from monitor import slots, update

told = flashed.arguments()


def fresh():
    with open(told["installed"], "rb") as f, open(told["flash"], "wb") as g:
        g.write(f.read())
    nor = flash.Nor(told["flash"], told["flash_size"])
    flashed.attach(nor, flash)
    up = update.Update(flashed.ROOT, flashed.Info(told["board"], told["version"]))
    up.begin(told["size"], bytes.fromhex(told["sha"]), bytes.fromhex(told["signature"]))
    with open(told["image"], "rb") as f:
        up.write(0, f.read())
    up.finish()
    while up.step():
        pass
    assert up.state == update.READY, up.reason


def starts(n):
    """The slots that `n` boots in a row choose."""
    return [flashed.load_loader(told["loader"])["choose"]()[0] for _ in range(n)]


said = {}
both = slots.Slots(flashed.ROOT)
fresh()
said["never_confirmed"] = starts(5)
said["after_failure"] = both.read()
fresh()
said["confirmed"] = starts(1)
sys.path.insert(0, slots.PLACE + "b")  # as the loader does before it imports the image
said["spare_on_trial"] = both.spare()
assert both.on_trial()
assert both.confirm()
assert not both.confirm()
said["confirmed"] += starts(1)
said["after_success"] = both.read()
said["spare_after"] = both.spare()
os.remove(flashed.ROOT + "/slots/state")
said["no_state"] = starts(1)[0]
for slot in "ab":
    os.remove(both.path(slot))
said["nothing"] = starts(1)[0]
print(json.dumps(said))
