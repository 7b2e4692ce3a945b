"""The laptop home: one process with an HTTP server and a scheduler around the same app that Lambda runs."""
