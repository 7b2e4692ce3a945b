"""The status service as relying parties see it.

`crl_watch` fetches every CRL and `ocsp_watch` asks every OCSP URL; both verify what they get and report `sightings` as
metrics. `rounds` shares out the time of a watch over accounts and CAs. `certificate_status` looks one certificate up by
OCSP and in its CRL.
"""
