"""Which sampler a board gets: PIO and DMA where the chip has them and the board asks for it.

    sampler = for_board(afe, board)

A board asks by `PIO_SAMPLER = True` beside its SPI pins; otherwise DRDY's interrupt reads frames.
An ADS1293 converts at rates of its own, which are resampled to those of the detector.
"""


def for_board(afe, board, seconds=1):
    """The sampler for this front end on this board."""
    if afe.part.family != "1293" and getattr(board, "PIO_SAMPLER", False):
        from monitor.sampler_pio import PioSampler

        sampler = PioSampler(afe, board, seconds)
    else:
        sampler = by_interrupt(afe, board, seconds)
    if getattr(afe, "ac", False):
        from monitor.acleads import AcLeads

        return AcLeads(afe, sampler)
    return sampler


def by_interrupt(afe, board, seconds=1):
    """A sampler by interrupt, whatever the board prefers: for measurements."""
    if afe.part.family != "1293":
        from monitor.sampler import Sampler

        return Sampler(afe, board, seconds)
    from monitor.sampler_1293 import Sampler1293

    sampler = Sampler1293(afe, board, seconds)
    if afe.conversion_rate == afe.rate:
        return sampler
    from monitor.resample import Resampled

    return Resampled(sampler)
