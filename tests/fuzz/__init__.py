"""Fuzzing: hostile requests for every part of the server that reads what strangers or clients send."""
