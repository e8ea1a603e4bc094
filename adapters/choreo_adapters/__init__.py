"""Sensors and bridges that come with choreo, found by their entry points; the service never imports this package."""
