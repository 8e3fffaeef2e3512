"""Where decisions meet the world: running tasks, fingerprints, stores, files.

It must not know IPython, nor how anything is shown.
"""
