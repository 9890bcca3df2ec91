"""The AWS resources: one template for the emulator and for AWS."""
