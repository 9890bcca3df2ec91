"""Shared by every program, on the standard library alone: the Lambda's archive holds this folder."""
