"""The operations of the API, search and explain among them: one function each, `f(rt, caller, request) -> response`.

The wire and the console call the same functions. A function decides by the PKI and by the store, and writes only on
condition that what it decided by has not changed. Beside the operations there are idempotency tokens (`idempotency`),
page tokens of lists (`paging`), and the table that turns refusals of the pure parts into AWS's errors (`refusals`).
"""
