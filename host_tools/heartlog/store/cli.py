"""`heartlog store`: backup, restore, encryption, check, and the audit trail."""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from heartlog.cli import output
from heartlog.cli.options import JsonOption, LimitOption, StoreOption, YesOption
from heartlog.store.store import Store

store = typer.Typer(no_args_is_help=True, help="Back up, restore, encrypt and check the store.")


@store.command("backup")
def backup_(
    file: Annotated[Path, typer.Argument(help="File to write; never overwritten.")],
    clear: Annotated[
        bool, typer.Option("--clear", help="Of an encrypted store: a backup that anyone can read.")
    ] = False,
    store: StoreOption = None,
    yes: YesOption = False,
) -> None:
    """Write everything into one file, checked while it is written.

    An encrypted store's backup is encrypted with the same secret: keep `heartlog keys recovery`.
    """
    from heartlog.cli.acts import act
    from heartlog.cli.working import working
    from heartlog.store.backup import backup

    with Store.open(store) as opened:
        sealed = opened.encrypted and not clear
        if opened.encrypted and clear:
            output.confirm(f"Write everything into {file} so that anyone can read it?", yes)
        act(opened, "backup", "store", "", file=file.name, encrypted=sealed)
        with working("Backup") as tell:
            counts = backup(opened, file, tell, sealed)
    sessions, patients = counts["session"], counts["patient"]
    output.note(f"{file}: {sessions} sessions, {patients} patients. Checked.")
    if sealed:
        output.note("It is encrypted. On another computer it opens only by the code of:")
        output.note("heartlog keys recovery")


@store.command()
def init(
    encrypted: Annotated[bool, typer.Option("--encrypted", help="Encrypt it.")] = False,
    store: StoreOption = None,
) -> None:
    """Make a new, empty store."""
    from heartlog.store.engine import as_url, default_url
    from heartlog.store.errors import StoreError

    address = as_url(store or default_url())
    if address.database and Path(address.database).exists():
        raise StoreError(
            f"There is a store at {address.database} already.",
            "Name another file with --store; to encrypt this one: heartlog store encrypt.",
        )
    if encrypted and address.get_backend_name() != "sqlite":
        raise StoreError(
            "Only a store in a file can be encrypted by Heartlog.",
            "A database server encrypts its own disks and connections.",
        )
    with Store.open(store, encrypted=encrypted) as opened:
        output.note(f"Made {opened.where}.")
        if opened.encrypted:
            output.note("It is encrypted. Write its secret down: heartlog keys recovery")


@store.command("encrypt")
def encrypt_(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Encrypt the store where it lies; all commands go on working."""
    from heartlog.store.convert import encrypt

    _converted(encrypt, store, as_json, True)
    if not as_json:
        output.note(
            "It is encrypted now. Write its secret down: heartlog keys recovery\n"
            "What the file was before may still be found on the disk, and in older backups:\n"
            "on an SSD only encrypting the whole disk prevents that."
        )


@store.command("decrypt")
def decrypt_(
    store: StoreOption = None, yes: YesOption = False, as_json: JsonOption = False
) -> None:
    """Bring an encrypted store back into clear."""
    from heartlog.store.convert import decrypt

    output.confirm("Write the store so that anyone who has the file can read it?", yes)
    _converted(decrypt, store, as_json, False)


NEW = "HEARTLOG_NEW_PASSPHRASE"


@store.command()
def passphrase(
    keyring: Annotated[
        bool, typer.Option("--keyring", help="Keep the secret in the system's keyring instead.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Change the passphrase of the store and the keys on this computer.

    What they are locked with stays: backups and the recovery code remain good. A forgotten
    passphrase is replaced with the recovery code in HEARTLOG_RECOVERY. Scripts give the new one in
    HEARTLOG_NEW_PASSPHRASE.
    """
    from heartlog.cli.acts import act_here
    from heartlog.security import relock
    from heartlog.security.keys import own_folder, person, remember
    from heartlog.security.master import PASSPHRASE_VARIABLE, new_passphrase

    folder, ask = own_folder(), person()
    secret = relock.held(folder, ask)
    remember(secret)
    if keyring:
        relock.to_keyring(folder, secret)
    else:
        new = os.environ.get(NEW) or new_passphrase(ask, NEW)
        relock.to_passphrase(folder, secret, new)
        if os.environ.get(PASSPHRASE_VARIABLE) not in (None, "", new):
            output.note(f"{PASSPHRASE_VARIABLE} still holds another one: set the new one there.")
    act_here("keep in keyring" if keyring else "change passphrase", "keys", "")
    output.note("The keyring opens it now." if keyring else "The new passphrase opens it now.")


def _converted(
    convert: Callable[[Path], dict[str, int]], store: str | None, as_json: bool, encrypted: bool
) -> None:
    from heartlog.cli.acts import act
    from heartlog.store.engine import as_url, default_url
    from heartlog.store.errors import StoreError

    address = as_url(store or default_url())
    if address.get_backend_name() != "sqlite" or not address.database:
        raise StoreError(
            "Only a store in a file can be encrypted by Heartlog.",
            "A database server encrypts its own disks and connections.",
        )
    counts = convert(Path(address.database))
    with Store.open(store) as opened:
        act(opened, "encrypt" if encrypted else "decrypt", "store", "")
    if as_json:
        output.print_json({"store": address.database, "encrypted": encrypted, "rows": counts})
    else:
        people = f"{counts['session']} sessions, {counts['patient']} patients"
        output.note(f"{address.database}: {people}. Checked.")


@store.command("restore")
def restore_(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    store: StoreOption = None,
) -> None:
    """Fill an empty store from a backup."""
    from heartlog.cli.acts import act
    from heartlog.cli.working import working
    from heartlog.store.backup import restore
    from heartlog.store.cipher import is_encrypted

    with Store.open(store) as opened, working("Restore") as tell:
        counts = restore(file, opened, tell)
        act(opened, "restore", "store", "", file=file.name)
        where = opened.where
        bare = is_encrypted(file) and not opened.encrypted
    output.note(f"{where}: {counts['session']} sessions, {counts['patient']} patients. Checked.")
    if bare:
        output.note("The backup is encrypted, this store is not: heartlog store encrypt")


@store.command()
def check(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Read everything and check every checksum."""
    from heartlog.store.backup import verify

    with Store.open(store, read_only=True) as opened:
        counts = verify(opened)
        where = opened.where
    if as_json:
        output.print_json({"store": where, **counts})
    else:
        total = sum(counts.values())
        output.note(f"{where}: {total} chunks of beats and ECG are as they were written.")


@store.command()
def audit(
    entity: Annotated[
        str | None, typer.Argument(help="patient, session, equipment, finding ...")
    ] = None,
    number: Annotated[str | None, typer.Argument(help="Its number in the store.")] = None,
    limit: LimitOption = 50,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who changed, exported, shared, erased ... what, newest first."""
    from heartlog.records.audit import trail

    with Store.open(store) as opened:
        entries = trail(opened, entity, number, limit)
    if as_json:
        names = ("at", "who", "action", "entity", "entity_id", "before", "after")
        output.print_json([{n: getattr(e, n) for n in names} for e in entries])
        return
    rows = []
    for e in entries:
        when = dt.datetime.fromtimestamp(e.at).astimezone().strftime("%Y-%m-%d %H:%M")
        keys = e.after or {}
        what = ", ".join(
            f"{k}: {e.before[k]!r} -> {v!r}" if e.before else f"{k}: {v!r}"
            for k, v in keys.items()
            if v not in ("", None, {}, False) or e.before
        )
        rows.append((when, e.who, e.action, f"{e.entity} {e.entity_id}", what[:200]))
    output.out().print(output.table(("When", "Who", "Did", "To", "What"), rows))
