"""The wire: AWS JSON 1.1 in and out, signatures, and the table from operation names to functions."""
