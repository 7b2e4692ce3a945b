"""AWS Certificate Manager's operations that manage ACME endpoints: boto3's `acm` client manages directories with them.

An endpoint is a directory, an external account binding is one of Signet's, and a domain validation is a domain whose
names the directory grants. A tag of the endpoint names the private CA, for which AWS's API has no member.
"""
