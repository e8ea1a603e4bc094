"""How a trained pair plays takes: what comes out, what a silent sensor costs, what the groove report says."""
