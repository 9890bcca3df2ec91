"""What stands between a service and a server, and breaks as a test wants it to.

Every proxy listens on 127.0.0.1, on a port of its own: `async with proxy.serving()`, and
`break_as(fault)` from then on, `break_as(None)` to mend it.
"""
