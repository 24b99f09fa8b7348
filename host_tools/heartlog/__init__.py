"""Host tool of the Heartlog portable heart monitor."""
