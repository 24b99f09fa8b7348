"""`python -m heartlog.bench [SECTION...] [--plots FOLDER] [--list]`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from heartlog.bench.sections import DETERMINISTIC, SECTIONS, Context
from heartlog.errors import explain


def main(arguments: list[str] | None = None) -> int:
    """Runs the sections named (all by default); returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m heartlog.bench", description=__doc__)
    parser.add_argument("section", nargs="*", help="sections to run; all by default")
    parser.add_argument("--list", action="store_true", help="list the sections")
    parser.add_argument("--plots", type=Path, help="draw the worst records into this folder")
    options = parser.parse_args(arguments)
    ordered = sorted(SECTIONS, key=lambda section: section.kind != DETERMINISTIC)
    unknown = set(options.section) - {section.name for section in SECTIONS}
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; see --list")
    if options.list:
        for section in ordered:
            print(f"{section.name:<12}{section.kind:<15}{section.title}")
        return 0
    ecg = os.environ.get("HEARTLOG_ECG")
    context = Context(Path(ecg) if ecg else None, options.plots)
    failed = 0
    for section in ordered:
        if options.section and section.name not in options.section:
            continue
        print(f"\n{section.title} [{section.name}, {section.kind}]\n", flush=True)
        try:
            for line in section.run(context):
                print(line, flush=True)
        except Exception as error:  # one section must not keep the others from running
            known = explain(error)
            if known is None:
                raise
            print(f"not measured: {known.message} {known.hint}", flush=True)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
