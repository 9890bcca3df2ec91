"""Operations on a running pipeline, for the command and the pages."""
