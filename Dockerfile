# The image of Waystation: one program whose commands are web, worker, migrate and up.
#
#   docker build -t waystation .
#   docker build -t waystation --build-arg EXTRAS=arrow .     exports to Parquet too
#   docker run --rm waystation --help
#
# What it depends on is locked with hashes (deploy/image/*.lock; `make lock` renews them). It runs as uid 10001 with a root file
# system that may be read-only; it writes to /data (uploads, results) and /tmp. No compiler is left in it, and no database:
# DATABASE_URL and REDIS_URL name the servers. docs/deploy.md says how it is meant to be run.
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# The condition is for base images whose Python came without its headers; the official one has them. Versions are not pinned:
# Debian's mirrors keep the newest alone, and of all this only tini leaves this stage.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev tini \
 && { [ -f "$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ] \
      || apt-get install -y --no-install-recommends libpython3-dev; } \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build

# An environment without pip: what is needed at run time and nothing else. It changes less often than the code, so it is first.
COPY deploy/image/requirements*.lock deploy/image/build.lock ./
# The extras of pyproject.toml, separated by spaces, which are to be in the image.
ARG EXTRAS=
RUN set -- --requirement requirements.lock \
 && for extra in ${EXTRAS}; do \
      [ -f "requirements-${extra}.lock" ] || { echo "EXTRAS: the image has no extra '${extra}'." >&2; exit 1; }; \
      set -- "$@" --requirement "requirements-${extra}.lock"; \
    done \
 && python3 -m venv --without-pip /opt/waystation \
 && python3 -m pip --python /opt/waystation/bin/python install --require-hashes --only-binary :all: --no-compile "$@" \
 && python3 -m venv builder \
 && builder/bin/pip install --require-hashes --requirement build.lock

COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE ./
COPY src src
# The compiled parts are optional for whoever has no compiler; here they must be there. Byte code is checked by nobody at run time (its
# sources can't change), and holds no times, so that the same sources give the same files.
RUN SOURCE_DATE_EPOCH=315532800 builder/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
 && python3 -m pip --python /opt/waystation/bin/python install --no-deps --no-index --no-compile wheels/*.whl \
 && /opt/waystation/bin/python -c 'import waystation.csvio._encode, waystation.storage._drain' \
 && find /opt/waystation -name __pycache__ -prune -exec rm -r {} + \
 && /opt/waystation/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/waystation/lib

FROM ${PYTHON}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Waystation" \
      org.opencontainers.image.description="A task manager for long-running jobs: start, watch, pause, resume, stop and undo them" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# No package is installed here: this stage takes what it needs from the one above.
RUN groupadd --gid 10001 waystation \
 && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin waystation \
 && install -d -m 0750 -o 10001 -g 10001 /data
# tini: the first process of a container gets the orphans of all others, and must bury them.
COPY --from=build /usr/bin/tini-static /usr/local/bin/tini
COPY --from=build /opt/waystation /opt/waystation
ENV PATH=/opt/waystation/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    WAYSTATION_HOME=/data \
    WAYSTATION_HOST=0.0.0.0 \
    WAYSTATION_PULSE=/tmp/worker.pulse
WORKDIR /data
VOLUME ["/data", "/tmp"]
USER 10001:10001
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "waystation.health"]
ENTRYPOINT ["tini", "--", "waystation"]
CMD ["web"]
