"""The whole system on this machine: its servers and services, started, watched and stopped."""
