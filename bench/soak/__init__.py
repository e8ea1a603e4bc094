"""What goes wrong on a stage, done to the real service in real time; the figures go into docs/reliability.md."""
