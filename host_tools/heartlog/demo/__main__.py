"""`python -m heartlog.demo [OPTIONS]`: the same as `heartlog demo`."""

import sys

from heartlog.cli import main

if __name__ == "__main__":
    main(["demo", *sys.argv[1:]])
