"""`heartlog share`: sessions in one encrypted file, and back."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import JsonOption, StoreOption
from heartlog.errors import UsageProblem

share = typer.Typer(no_args_is_help=True, help="Share sessions in one encrypted file.")

ENVIRONMENT = "HEARTLOG_SHARE_PASSPHRASE"


def ask(twice: bool) -> str:
    """Return the passphrase: typed unseen, or from HEARTLOG_SHARE_PASSPHRASE.

    Not HEARTLOG_PASSPHRASE: that one opens this computer's own store, and is nobody else's.
    """
    given = os.environ.get(ENVIRONMENT)
    if given:
        return given
    if not sys.stdin.isatty():
        raise UsageProblem(
            "There is no terminal to type the passphrase on.", f"Set {ENVIRONMENT}."
        )
    typed: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=twice, err=True)
    return typed


@share.command()
def seal(
    sessions: Annotated[list[int], typer.Argument(help="Numbers of the sessions.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write (.heartshare).")],
    deidentify: Annotated[
        bool,
        typer.Option("--deidentify", help="Take out names, move dates, replace identifiers."),
    ] = False,
    store: StoreOption = None,
) -> None:
    """Write sessions, patients included, into one file that only the passphrase opens."""
    from heartlog.cli.acts import act
    from heartlog.share import seal as do
    from heartlog.share.file import check_free, check_passphrase
    from heartlog.store import Store

    check_free(out)
    with Store.open(store) as opened:
        for number in sessions:
            opened.session(number)  # before anybody is asked for a passphrase
        passphrase = ask(twice=True)
        check_passphrase(passphrase)
        for number in sessions:
            act(opened, "share", "session", number, file=out.name, deidentified=deidentify)
        flagged = do(opened, sessions, out, passphrase, deidentify=deidentify)
    if flagged:
        output.note(f"Taken out: {', '.join(flagged)}.")
    output.note(f"{out} is sealed. Tell the passphrase by another way than the file.")


@share.command("open")
def open_(
    file: Annotated[Path, typer.Argument(help="A shared file.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a shared file's sessions into the store; those that it has already stay as they are."""
    from heartlog.cli.acts import act
    from heartlog.share.file import check_file, put, revealed
    from heartlog.store import Store

    check_file(file)
    passphrase = ask(twice=False)
    # The file first: one that does not open leaves no new, empty store behind.
    with revealed(file, passphrase) as small, Store.open(store) as opened:
        found = put(small, opened)
        for c in found:
            if not c.known:
                act(opened, "open shared", "session", c.session_id, file=file.name)
    if as_json:
        names = ("beats", "known", "others")
        output.print_json(
            [{"session": c.session_id, **{n: getattr(c, n) for n in names}} for c in found]
        )
        return
    for c in found:
        who = c.patient or "no patient"
        text = f"Session {c.session_id}: {who}, {c.beats} beats"
        if c.known:
            text += " (here already: nothing was added)"
        output.out().print(text, soft_wrap=True)
        if c.others:
            numbers = ", ".join(map(str, c.others))
            output.note(
                f"Of the same recording as session {numbers}, which differs: both are kept."
            )
