#!/bin/sh
# Installs the Debian packages that the tests talk to, if they are missing. Starts no service.
#
# Debian lets only one IMAP server be installed at a time. Dovecot is; Cyrus and Courier are unpacked beside the system,
# into folders of their own, and what they are linked with is installed.
set -eu

packages="dovecot-imapd dovecot-lmtpd mosquitto mosquitto-clients libcoap3-bin"
missing=""
for package in $packages; do
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
        missing="$missing $package"
    fi
done
beside=/opt/mailwire-tests
to_unpack=""
[ -x $beside/cyrus/usr/lib/cyrus/bin/imapd ] || to_unpack="cyrus-imapd cyrus-common sasl2-bin"
[ -x $beside/courier/usr/bin/imapd ] || to_unpack="$to_unpack courier-imap courier-authlib"
[ -z "$missing$to_unpack" ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "The tests need these Debian packages, and this system has no apt-get:$missing $to_unpack" >&2
    exit 1
elif [ "$(id -u)" = 0 ]; then
    as_root="env"
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
    as_root="sudo env"
else
    echo "The tests need Debian packages that root has to install: run tests/servers/install.sh as root" >&2
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
debs=$(mktemp -d)
trap 'remove_policy; rm -rf "$debs"' EXIT
trap 'exit 1' HUP INT TERM

$as_root apt-get update -qq

# What is unpacked is not installed: the libraries that it depends on are, but for two that nothing we run loads.
if [ -n "$to_unpack" ]; then
    # shellcheck disable=SC2086 # one word a package
    (cd "$debs" && $as_root apt-get download -qq -o APT::Sandbox::User=root $to_unpack)
    for deb in "$debs"/*.deb; do
        for library in $(dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed -n 's/^ *\(lib[^ |]*\).*/\1/p'); do
            case $library in libclamav* | libzephyr*) continue ;; esac
            if [ "$(dpkg-query -W -f='${db:Status-Status}' "$library" 2>/dev/null)" != installed ]; then
                missing="$missing $library"
            fi
        done
    done
    missing="$missing libsasl2-modules libsasl2-modules-db"
fi

# shellcheck disable=SC2086 # one word a package
[ -z "$missing" ] || $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing

for deb in "$debs"/*.deb; do
    [ -e "$deb" ] || continue
    case $deb in *courier*) into=$beside/courier ;; *) into=$beside/cyrus ;; esac
    $as_root mkdir -p "$into"
    $as_root dpkg-deb -x "$deb" "$into"
done
