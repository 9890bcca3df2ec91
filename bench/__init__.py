"""The benchmark: each workload on this system and on naive pipelines, in the same run on the same machine."""
