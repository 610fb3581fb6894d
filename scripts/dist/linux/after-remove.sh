#!/bin/sh
set -e

case $1 in
  remove | purge) ;;
  *) exit 0 ;;
esac

profile='/etc/apparmor.d/${executable}'
if [ -e "$profile" ]; then
  if aa-enabled --quiet 2>/dev/null; then
    apparmor_parser --remove "$profile" 2>/dev/null || true
  fi
  rm -f "$profile"
fi
