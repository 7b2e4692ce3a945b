"""LocalStack's plugins for running Signet without containers; see localstack/README.md."""
