"""What the API's operations decide: one function per operation, `f(rt, caller, request) -> response`.

Only these functions know both the PKI and the storage; the console and the wire call the same ones.
"""
