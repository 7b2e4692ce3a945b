"""Who may: access keys, and what resource policies allow."""
