"""What a person starts from outside a cell: plain runs that check a notebook, and what compares them.

It must not be imported by the engine's lower layers.
"""
