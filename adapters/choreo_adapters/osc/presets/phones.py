"""What each phone app sends, as its makers describe it or, where they don't, as programs that receive it read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from choreo_adapters.osc.presets.layout import AXES, AxisRoute, Layout, Route


def _ignored(*routes: tuple[str, str]) -> tuple[Route, ...]:
    return tuple(Route(address, typetags) for address, typetags in routes)


# ircam-ismm/sc-motion FORMAT.md: v3 gyroscope is rad/s as in W3C, v2 rotationRate deg/s: alpha z, beta x, gamma y.
_COMOTE = Layout(
    name="comote",
    app="CoMote, R-IoT (IRCAM)",
    about="format v3 and v2; one message per sensor with the device's monotonic time in ms",
    silence_means_unchanged=False,
    bundled=False,
    fill=(("source", "comote"), ("id", "42")),
    routes=(
        Route("/{source}/v3/{id}/accelerometer", "fffif", "acceleration", "m/s^2", time_arg=3),
        Route("/{source}/v3/{id}/gyroscope", "fffif", "rotation_rate", "rad/s", time_arg=3),
        Route("/{source}/v3/{id}/gravity", "fffif", "gravity", "m/s^2", time_arg=3),
        Route("/{source}/v3/{id}/battery", "fiffif", unit="0..1", args=(0,), fact="battery"),
        *_ignored(
            ("/{source}/v3/{id}/magnetometer", "fffif"),
            ("/{source}/v3/{id}/absoluteorientation/quaternion", "ffffif"),
            ("/{source}/v3/{id}/absoluteorientation/euler", "fffif"),
            ("/{source}/v3/{id}/barometer", "ffif"),
            ("/{source}/v3/{id}/heading", "fffif"),
            ("/{source}/v3/{id}/control/{key}", "ii"),
        ),
        Route("/comote/{id}/devicemotion", "fffffff", "rotation_rate", "deg/s", args=(5, 6, 4)),
        Route("/comote/{id}/devicemotion", "fffffff", "acceleration", "m/s^2", args=(1, 2, 3)),
        *_ignored(("/comote/{id}/heading", "ffff"), ("/comote/{id}/buttonA", "i"), ("/comote/{id}/buttonB", "i")),
    ),
    steps=(
        "scan the code above with the app's own scanner: it sets everything",
        "by hand: OSC on, url udp://{host}:{port}, interval 10 ms",
    ),
)

# Clones and receivers of GyrOSC: accel is CoreMotion userAcceleration in g, rrate rad/s; gyro is attitude, not a rate.
_GYROSC = Layout(
    name="gyrosc",
    app="GyrOSC (iOS)",
    about="user acceleration in g without gravity, rotation rate, gravity",
    silence_means_unchanged=False,
    bundled=False,
    fill=(),
    routes=(
        Route("/gyrosc/accel", "fff", "linear_acceleration", "g", sign=-1.0),
        Route("/gyrosc/rrate", "fff", "rotation_rate", "rad/s"),
        Route("/gyrosc/grav", "fff", "gravity", "g", sign=-1.0),
        *_ignored(
            ("/gyrosc/gyro", "fff"),
            ("/gyrosc/quat", "ffff"),
            ("/gyrosc/mag", "fff"),
            ("/gyrosc/comp", "f"),
            ("/gyrosc/alt", "ff"),
            ("/gyrosc/gps", "ffff"),
            ("/gyrosc/button", "f"),
        ),
    ),
    steps=(
        "target IP address {host}, port {port}, rate 100 Hz",
        "switch on accel, grav and rrate; the others are not needed",
    ),
)

# SensorApps/Sensors2OSC: Android units; /bt/heartrate comes from a paired strap and may be NaN.
_SENSORS2OSC = Layout(
    name="sensors2osc",
    app="Sensors2OSC (Android)",
    about="Android units, acceleration with gravity; heart rate from the watch or from a paired strap",
    silence_means_unchanged=True,
    bundled=False,
    fill=(),
    routes=(
        Route("/accelerometer", "fff", "acceleration", "m/s^2"),
        Route("/linearacceleration", "fff", "linear_acceleration", "m/s^2"),
        Route("/gravity", "fff", "gravity", "m/s^2"),
        Route("/gyroscope", "fff", "rotation_rate", "rad/s"),
        Route("/heartrate", "f", "heart_rate", "bpm", args=(0,)),
        Route("/bt/heartrate", "f", "heart_rate", "bpm", args=(0,)),
        *_ignored(
            ("/magneticfield", "fff"),
            ("/rotationvector", "fffff"),
            ("/gamerotationvector", "ffff"),
            ("/orientation", "fff"),
            ("/light", "f"),
            ("/pressure", "f"),
            ("/proximity", "f"),
            ("/stepdetector", "f"),
        ),
    ),
    steps=(
        "settings: host {host}, port {port}, sensor rate fastest",
        "settings: send duplicate values on, or a body at rest looks like a lost phone",
        "switch on linear acceleration, gravity and gyroscope, and heart rate where there is a strap",
    ),
)

# Manual page zigsim/features/motion: accel and gravity in g, gyro in rad/s (an article says degrees; the manual wins).
_ZIGSIM = Layout(
    name="zigsim",
    app="ZIG SIM, ZIG SIM PRO",
    about="/<device>/accel of the old app and /ZIGSIM/<device>/accel of PRO; user acceleration in g without gravity",
    silence_means_unchanged=False,
    bundled=True,
    fill=(("id", "8F3A1C2E"),),
    routes=tuple(
        Route(prefix + route.address, route.typetags, route.stream, route.unit, sign=route.sign)
        for prefix in ("/ZIGSIM/{id}", "/{id}")
        for route in (
            Route("/accel", "fff", "linear_acceleration", "g", sign=-1.0),
            Route("/gyro", "fff", "rotation_rate", "rad/s"),
            Route("/gravity", "fff", "gravity", "g", sign=-1.0),
            Route("/quaternion", "ffff"),
            Route("/compass", "fi"),
            Route("/pressure", "ff"),
            Route("/deviceinfo", "sssii"),
            Route("/touch0", "ff"),
            Route("/touch1", "ff"),
        )
    )
    + _ignored(("/deviceinfo", "sssii")),
    steps=(
        "settings: UDP, OSC (JSON is read too), address {host}, port {port}, 60 messages a second",
        "sensors: ACCEL, GRAVITY and GYRO; then Start",
    ),
)

# TouchOSC Mk1 and its imitators: g on iOS, m/s^2 in others, gravity included by most: units are measured, not believed.
_TOUCHOSC = Layout(
    name="touchosc",
    app="TouchOSC Mk1, oscHook told to send /accxyz",
    about="acceleration alone; the unit is found by measuring during the first seconds",
    silence_means_unchanged=False,
    bundled=False,
    fill=(),
    routes=(Route("/accxyz", "fff", "acceleration", "g", ambiguous=True),),
    steps=(
        "connections, OSC: host {host}, port (outgoing) {port}; options: accelerometer on",
        "hold the phone still for two seconds: whether it sends g or m/s^2 is measured",
    ),
)

# Receivers in public code: v1 one number a message, v2 everything in one, acceleration in arguments 4 to 6 of 10.
_OSCHOOK = Layout(
    name="oschook",
    app="oscHook (Android)",
    about="Android units, acceleration with gravity; v2 in one message, v1 an axis a message, joined here",
    silence_means_unchanged=False,
    bundled=False,
    fill=(),
    routes=tuple(
        Route(address, "ifffffffff", "acceleration", "m/s^2", args=(4, 5, 6)) for address in ("/oscHook", "/oschook")
    ),
    axes=(
        AxisRoute("/accelerometer/raw", "acceleration", "m/s^2"),
        AxisRoute("/accelerometer/linear", "linear_acceleration", "m/s^2"),
        AxisRoute("/accelerometer/gravity", "gravity", "m/s^2"),
    ),
    steps=("host {host}, port {port}", "switch the accelerometer on"),
)

# Wiki page "Sensors" of adamjberg/RIME_InstrumentBuilder; gravity and rates by what CoreMotion gives.
_RIME = Layout(
    name="rime",
    app="RIME Instrument Builder (iOS)",
    about="everything in one message of 18 numbers: user acceleration and gravity in g, rotation rate without bias",
    silence_means_unchanged=False,
    bundled=False,
    fill=(),
    routes=(
        Route("/sensors", "f" * 18, "rotation_rate", "rad/s", args=(15, 16, 17)),
        Route("/sensors", "f" * 18, "gravity", "g", args=(12, 13, 14), sign=-1.0),
        Route("/sensors", "f" * 18, "linear_acceleration", "g", args=(3, 4, 5), sign=-1.0),
    ),
    steps=("OSC host {host}, port {port}",),
)

# The app's own operator pages: userAcceleration in g, gravity of length 1 toward the ground, rates in rad/s, <= 50 Hz.
_TDLIDAR = Layout(
    name="tdlidar",
    app="TDLidar (iOS)",
    about="an axis a message, joined here: user acceleration and gravity in g, rotation rate; battery",
    silence_means_unchanged=False,
    bundled=False,
    fill=(),
    routes=(
        Route("/tdlidar/motion/battery/level", "f", unit="0..1", args=(0,), fact="battery"),
        *_ignored(
            ("/tdlidar/motion/battery/state", "f"),
            *((f"/tdlidar/motion/magnetic/{axis}", "f") for axis in AXES),
        ),
    ),
    axes=(
        AxisRoute("/tdlidar/motion/rotation", "rotation_rate", "rad/s"),
        AxisRoute("/tdlidar/motion/gravity", "gravity", "g", sign=-1.0),
        AxisRoute("/tdlidar/motion/accel", "linear_acceleration", "g", sign=-1.0),
    ),
    steps=("settings: IP {host}, OSC port {port}", "sensors: acceleration, gravity and gyro on"),
)

_CHOREO = Layout(
    name="choreo",
    app="anything that speaks this project's own addresses",
    about="SI units; /choreo/motion carries acceleration with gravity and rotation rate in one message",
    silence_means_unchanged=False,
    bundled=False,
    fill=(),
    routes=(
        Route("/choreo/motion", "ffffff", "rotation_rate", "rad/s", args=(3, 4, 5)),
        Route("/choreo/motion", "ffffff", "acceleration", "m/s^2"),
        Route("/choreo/motion/accel", "fff", "acceleration", "m/s^2"),
        Route("/choreo/motion/linear", "fff", "linear_acceleration", "m/s^2"),
        Route("/choreo/motion/gyro", "fff", "rotation_rate", "rad/s"),
        Route("/choreo/motion/gravity", "fff", "gravity", "m/s^2"),
        Route("/choreo/heart", "f", "heart_rate", "bpm", args=(0,)),
        Route("/choreo/context", "f", "context", "0..1", args=(0,)),
    ),
    steps=("send /choreo/motion ffffff (m/s^2 with gravity, rad/s) to {host}, port {port}",),
)

LAYOUTS: Final[Mapping[str, Layout]] = {
    layout.name: layout
    for layout in (_CHOREO, _COMOTE, _GYROSC, _SENSORS2OSC, _ZIGSIM, _TOUCHOSC, _OSCHOOK, _RIME, _TDLIDAR)
}
