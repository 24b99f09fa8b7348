"""Sampler and front end: the self-test, by the part's own test signal, with open electrodes."""

from monitor.frontends import power_up
from monitor.selftest import for_part

import board

try:
    afe = power_up(board)
except Exception as error:
    print("SKIP no front end answers: %s" % error)
else:
    failed = []
    try:
        for result in for_part(afe, board, ELECTRODES).run():
            print("VALUE %s" % result)
            if not result.passed:
                failed.append(result.name)
    finally:
        afe.shut_down()
    assert not failed, "failed, with electrodes %s: %s" % (ELECTRODES, ", ".join(failed))
