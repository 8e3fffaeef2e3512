"""The judge: what the engine calls fresh must equal a plain run of the notebook."""
