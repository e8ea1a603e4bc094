"""Example plug-in for choreo: lines of text over UDP, in and out."""
