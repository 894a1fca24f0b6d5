# Formats the storage and becomes the broker. ADVERTISED is what clients inside and outside are told to call.
set -eu
java=/opt/java/bin/java
settings="$HOME"/server.properties
cp /opt/server.properties "$settings"
echo "advertised.listeners=$ADVERTISED" >> "$settings"
"$java" -cp '/opt/jars/*' kafka.tools.StorageTool format --cluster-id MkU3OEVBNTcwNTJENDM2Qg --config "$settings"
exec "$java" -Xms256m -Xmx512m -cp '/opt/jars/*' kafka.Kafka "$settings"
