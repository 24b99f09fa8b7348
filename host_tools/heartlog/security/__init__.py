"""Keys, the handshake with a monitor, and the sealed channel that follows it."""
