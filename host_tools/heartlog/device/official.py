"""Gets the official MicroPython build of a board and makes sure that it is the one that is meant.

    path, digest, why = official(load_board("pico_w"), say=print)

micropython.org publishes no hashes. So `board.json` pins, for the boards where that was possible,
the hash that people independent of each other measured of the same official file and published
(`official.seen_by` is how many); a file that differs is refused. Where nothing is pinned, the
newest release is taken, and its hash is noted at the first use in this user's `micropython.json`:
from then on a file of that name must be the same one. `--sha256` overrides both.
"""

import hashlib
import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

from heartlog.errors import CommandError
from heartlog.image.board import Board

SITE = "https://micropython.org"
ENDINGS = {"uf2": ".uf2", "esptool": ".bin", "dfu": ".dfu"}
_MOST_BYTES = 8 << 20
_SECONDS = 30.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trusted:
    """A hash in hex, and in words where it comes from."""

    sha256: str
    why: str


def lock_file() -> Path:
    """Where hashes are noted at first use."""
    return user_data_path("heartlog") / "micropython.json"


def _noted(lock: Path) -> dict[str, str]:
    try:
        told = json.loads(lock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CommandError(
            f"{lock} can't be read ({error}).", "Mend or remove it: it holds noted hashes only."
        ) from error
    return {str(name): str(value) for name, value in dict(told).items()}


def trusted(board: Board, name: str, lock: Path) -> Trusted | None:
    """What a file of that name must be, by the board's pin or by an earlier use."""
    pin = board.official
    if pin is not None and pin.file == name:
        return Trusted(pin.sha256, f"as pinned; {pin.seen_by} others measured the same")
    noted = _noted(lock).get(name)
    return Trusted(noted, f"as noted in {lock}") if noted else None


def check_trust(board: Board, path: Path, lock: Path | None = None) -> str:
    """Hold a file to its pinned or noted hash; note it when it is new. Returns why it is trusted.

    Raises:
        CommandError: it is not the file that was pinned or noted.
    """
    lock = lock or lock_file()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    known = trusted(board, path.name, lock)
    if known is None:
        notes = _noted(lock) | {path.name: digest}
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text(json.dumps(notes, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return f"seen for the first time; its hash is noted in {lock}"
    if known.sha256 != digest:
        raise CommandError(
            f"{path.name} is not what it was ({known.why}): its SHA-256 is {digest}, not"
            f" {known.sha256}.",
            "Download it again. If it stays so, ask whoever publishes it; nothing was written.",
        )
    return known.why


def newest(board: Board, page: str) -> str:
    """The name of the newest release for a board that a download page links to.

    Previews are left out, and what is older than the board needs.

    Raises:
        CommandError: there is none.
    """
    ending = ENDINGS[board.install["how"]]
    found = re.findall(
        rf"/resources/firmware/({re.escape(board.build)}-(\d{{8}})-v(\d+(?:\.\d+)*)"
        rf"{re.escape(ending)})[\"'<\s]",
        page,
    )
    releases = [
        (tuple(int(part) for part in version.split(".")), day, name)
        for name, day, version in found
    ]
    fit = [release for release in releases if release[0] >= board.least]
    if not fit:
        raise CommandError(
            f"The download page names no release of {board.build} from {board.least_text} on.",
            f"Look at {SITE}/download/{board.build} and name the file yourself.",
        )
    return str(max(fit)[2])


def _get(url: str) -> bytes:
    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise CommandError(f"{url} is no https address.", "Name a site that has https.")
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
            data = bytes(answer.read(_MOST_BYTES + 1))
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        reason = getattr(error, "reason", error)
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise CommandError(
            f"{url} could not be fetched: {reason}.",
            "Download it elsewhere and name the file: heartlog device micropython BOARD FILE.",
        ) from error
    if len(data) > _MOST_BYTES:
        raise CommandError(f"{url} is no firmware: it is too large.", "Name the file yourself.")
    return data


def official(
    board: Board,
    *,
    site: str = SITE,
    folder: Path | None = None,
    say: Say = lambda _words: None,
) -> Path:
    """The official file for a board: from the cache, or downloaded into it.

    Raises:
        CommandError: no network, no such release, or a file that is not the pinned one.
    """
    if board.install["how"] not in ENDINGS:
        raise CommandError(
            f"{board.title} gets MicroPython in another way.", f"{board.install['enter']}."
        )
    folder = folder or user_cache_path("heartlog") / "micropython"
    if board.official is not None:
        name = board.official.file
    else:
        page = _get(f"{site}/download/{board.build}/").decode("utf-8", "replace")
        name = newest(board, page)
    path = folder / name
    if path.is_file():
        return path
    url = f"{site}/resources/firmware/{name}"
    say(f"Downloading {url}")
    data = _get(url)
    if board.official is not None and hashlib.sha256(data).hexdigest() != board.official.sha256:
        raise CommandError(
            f"{url} is not the file that is pinned: its SHA-256 is"
            f" {hashlib.sha256(data).hexdigest()}, not {board.official.sha256}.",
            "Don't use it. Ask others what they get; to take another file, name it yourself.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".part")
    fresh.write_bytes(data)
    fresh.replace(path)
    return path
