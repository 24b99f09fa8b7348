"""Sampler and front end: the self-test, by the part's own test signal, with open electrodes."""

from monitor.afe.driver import PoweredOff
from monitor.selftest import SelfTest

import board

try:
    afe = PoweredOff(board).power_up()
except Exception as error:
    print("SKIP no front end answers: %s" % error)
else:
    failed = []
    try:
        for result in SelfTest(afe, board, electrodes=ELECTRODES).run():
            print("VALUE %s" % result)
            if not result.passed:
                failed.append(result.name)
    finally:
        afe.shut_down()
    assert not failed, "failed: " + ", ".join(failed)
