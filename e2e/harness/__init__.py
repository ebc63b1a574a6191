"""What the end-to-end tests stand on: test hosts, the product in them, its people and its parts."""
