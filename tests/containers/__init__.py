"""The images and compose.yml in a real Docker engine: `make up` and every documented command."""
