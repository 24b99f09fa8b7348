"""Where a board keeps ECG: a device of its own, a part of the journal's flash, or nowhere.

    blocks = own_blocks(board, media)                 # of the journal's media, when it is new
    room = record_blocks(board, media, settings)      # for records, between settings and ECG
    strips, fault = make_strips(app, board, media, first, blocks)

A board says so in board.py: `ecg_device()` gives a block device of its own, a memory card or a
second flash (None: nothing is fitted); `ECG_KIB` says how much of the journal's flash is for ECG
(without it an eighth: strips). Either makes it keep the whole ECG of a session. `PIO_SAMPLER` says
that no sample waits for an interrupt, so that an erase costs none. A card, with `sdcard` installed
by mip, on a bus that is not the front end's:

    def ecg_device():
        import sdcard
        return sdcard.SDCard(machine.SPI(1, ...), machine.Pin(13))

At 250 samples/s a channel takes 1.57 bytes a sample, averaged over the MIT-BIH Arrhythmia Database
(1.48 to 1.69), and 1.78 on the virtual board with headers and what blocks leave empty: 38 MB a
day, 26 days a gigabyte. 1 MiB of flash holds 39 minutes, and only of what was erased before. A
device that does not answer leaves strips in the journal's flash, and a FAULT record.
"""

from . import media as _media
from . import settings as _settings

_LEAST = 96  # blocks of the media from which on strips have a part
_BLOCK_KIB = 4


def own_blocks(board, media):
    """How many blocks at the end of the journal's media are for ECG."""
    if not media.lasting or media.blocks < _LEAST or not getattr(board, "STRIPS", True):
        return 0
    asked = getattr(board, "ECG_KIB", 0) // _BLOCK_KIB
    return max(media.blocks // 8, min(asked, media.blocks * 2 // 3))


def record_blocks(board, media, settings):
    """How many blocks behind the settings' are for records: as many as at the first boot, whatever
    a later firmware would choose. A page's number tells its place in a ring of one size only: in
    another, no record would be found again."""
    if not media.lasting:
        return media.blocks
    most = media.blocks - _settings.BLOCKS
    blocks = settings.get(_settings.RECORD_BLOCKS)
    if not 0 < blocks <= most:
        blocks = most - own_blocks(board, media)
        settings.set(_settings.RECORD_BLOCKS, blocks)
    return blocks


def make_strips(app, board, media, first, blocks):
    """(Strips or None, errno of the device that could not be used or 0)."""
    if app.ecg is None or not getattr(board, "STRIPS", True):
        return None, 0
    # The image of a board without strips has no modules for them.
    from .ecgflash import EcgFlash
    from .strips import Strips

    fault = 0
    device = getattr(board, "ecg_device", None)
    if device is not None:
        try:
            found = device()
            if found is not None:
                return Strips(_on_device(app, found), app.ecg, app, False, True), 0
        except (OSError, ImportError) as error:
            number = getattr(error, "errno", None)
            fault = number if isinstance(number, int) and number else 255
    if not blocks:
        return None, fault
    flash = EcgFlash(_media.PartMedia(media, first, blocks), app.journal.journal)
    stalls = not getattr(board, "PIO_SAMPLER", False)
    return Strips(flash, app.ecg, app, stalls, bool(getattr(board, "ECG_KIB", 0))), fault


def _on_device(app, device):
    from .ecgflash import EcgFlash

    if device.ioctl(5, 0) == 512:
        from .card import CardMedia

        return EcgFlash(CardMedia(device), app.journal.journal)
    return EcgFlash(_media.BlockMedia(device), app.journal.journal)
