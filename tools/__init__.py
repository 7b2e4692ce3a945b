"""Programs for whoever builds Signet: the package for AWS, the cost model, the generated model."""
