"""Expiry of certificates and CAs: lists, reminders and calendar feeds."""
