"""What a tick of the models costs: numpy beside torch, stateful beside the naive window, in one interleaved run."""
