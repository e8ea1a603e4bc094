"""Measurements of the running service: latency by stage, cadence, drift, cost, models. Figures, never pass or fail."""
