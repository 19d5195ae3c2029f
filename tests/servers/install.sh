#!/bin/sh
# Installs the Debian packages that the tests talk to, if they are missing. Starts no service.
set -eu

packages="dovecot-imapd dovecot-lmtpd mosquitto mosquitto-clients libcoap3-bin"
missing=""
for package in $packages; do
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
        missing="$missing $package"
    fi
done
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "The tests need these Debian packages, and this system has no apt-get:$missing" >&2
    exit 1
elif [ "$(id -u)" = 0 ]; then
    as_root="env"
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
    as_root="sudo env"
else
    echo "The tests need these packages; install them as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

# A policy that says no (101) keeps the packages' own services from starting: the tests start what they need, on free ports.
policy=/usr/sbin/policy-rc.d
ours=""
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root sh -c "cat >$policy && chmod 755 $policy"
    ours=yes
fi
remove_policy() { [ -z "$ours" ] || $as_root rm -f "$policy"; }
trap remove_policy EXIT
trap 'exit 1' HUP INT TERM

$as_root apt-get update -qq
# shellcheck disable=SC2086 # one word a package
$as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
