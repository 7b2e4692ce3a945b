"""Reports to the owner of CAs.

`overview`, `hierarchy` and `activity` are what the console shows of an account and of a CA. The schedule in
`audit_report_writer` writes the requested audit reports, in the formats of `audit_format`; `audit_report_reader` reads
them for the console.
"""
