"""Programs for Signet's developers: package for AWS, generated model, cost model."""
