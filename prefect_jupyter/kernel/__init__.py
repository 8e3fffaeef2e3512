"""All of IPython and Jupyter: the composition root of a session in a notebook."""
