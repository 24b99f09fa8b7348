"""Reads damaged image files as the loader and the update do; prints how many were refused."""

import io
import json
import os

import flashed
from monitor import update

told = flashed.arguments()
with open(told["image"], "rb") as f:
    good = f.read()
loader = flashed.load_loader(told["loader"])
head = int(good[14:20])
state = 1
said = {"loader": [0, 0], "update": [0, 0]}


def number(most):
    global state
    state = state * 1103515245 + 12345 & 0x7FFFFFFF
    return (state >> 8) % most


def mount(data):
    """The loader's part: mount the image and look at all that it says is in it."""
    with open(told["scratch"], "wb") as f:
        f.write(data)
    image = loader["Image"](told["scratch"])
    for name, _, _ in image.ilistdir("/"):
        image.stat("/" + name)
        image.open("/" + name, "rb").close()


for turn in range(told["rounds"]):
    data = bytearray(good)
    for _ in range(3):
        data[number(21 + head)] = number(256) if turn % 3 else 32 + number(32)
    if turn % 8 == 0:
        data = data[: number(len(data))]
    try:
        update._told(io.BytesIO(bytes(data)), len(good))
        said["update"][0] += 1
    except update.BadImage:
        said["update"][1] += 1
    try:
        mount(data)
        said["loader"][0] += 1
    except (ValueError, OSError, IndexError):
        said["loader"][1] += 1
os.remove(told["scratch"])
print(json.dumps(said))
