"""What the engine costs a task, and the extension a notebook. Figures to read, never to test against."""
