"""Makes a flash with one installed image: argument JSON with flash, flash_size, archive, key."""

import flash
import flashed
from monitor import tar

told = flashed.arguments()
nor = flash.Nor(told["flash"], told["flash_size"])
flashed.attach(nor, flash)
flashed.install(tar, told["archive"])
flashed.write_file(flashed.ROOT + "/slots/update.key", bytes.fromhex(told["key"]))
nor.close()
