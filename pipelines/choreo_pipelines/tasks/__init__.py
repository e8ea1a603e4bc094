"""What is trained: M1 and M3 as tasks of the training loop, and the data they see."""
