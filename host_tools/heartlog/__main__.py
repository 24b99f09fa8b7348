"""`python -m heartlog`: the same as the command `heartlog`."""

from heartlog.cli import main

if __name__ == "__main__":
    main()
