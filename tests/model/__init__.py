"""Plays by chance in a kernel of this process, beside plain runs in one that does not know the project."""
