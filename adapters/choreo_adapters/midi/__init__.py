"""MIDI for bridges and sensors, as a helper process sees it: rtmidi can freeze or take down the process it lives in.

`device` is the only module that imports rtmidi, `keeper` keeps one port open, `process` is the life of the helper. On
the service's side `port` is the base of every adapter with a port, `listing` asks a helper which ports there are. This
file is imported by helpers and so must stay light.
"""
