"""The pages against the project: the commands they name exist, and so does what they link to."""

import re
from pathlib import Path
from typing import Any

import pytest

from heartlog.cli.commands import ENTRIES
from heartlog.cli.tree import load

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for folder in ("", "boards", "boards/*", "firmware/monitor/*", "host_tools")
    for page in ROOT.glob(f"{folder}/*.md" if folder else "*.md")
)
CODE = re.compile(r"^(?:    |\t)(.*)$|`([^`\n]+)`", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def commands(page: Path) -> list[list[str]]:
    """The words after `heartlog`, of every place where the page tells how to call it."""
    found = []
    for match in CODE.finditer(page.read_text()):
        code = (match[1] or match[2]).split("  #")[0].split("   ")[0]
        words = code.strip().split(" ")
        if words[0].endswith("/heartlog"):
            words[0] = "heartlog"
        if words[0] == "heartlog" and len(words) > 1 and not words[1].startswith("-"):
            found.append(words[1:])
    return found


def resolved(words: list[str]) -> tuple[Any, list[str]]:
    """The command that `words` call, and what is left of them; of several, the last one."""
    if words[0].endswith(",") and len(words) > 1:
        resolved([words[0].rstrip(",")])
        return resolved(words[1:])
    entry = next((e for e in ENTRIES if e.name == words[0]), None)
    assert entry is not None, f"there is no command {words[0]}"
    command, rest = load(entry), words[1:]
    if hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        name = rest[0].rstrip(",")
        assert name in command.commands, f"there is no command {words[0]} {name}"
        command, rest = command.commands[name], rest[1:]
    return command, rest


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_exist(page: Path) -> None:
    for words in commands(page):
        if words[0].isupper():
            continue  # heartlog COMMAND --help
        command, rest = resolved(words)
        known = {"--help"} | {
            name for p in command.params for name in (*p.opts, *p.secondary_opts)
        }
        for word in rest:
            if word.startswith("-") and len(word) > 1:
                option = re.split(r"[=,;)…]", word)[0]
                assert option in known, f"heartlog {' '.join(words)}: no option {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        file, _, heading = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), f"{target} is not there"
        if heading:
            headings = re.findall(r"^#+ (.+)$", there.read_text(), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings]
            assert heading in anchors, f"{target}: no such heading"


def test_the_pages_name_most_commands() -> None:
    """(And so the two tests above have something to look at.)"""
    named = {words[0].rstrip(",") for page in PAGES for words in commands(page)}
    assert {e.name for e in ENTRIES} - named <= {"bench", "demo"}
