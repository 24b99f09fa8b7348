"""`python -m heartlog.evaluation` is `heartlog evaluate`."""

import sys

import typer

from heartlog.errors import explain
from heartlog.evaluation.command import evaluate

if __name__ == "__main__":
    try:
        typer.run(evaluate)
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        typer.echo(f"Error: {known.message}\n{known.hint}", err=True)
        sys.exit(known.exit_code)
