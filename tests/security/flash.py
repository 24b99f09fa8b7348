"""The journal's pages, found in all of a board's flash by themselves."""

from heartlog._firmware.monitor.link import pack


def pages(flash: bytes, journal: int) -> list[tuple[int, bytes]]:
    """(boot, page) of every page of the journal that lies in a flash, sealed or not."""
    found = []
    for at in range(0, len(flash), pack.UNIT):
        for start in (at, at + 32):
            head = pack.page_head(flash[start : start + 32], journal)
            if head is not None:
                found.append((head[3], flash[start : start + pack.PAGE - start % pack.UNIT]))
    return found
