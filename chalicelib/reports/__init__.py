"""Reports to the owner of CAs: overview, hierarchy, activity and audit reports."""
