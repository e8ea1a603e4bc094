"""What is measured once and kept: how a performer moves."""
