"""Takes an update, and dies in the middle of it when told to.

Argument: JSON with flash, flash_size, image, size, sha, signature, loader, board, version, and
cut: the flash operation in which power goes (0: it stays). Prints one JSON line that tells what
was found at the start, as a boot finds it, and what there is at the end.
"""

import json
import os

import flash
import flashed
from monitor import update

told = flashed.arguments()


def die():
    """Power is gone: nothing runs any more, not even a `finally`."""
    os.system("kill -9 $PPID")


def take():
    """Send the whole image, as a host does that knows nothing; returns where it went on."""
    up = update.Update(flashed.ROOT, flashed.Info(told["board"], told["version"]))
    sha, signature = bytes.fromhex(told["sha"]), bytes.fromhex(told["signature"])
    status, offset = up.begin(told["size"], sha, signature)
    if status != update.OK:
        return {"begin": status}
    first = offset
    with open(told["image"], "rb") as f:
        f.seek(offset)
        while offset < told["size"]:
            status, offset = up.write(offset, f.read(200))
            if status != update.OK:
                return {"write": status}
    status = up.finish()
    steps = 0
    while up.step():
        steps += 1
    return {
        "from": first,
        "finish": status,
        "state": up.state,
        "reason": up.reason,
        "steps": steps,
    }


def boot():
    """The slot that this boot runs, whether on trial, whether whole; not counted as a start."""
    loader = flashed.load_loader(told["loader"])
    state = loader["_read"]()
    slot, trial = loader["choose"]()
    if state:
        loader["_write"](*state)
    return slot, trial, flashed.whole(slot, told["digests"])


nor = flash.Nor(told["flash"], told["flash_size"], on_cut=die, seed=told["cut"] + 1)
flashed.attach(nor, flash)
found = boot()
before = nor.operations
nor.cut_after(told["cut"] or None)
answer = take() if found[0] == "a" else None
operations = nor.operations - before
print(
    json.dumps(
        {
            "found": found,
            "take": answer,
            "left": boot(),
            "operations": operations,
            "complaints": nor.complaints,
        }
    )
)
