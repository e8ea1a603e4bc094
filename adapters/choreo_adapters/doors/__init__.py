"""Door adapters: one file, one class each, independent of one another. They turn what a device sends into commands."""
