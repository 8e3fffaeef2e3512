"""Text becomes a `Cell`: headers, options, what code reads and writes, what changed between two texts.

It must not run user code, look at values, or know IPython: the transformation of cells is injected.
"""
