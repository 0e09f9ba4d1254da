#!/usr/bin/env bash
# The real servers that the tests start: Debian's mosquitto, InfluxDB 1.6, Chromium and a Chinese font.
# Installs what is missing when run as root on Debian; elsewhere says so and leaves the rest to the tests, which skip (or, with CI=true, fail).
set -u
missing=()
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing+=(mosquitto)
command -v influxd >/dev/null || missing+=(influxdb)
command -v chromium >/dev/null || missing+=(chromium)
fc-list ':lang=zh' 2>/dev/null | grep -qi cjk || [ -d /usr/share/fonts/opentype/noto ] || missing+=(fonts-noto-cjk)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ]; then
  echo "installing ${missing[*]} from Debian ..."
  log=$(mktemp)
  # A package's own service must not start: tests start the servers themselves, on free ports.
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log"; rm -f "$log"; exit 1
  fi
  rm -f "$log"
else
  echo "not installed: ${missing[*]}; the tests that need them are skipped (as root on Debian this target installs them)"
fi
