#!/bin/sh
# The Debian packages whose programs the tests run, those of `npm test` too, where this machine has apt and we are root.
set -eu
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "not root on Debian: tests of what is missing are skipped"; exit 0; }
packages=$(cat "$(dirname "$0")/packages.txt")
# shellcheck disable=SC2086
dpkg-query --show $packages >/dev/null 2>&1 && exit 0
# Services that the packages bring are not started.
policy=/usr/sbin/policy-rc.d
[ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; trap 'rm -f $policy' EXIT; }
apt-get update -qq -o Acquire::Retries=3
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Acquire::Retries=3 --no-install-recommends $packages >/dev/null
