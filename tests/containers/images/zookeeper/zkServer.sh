#!/bin/sh
# Of the official script, what an image's users type: zkServer.sh start-foreground [FILE].
set -eu
if [ "${1:-}" != start-foreground ]; then
  echo "usage: zkServer.sh start-foreground [FILE]" >&2
  exit 64
fi
# shellcheck disable=SC2086 # Flags are words.
exec java -Dlog4j.configuration=file:/zookeeper/bin/log4j.properties \
  -cp "$ZOO_CONF_DIR:/usr/share/java/zookeeper.jar" ${SERVER_JVMFLAGS:-} ${JVMFLAGS:-} \
  org.apache.zookeeper.server.quorum.QuorumPeerMain "${2:-$ZOO_CONF_DIR/zoo.cfg}"
