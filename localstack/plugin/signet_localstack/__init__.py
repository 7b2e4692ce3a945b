"""What LocalStack needs to run Signet without containers. See README.md in the folder above."""
