"""Sensor adapters: one file, one class each, independent of one another."""
