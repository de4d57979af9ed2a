# The SBOM of an image that was built (`make sbom`): CycloneDX, with versions, licences and hashes of all that is in it.
#
#   docker build -f deploy/image/sbom.Dockerfile --build-arg IMAGE=waystation:latest --output dist .
ARG PYTHON=python:3.13-slim
ARG IMAGE=waystation:latest

FROM ${IMAGE} AS image

FROM ${PYTHON} AS tool
WORKDIR /tool
COPY deploy/image/sbom.lock ./
RUN python3 -m venv . && bin/pip install --no-cache-dir --require-hashes --requirement sbom.lock
COPY --from=image /opt/waystation /opt/waystation
RUN bin/cyclonedx-py environment --output-reproducible --output-file /waystation.cdx.json /opt/waystation/bin/python

FROM scratch
COPY --from=tool /waystation.cdx.json /
