"""Statistics on plain arrays. Below all other rooms: it imports nothing of the package's own."""
