"""`choreo service`: the files that let the operating system start choreo, watch it and bring it back."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Unpack

import click

from choreo_service.cli.options import Choice, config_options, standby_option
from choreo_service.errors import ChoreoError
from choreo_service.places import state_folder

if TYPE_CHECKING:
    from choreo_service.config import Loaded

SYSTEMD: Final = """\
{heading}#
# A tick that stops for two seconds is a restart. Real-time priority needs the limit that `choreo doctor` explains;
# without it remove the three CPUScheduling lines.

[Unit]
Description=choreo: a body plays music
After=sound.target network.target pipewire.service jack.service bluetooth.service
StartLimitIntervalSec=60
StartLimitBurst=10

[Service]
Type=notify
ExecStart={command}
ExecReload=kill -HUP $MAINPID
WorkingDirectory={home}
WatchdogSec=2
WatchdogSignal=SIGABRT
TimeoutAbortSec=1
TimeoutStopSec={stop_s}
Restart=always
RestartSec=200ms
CPUSchedulingPolicy=fifo
CPUSchedulingPriority=20
CPUSchedulingResetOnFork=true
LimitRTPRIO=20
LimitRTTIME=200000
LimitCORE=0
UMask=0077
MemoryMax=2G
NoNewPrivileges=true
RestrictSUIDSGID=true
RestrictNamespaces=true
LockPersonality=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_BLUETOOTH
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @obsolete
SystemCallFilter=sched_setscheduler sched_setparam sched_setattr setpriority
{rights}
[Install]
WantedBy={target}
"""
OF_A_LOGIN: Final = """\
# choreo as a service of your login, on systemd. Keep it and start it:
#
#   choreo service systemd > ~/.config/systemd/user/choreo.service
#   systemctl --user daemon-reload && systemctl --user enable --now choreo
#   journalctl --user -u choreo -f            what it says
"""
OF_THE_SYSTEM: Final = """\
# choreo as a service of the machine, on systemd, from power-up and without a login. Keep it and start it:
#
#   choreo service systemd --system | sudo tee /etc/systemd/system/choreo.service
#   sudo systemctl daemon-reload && sudo systemctl enable --now choreo
#   journalctl -u choreo -f                   what it says
"""
SYSTEM_RIGHTS: Final = """\
User={user}
SupplementaryGroups=audio
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ReadWritePaths={home} {state}
PrivateTmp=true
ProtectProc=invisible
ProtectClock=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectControlGroups=true
DevicePolicy=closed
DeviceAllow=char-alsa rw
RemoveIPC=true
SystemCallFilter=~@resources
SystemCallFilter=sched_setscheduler sched_setparam sched_setaffinity sched_setattr setpriority
"""

LAUNCHD: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- choreo as a service of your login, on macOS. Keep it and start it:

  choreo service launchd > ~/Library/LaunchAgents/org.choreo.service.plist
  launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/org.choreo.service.plist
-->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>org.choreo.service</string>
  <key>ProgramArguments</key>
  <array>{arguments}</array>
  <key>WorkingDirectory</key><string>{home}</string>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><true/>
  <key>ThrottleInterval</key><integer>1</integer>
  <key>ExitTimeOut</key><integer>{stop_s}</integer>
  <key>ProcessType</key><string>Interactive</string>
  <key>Umask</key><integer>63</integer>
  <key>StandardErrorPath</key><string>{home}/choreo.log</string>
</dict>
</plist>
"""
_TO_CLOSE_S: Final = 5  # beside the easing: bridges, a recording


@click.group()
def service() -> None:
    """Print the file that lets the system start choreo and bring it back."""


@service.command()
@config_options
@standby_option
@click.option("--system", "of_the_system", is_flag=True, help="For the machine instead of your login; fewest rights.")
def systemd(of_the_system: bool, standby: bool, **choice: Unpack[Choice]) -> int:
    """A unit for Linux: restarted when the tick stops, with real-time priority and few rights."""
    loaded, command = _checked(choice, standby)
    home = str(loaded.base_dir.absolute())
    unit = SYSTEMD.format(
        heading=OF_THE_SYSTEM if of_the_system else OF_A_LOGIN,
        # A program's own name is the one word of a command in which systemd replaces no variables.
        command=" ".join([_quoted(command[0]), *(_quoted(part).replace("$", "$$") for part in command[1:])]),
        home=_bare_folder(home),
        stop_s=_stop_s(loaded),
        rights=_rights(home) if of_the_system else "",
        target="multi-user.target" if of_the_system else "default.target",
    )
    click.echo(unit, nl=False)
    return 0


@service.command()
@config_options
@standby_option
def launchd(standby: bool, **choice: Unpack[Choice]) -> int:
    """A property list for macOS."""
    from xml.sax.saxutils import escape  # builds text, parses nothing

    loaded, command = _checked(choice, standby)
    arguments = "".join(f"<string>{escape(part)}</string>" for part in command)
    text = LAUNCHD.format(arguments=arguments, home=escape(str(loaded.base_dir)), stop_s=_stop_s(loaded))
    click.echo(text, nl=False)
    return 0


def _checked(choice: Choice, standby: bool) -> tuple[Loaded, list[str]]:
    """The configuration, which must be good, and the command line that runs it."""
    from choreo_service.config import load_settings

    loaded = load_settings(**choice)
    program = Path(sys.argv[0]).absolute()
    command = [str(program), "run", *(["--standby"] if standby else []), "--home", str(loaded.base_dir.absolute())]
    if choice["file"]:
        command += ["--config", str(choice["file"].absolute())]
    if choice["profile"]:
        command += ["--profile", choice["profile"]]
    for override in choice["overrides"]:
        command += ["-o", override]
    if any(end in part for part in command for end in "\n\r"):
        raise ChoreoError("a path or option holds a line break", fix="put the value into a configuration file")
    return loaded, command


def _rights(home: str) -> str:
    """What the machine's unit may do; it writes to the workspace, and to the folder of logs and learnt controllers."""
    state = f"-{state_folder(os.environ)}"  # "-": it need not be there yet
    return SYSTEM_RIGHTS.format(user=getpass.getuser(), home=_quoted(home), state=_quoted(state))


def _stop_s(loaded: Loaded) -> int:
    return round(loaded.settings.output.exit_ease_s) + _TO_CLOSE_S


def _quoted(text: str) -> str:
    """A word of a unit file's setting that is a list of words; % is special in every setting."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _bare_folder(path: str) -> str:
    """A setting that is one path: neither quotes nor backslashes mean anything in it but the backslash that ends a
    line, which the closing slash keeps from being one."""
    return path.replace("%", "%%") + "/"
