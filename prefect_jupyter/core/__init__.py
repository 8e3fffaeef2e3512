"""The pure core: what tasks are, how they connect, what is stale and what runs next.

It must not read a clock, start a thread, touch a disk, or import anything but the standard library.
"""
