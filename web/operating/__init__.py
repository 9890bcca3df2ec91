"""The pages that watch the pipeline and deal with dead letters."""
