# galera-keeper around an image of MariaDB's, by default the official one:
#
#   docker build --tag galera-keeper:11.8 .
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg BASE=mariadb:11.4 …
ARG BASE=mariadb:11.8

# Runs on the machine that builds, whatever the image is for: Deno compiles for others, too.
FROM --platform=$BUILDPLATFORM denoland/deno:2.9.6 AS build
WORKDIR /galera-keeper
COPY deno.json deno.lock main.ts ./
COPY .ci .ci
COPY lib lib
ARG TARGETARCH
RUN deno task build --arch "$TARGETARCH"

FROM ${BASE}
ARG BASE
ARG VERSION=0.1.0
ARG REVISION=
ARG SOURCE=
# The base's own labels say what the base is.
LABEL org.opencontainers.image.title="galera-keeper" \
      org.opencontainers.image.description="A member of a MariaDB Galera cluster that ZooKeeper decides the start of" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.url="${SOURCE}" \
      org.opencontainers.image.documentation="${SOURCE}" \
      org.opencontainers.image.authors="The authors of galera-keeper" \
      org.opencontainers.image.vendor="galera-keeper" \
      org.opencontainers.image.base.name="${BASE}"

# What state transfers need and the base may lack; a base that has all of it stays as it is.
RUN set -eu; \
  missing=; \
  need() { command -v "$1" >/dev/null || missing="$missing $2"; }; \
  need rsync rsync; \
  need socat socat; \
  need lsof lsof; \
  need ss iproute2; \
  need ps procps; \
  need openssl openssl; \
  need stunnel stunnel4; \
  need setpriv util-linux; \
  need mariadb-backup mariadb-backup; \
  if [ -n "$missing" ]; then \
    apt-get update; \
    # Of stunnel's choices the one that is not all of systemd.
    if ! command -v systemd-sysusers >/dev/null && apt-cache show systemd-standalone-sysusers >/dev/null 2>&1; \
    then missing="$missing systemd-standalone-sysusers"; fi; \
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing; \
    apt-get clean; \
    rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/log/stunnel4 /run/stunnel4 /var/cache/ldconfig/aux-cache; \
  fi

COPY --from=build /galera-keeper/dist/galera-keeper /usr/local/bin/galera-keeper

# Clients, Galera (its multicast, too), IST, SST, our own HTTP.
EXPOSE 3306 4567 4567/udp 4568 4444 8008
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 \
  CMD ["galera-keeper", "health"]
ENTRYPOINT ["galera-keeper", "run", "--"]
# What the base would have: options of mariadbd's are given in its place.
CMD []
