"""Measurements beside the benchmark: layouts of the table, partitions, scale."""
