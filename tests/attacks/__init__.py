"""Attacks that once succeeded, and their siblings: one file per subject."""
