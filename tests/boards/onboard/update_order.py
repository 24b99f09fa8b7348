"""Asks an Update for things in the wrong order; prints its answers as JSON."""

import json
import os

import flash
import flashed
from monitor import update

told = flashed.arguments()
nor = flash.Nor(told["flash"], told["flash_size"])
flashed.attach(nor, flash)
sha, signature = bytes.fromhex(told["sha"]), bytes.fromhex(told["signature"])
size = told["size"]
with open(told["image"], "rb") as f:
    data = f.read()


def new():
    return update.Update(flashed.ROOT, flashed.Info(told["board"], told["version"]))


said = {}
up = new()
said["early_write"] = up.write(0, b"x")
said["huge"] = up.begin(1 << 24, sha, signature)
said["recording"] = up.begin(size, sha, signature, recording=True)
said["short_hash"] = up.begin(size, sha[:31], signature)
up.begin(size, sha, signature)
up.write(0, data[:4096])
said["gap"] = up.write(5000, data[5000:5100])
said["too_long"] = up.write(4096, bytes(size))
said["early_finish"] = up.finish()
up.write(4096, data[4096:5000])
up = new()  # as after a reset: what filled a piece is here, the rest is not
said["after_reset"] = up.begin(size, sha, signature)
said["other_image"] = up.begin(size, bytes(32), signature)
up.begin(size, sha, signature)
up.write(0, data[:8192])
up.abort()
said["aborted"] = up.begin(size, sha, signature)
up.write(0, data)
up.finish()
said["write_after_finish"] = up.write(0, data[:10])
up.abort()
os.remove(flashed.ROOT + "/slots/update.key")
said["no_key"] = new().begin(size, sha, signature)
os.remove(flashed.ROOT + "/slots/state")
said["no_slots"] = new().begin(size, sha, signature)
print(json.dumps(said))
