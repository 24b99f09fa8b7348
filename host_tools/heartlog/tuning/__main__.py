"""`python -m heartlog.tuning FOLDER [SEED]`: fits, cross-validates, prints. Takes minutes."""

import sys
from pathlib import Path

from heartlog.tuning.search import FREE, START, Detectors, fit, load, total


def main(folder: Path, seed: int) -> None:
    """Prints the totals at the start, cross-validated and fitted, and the parameters."""
    with Detectors() as detectors:
        records = load(folder, detectors.folder)
        even = [record for record in records if int(record.name) % 2 == 0]
        odd = [record for record in records if int(record.name) % 2]
        print(f"start: {sum(total(detectors, records, START).values())} errors", flush=True)
        unseen: dict[str, int] = {}
        for name, learn, judge in (("even", even, odd), ("odd", odd, even)):
            print(f"fitting on {len(learn)} {name} records, seed {seed}", flush=True)
            parameters = fit(detectors, learn, seed, lambda line: print(line, flush=True))
            scored = total(detectors, judge, parameters)
            unseen.update(scored)
            print(f"the other half: {sum(scored.values())} errors")
        print(f"CROSS-VALIDATED: {sum(unseen.values())} errors on {len(unseen)} records")
        print({name: count for name, count in sorted(unseen.items()) if count > 5})
        print("fitting on all", flush=True)
        parameters = fit(detectors, records, seed)
        print(f"FITTED ON ALL: {sum(total(detectors, records, parameters).values())} errors")
        print({name: parameters[name] for name in FREE})


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python -m heartlog.tuning FOLDER_OF_MITDB [SEED]")
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) == 3 else 1)
