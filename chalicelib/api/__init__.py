"""HTTP requests and responses: AWS's API over JSON and CBOR, Signet's own endpoints, CRLs and OCSP over HTTP.

Here are signature verification, request rates, decoding and encoding by AWS's model, the model's constraints, and the
table that maps operation names to functions. What an operation does is in `operations` and the services; pages are in
`console`; nothing here reads or writes the store except to look up access keys.
"""
