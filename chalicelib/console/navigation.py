"""What the menu shows."""

from __future__ import annotations

# The section's name, the path of its page behind `/console`, and what it is called. A view names its section.
SECTIONS: tuple[tuple[str, str, str], ...] = (("authorities", "cas", "Private CAs"),)
HOME = "cas"
