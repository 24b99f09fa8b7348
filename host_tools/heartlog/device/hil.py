"""Runs the tests that need a board, and nothing else, on a board: `make hil BOARD=... PORT=...`.

    python -m heartlog.device.hil BOARD [--port PORT] [--backend WHICH] [--junit FILE]

Each program of `tests/hil/on_target/` runs on the board through its raw REPL, with the monitor
stopped and its modules importable. It passes when it ends, fails when it raises, and is skipped
when it prints `SKIP reason`. `VALUE ...` lines are kept as its output.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from heartlog.device.hil_radio import listen
from heartlog.device.ports import choose_port
from heartlog.device.reference import digest_here
from heartlog.device.repl import RemoteError
from heartlog.device.running import Bench
from heartlog.errors import CommandError, ExitCode
from heartlog.image.board import load_board
from heartlog.image.places import boards_dir

RADIO_SECONDS = 20


@dataclass
class Outcome:
    """One test's end: `kind` is "passed", "failed" or "skipped", `words` why."""

    name: str
    kind: str
    seconds: float
    words: str = ""
    output: list[str] = field(default_factory=list)


def programs(folder: Path) -> dict[str, str]:
    """Name -> source of the programs for the board."""
    found = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))}
    if not found:
        raise CommandError(
            f"There are no tests for a board in {folder}.",
            "Run it in a checkout: they are in tests/hil/on_target.",
        )
    return found


def judge(name: str, run: Callable[[], str]) -> Outcome:
    """Run one program and tell how it ended."""
    start = time.monotonic()
    try:
        said = run()
    except RemoteError as error:
        words = error.remote.strip()
        return Outcome(name, "failed", time.monotonic() - start, words)
    except CommandError as error:
        return Outcome(name, "failed", time.monotonic() - start, f"{error} {error.hint}")
    lines = said.splitlines()
    skipped = next((line[5:] for line in lines if line.startswith("SKIP ")), None)
    output = [line[6:] for line in lines if line.startswith("VALUE ")]
    kind = "passed" if skipped is None else "skipped"
    return Outcome(name, kind, time.monotonic() - start, skipped or "", output)


def _with_digest(bench: Bench, source: str) -> str:
    """The detector's digest on the board against the one of this computer's MicroPython."""
    said = bench.run(source, timeout=120)
    here = digest_here(source)
    if here is None:
        return said + "\nSKIP no MicroPython here to compare with (its port is for Linux x86-64)"
    there = next(line for line in said.splitlines() if line.startswith("DIGEST "))
    if there != here:
        raise CommandError(
            f"The detector's digest on the board is {there[7:23]}..., here {here[7:23]}....",
            "The same samples must give the same beats on every processor.",
        )
    return said


def _with_host(bench: Bench, source: str, backend: str | None) -> str:
    """The radio test: the board sends while this computer listens."""
    if backend is None:
        return "SKIP no --backend was given to listen with"

    async def both() -> tuple[str, str]:
        program = f"SECONDS = {RADIO_SECONDS}\n{source}"
        board = asyncio.to_thread(bench.run, program, RADIO_SECONDS + 60)
        heard = listen(backend, RADIO_SECONDS)
        said, told = await asyncio.gather(board, heard)
        return said, told

    said, told = asyncio.run(both())
    return f"{said}\nVALUE {told}"


def run_all(
    bench: Bench, sources: dict[str, str], backend: str | None, electrodes: str
) -> list[Outcome]:
    """Run every program; the board stays held from one to the next."""
    outcomes = []
    for name, source in sources.items():

        def run(name: str = name, source: str = source) -> str:
            if name == "digest":
                return _with_digest(bench, source)
            if name == "radio":
                return _with_host(bench, source, backend)
            return bench.run(f"ELECTRODES = {electrodes!r}\n{source}", timeout=120)

        outcome = judge(name, run)
        outcomes.append(outcome)
        print(f"{outcome.kind.upper():8} {name} ({outcome.seconds:.1f} s) {outcome.words}")
        for line in outcome.output:
            print(f"         {line}")
    return outcomes


def junit(outcomes: list[Outcome], board: str) -> bytes:
    """The outcomes as JUnit XML."""
    suite = ElementTree.Element(
        "testsuite",
        name=f"heartlog.hil.{board}",
        tests=str(len(outcomes)),
        failures=str(sum(o.kind == "failed" for o in outcomes)),
        skipped=str(sum(o.kind == "skipped" for o in outcomes)),
        time=f"{sum(o.seconds for o in outcomes):.3f}",
    )
    for outcome in outcomes:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"hil.{board}",
            name=outcome.name,
            time=f"{outcome.seconds:.3f}",
        )
        if outcome.kind == "failed":
            last = outcome.words.splitlines()[-1] if outcome.words else ""
            failure = ElementTree.SubElement(case, "failure", message=last)
            failure.text = outcome.words
        elif outcome.kind == "skipped":
            ElementTree.SubElement(case, "skipped", message=outcome.words)
        if outcome.output:
            ElementTree.SubElement(case, "system-out").text = "\n".join(outcome.output)
    return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))


def main(arguments: list[str] | None = None) -> int:
    """Entry point; the exit status is 1 if a test failed."""
    parser = argparse.ArgumentParser(prog="python -m heartlog.device.hil", description=__doc__)
    parser.add_argument("board")
    parser.add_argument("--port", help="the serial port, if there are several")
    parser.add_argument("--backend", help="listen to its radio with this (see heartlog scan)")
    parser.add_argument("--electrodes", choices=["connected", "open"], default="open")
    parser.add_argument("--junit", type=Path, help="write the results as JUnit XML")
    parser.add_argument(
        "--tests",
        type=Path,
        default=boards_dir().parent / "tests" / "hil" / "on_target",
        help="where the programs are",
    )
    chosen = parser.parse_args(arguments)
    try:
        described = load_board(chosen.board)
        sources = programs(chosen.tests)
        with Bench(described, choose_port(chosen.port)) as bench:
            outcomes = run_all(bench, sources, chosen.backend, chosen.electrodes)
    except CommandError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    if chosen.junit:
        chosen.junit.write_bytes(junit(outcomes, chosen.board))
    failed = sum(outcome.kind == "failed" for outcome in outcomes)
    skipped = sum(outcome.kind == "skipped" for outcome in outcomes)
    print(f"{len(outcomes) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return ExitCode.ERROR if failed else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
