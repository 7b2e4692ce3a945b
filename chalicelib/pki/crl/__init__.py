"""CRLs: entries, segments, the TBSCertList, and the gate that judges a CRL before it is published."""
