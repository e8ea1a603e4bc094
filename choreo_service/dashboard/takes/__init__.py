"""Takes for the page. They are read in a process of their own: pyarrow and an hour of samples would stall the tick."""
