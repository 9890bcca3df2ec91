"""What a workload runs on: the parts, started and pinned, and what feeds and reads them."""
