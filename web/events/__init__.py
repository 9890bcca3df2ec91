"""The pages that find events and follow one."""
