"""Access: the keys that requests are signed with, and the resource policies that share CAs with other accounts.

`access_keys` makes and reads access keys. `resource_policy` parses policies and evaluates them, as pure functions.
`sharing` tells what the policy of a CA lets another account do.
"""
