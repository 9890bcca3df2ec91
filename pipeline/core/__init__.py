"""What every program needs, with the standard library alone: the Lambda's archive holds this folder."""
