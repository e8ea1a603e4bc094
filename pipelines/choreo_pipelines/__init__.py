"""The studio: import, stream, and everything else that happens off stage."""
