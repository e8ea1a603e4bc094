"""Two engines and one process that watches over them: one plays, the other is warm and takes over when it falls."""
