"""The firmware's sampler on an emulated RP2040, with the front end's model on its pins."""
