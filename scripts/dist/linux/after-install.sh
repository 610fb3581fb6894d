#!/bin/sh
set -e

[ "$1" = configure ] || exit 0
app='/opt/${sanitizedProductName}'

# Chromium makes its sandbox from user namespaces; where a user may not have them, its setuid helper does it instead.
# Tried as nobody, because root may always, and with a mapping, because that is what some kernels refuse.
if runuser -u nobody -- unshare --user --map-root-user true 2>/dev/null; then
  chmod 0755 "$app/chrome-sandbox"
else
  chmod 4755 "$app/chrome-sandbox"
fi

# An AppArmor older than 4.0 does not know the rule the profile is for, and does not need it.
profile="$app/resources/apparmor-profile"
installed='/etc/apparmor.d/${executable}'
if command -v apparmor_parser >/dev/null && apparmor_parser --skip-kernel-load --debug "$profile" >/dev/null 2>&1; then
  cp -f "$profile" "$installed"
  # No kernel to tell where there is none running it, as in an image being made.
  if aa-enabled --quiet 2>/dev/null; then
    apparmor_parser --replace --write-cache --skip-read-cache "$installed" || true
  fi
fi
