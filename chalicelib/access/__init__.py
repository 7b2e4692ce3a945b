"""Access: the keys that requests are signed with, and the policies that decide what a caller may do.

`access_keys` makes and reads access keys. `policy` and `conditions` evaluate policies by IAM's rules, `resource_policy`
adds the rules for policies of CAs, `trust` those for policies of roles; all four are pure. `assuming` begins sessions
of `roles`, `role_sessions` reads their tokens. `web_identity` verifies tokens of `oidc_providers` with `oidc_keys`.
`sharing` tells what a CA's policy lets other accounts do.
"""
