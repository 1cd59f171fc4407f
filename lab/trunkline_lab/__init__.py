"""The laboratory: a small operator's network of real routers and servers on one Linux machine.

Start with `trunkline_lab.control` (up, down, status, run) and `trunkline_lab.cpe` (connect, download,
disconnect). The package is independent of Trunkline itself.
"""
