"""Which sampler a board gets: PIO and DMA where the chip has them and the board asks for it.

    sampler = for_board(afe, board)

A board asks by `PIO_SAMPLER = True` beside its SPI pins; otherwise DRDY's interrupt reads frames.
"""


def for_board(afe, board, seconds=1):
    """The sampler for this front end on this board."""
    if afe.part.family == "1293":
        from monitor.sampler_1293 import Sampler1293 as Kind
    elif getattr(board, "PIO_SAMPLER", False):
        from monitor.sampler_pio import PioSampler as Kind
    else:
        from monitor.sampler import Sampler as Kind
    return Kind(afe, board, seconds)
