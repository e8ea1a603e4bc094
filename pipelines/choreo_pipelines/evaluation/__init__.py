"""How good the models are, by numbers that cannot be had by cheating."""
