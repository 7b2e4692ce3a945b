"""Signet on a laptop: one process with an HTTP server and a scheduler around the app that Lambda runs.

This package replaces the AWS services around the app: API Gateway, EventBridge's schedules, function URLs and the HTTP
side of S3. State, keys and objects belong to `store`, `keystore` and `buckets`, and the command line to `cli`.
"""
