"""What the motion features are worth: latency and error on a simulated body, tempo and rest on real ones."""
