# The stage side (choreo) without build tools and without root.
#
#   make docker
#   docker run --rm -it choreo-service demo                                       a synthetic dancer, five bars in the terminal
#   docker run --rm -it --network host -v "$PWD:/show" choreo-service run         your configuration in ./configs, takes in ./recordings
#
# Phones find the service, and synths on this computer are found by it, only with `--network host` (Linux).
# MIDI by ALSA needs the sound devices: --device /dev/snd --group-add "$(getent group audio | cut -d: -f3)".
# MIDI by JACK needs the server's shared memory and its user: --ipc host --user "$(id -u)" -v /dev/shm:/dev/shm; a JACK server *inside*
# a container wants `jackd -p 64` or --shm-size=256m, because its default takes more than a container's 64 MB of /dev/shm.

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/choreo
WORKDIR /src
# Dependencies first: they change seldom, so their layer is kept.
COPY requirements.txt ./
RUN /opt/choreo/bin/pip install --requirement requirements.txt
COPY . .
RUN /opt/choreo/bin/pip install --no-deps . && /opt/choreo/bin/python -m compileall -q /opt/choreo/lib

FROM python:3.11-slim
RUN useradd --uid 10001 --user-group --create-home --home-dir /show choreo
COPY --from=build /opt/choreo /opt/choreo
ENV PATH=/opt/choreo/bin:$PATH PYTHONUNBUFFERED=1
USER choreo
WORKDIR /show
# OSC from phones.
EXPOSE 9000/udp
# Healthy is whose tick runs; asked from inside, so the page may stay closed to the world. It needs `dashboard.enabled` and its port.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s CMD \
  ["python", "-c", "import urllib.request as ask; ask.urlopen('http://127.0.0.1:8787/healthz', timeout=3)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["choreo"]
CMD ["demo"]
