"""Makes a flash with one installed image: argument JSON with flash, flash_size, image, key."""

import flash
import flashed

told = flashed.arguments()
nor = flash.Nor(told["flash"], told["flash_size"])
flashed.attach(nor, flash)
flashed.install(told["image"])
flashed.write_file(flashed.ROOT + "/slots/update.key", bytes.fromhex(told["key"]))
nor.close()
