"""Views: one function for each page, grouped by subject."""
