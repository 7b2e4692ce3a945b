"""What the menu shows."""

from __future__ import annotations

# The section's name, the path of its page behind `/console`, and what it is called. A view names its section.
SECTIONS: tuple[tuple[str, str, str], ...] = (
    ("overview", "overview", "Overview"),
    ("authorities", "cas", "Private CAs"),
    ("hierarchy", "hierarchy", "Hierarchy"),
    ("certificates", "certificates", "Certificates"),
)
HOME = "overview"  # without any CA it leads on to the introduction
