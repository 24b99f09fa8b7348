"""The monitor that runs on this computer: launcher, radio and patient."""
