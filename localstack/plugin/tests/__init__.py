"""Tests of what LocalStack needs to run Signet; unittest, in the environment that has LocalStack."""
