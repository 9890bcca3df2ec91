"""What the command and the pages do to a running pipeline."""
