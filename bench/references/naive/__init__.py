"""The reference: the same pipeline as most people would write it first, with the same durability."""
