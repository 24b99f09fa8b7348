"""`python -m heartlog.machine_code [MODULE]`: what the detector costs, by architecture."""

import sys

from heartlog.evaluation.board import DETECTOR_MODULE
from heartlog.machine_code.cost import five_minutes, measure, table
from heartlog.machine_code.program import ARCHITECTURES

if __name__ == "__main__":
    module = sys.argv[1] if len(sys.argv) > 1 else DETECTOR_MODULE
    codes = five_minutes()
    print(f"{module} over {len(codes) / 250:.0f} s of MIT-BIH 208 at 250 samples/s")
    costs = [measure(architecture, codes, module=module) for architecture in ARCHITECTURES]
    print("\n".join(table(costs)))
    if any(cost.beats != costs[0].beats for cost in costs):
        sys.exit("The architectures do not deliver the same beats.")
