"""CPU time, memory, profiles, the machine, and spread."""
