"""What expires, and who is told: certificates and CAs by their expiry, reminders, the calendar and its feeds."""
