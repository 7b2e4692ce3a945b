"""ACME (RFC 8555) in front of any CA: directories, external account bindings, accounts, orders and their validation.

`directories` and `bindings` are what the owner manages. `protocol` reads a client's request: `jws` and `nonces` check
it, and one table gives each resource its function in `accounts`, `orders`, `authorizations`, `certificates` and
`renewal_info`. `validation` looks at what a client controls. `reconcile` closes what a crash left open.
"""
