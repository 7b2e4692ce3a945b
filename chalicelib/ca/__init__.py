"""A CA as operations and services need it.

`find` finds a CA for a caller, and changes it without losing a concurrent update. `iterate` loops over CAs. `state`
tells a CA's status, its name and its issuer. `signing` is the only place where a CA's key is used. `events` reports to
EventBridge and CloudWatch.
"""
