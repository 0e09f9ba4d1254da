#!/bin/bash
# Run once, by the image, right after InfluxDB 2.7 has made the organisation, the bucket and the token.
# It makes the bucket answer InfluxQL (database = the bucket's name) and gives Grafana a read-only user.
set -euo pipefail

influx v1 dbrp create \
  --db "$DOCKER_INFLUXDB_INIT_BUCKET" --rp autogen --default \
  --bucket-id "$DOCKER_INFLUXDB_INIT_BUCKET_ID" --org "$DOCKER_INFLUXDB_INIT_ORG"

# A "v1 authorization" is the user and password that the InfluxQL endpoint takes; it is good for nothing else.
influx v1 auth create \
  --username grafana --password "$(cat /run/secrets/grafana-influx-password)" \
  --read-bucket "$DOCKER_INFLUXDB_INIT_BUCKET_ID" --org "$DOCKER_INFLUXDB_INIT_ORG" \
  --description "Grafana, read only"
