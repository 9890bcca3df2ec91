"""The pipelines that ours is compared with."""
