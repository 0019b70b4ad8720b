#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a command in a fresh clone of this repository on a bare Debian 12, as the first command there.
#
#   tests/bare_root.sh [--base FILE.tar] [--keep] [--as-user] COMMAND…     e.g. tests/bare_root.sh ./bootstrap demo
#
#   --base FILE.tar  the bare system, unpacked from here; made here when there is none (quicker from the second time on)
#   --keep           leave the root behind and say where it is
#   --as-user        run the command as an ordinary user who may use sudo
#
# Needs root and debootstrap; not part of make check. What is committed is what is tested. The system holds apt, git and a shell, no more.
# Packages come from where this machine's apt gets them, npm's from where this machine's npm gets them; certificates of this machine's own
# go along. Mounts and processes live in namespaces of their own, which end with this script.
set -eu

fail() {
    echo "bare_root.sh: $*" >&2
    exit 1
}

base= keep= as_user=
while [ $# -gt 0 ]; do
    case $1 in
    --base) base=$2; shift 2 ;;
    --keep) keep=yes; shift ;;
    --as-user) as_user=yes; shift ;;
    --) shift; break ;;
    -*) fail "unknown option $1: the head of this file shows which there are" ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || fail "say what to run, e.g. $0 ./bootstrap demo"
[ "$(id -u)" = 0 ] || fail "only root may debootstrap and chroot: run it with sudo"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
source=$(cd "$(dirname "$0")/.." && pwd)

if [ -z "${BARE_ROOT_INSIDE:-}" ]; then
    root=$(mktemp -d "${TMPDIR:-/tmp}/bare-root.XXXXXX")
    status=0
    BARE_ROOT_INSIDE=$root unshare --mount --pid --fork --kill-child sh "$0" \
        ${base:+--base "$base"} ${as_user:+--as-user} -- "$@" || status=$?
    if [ -n "$keep" ]; then
        echo "bare_root.sh: the root is $root"
    else
        rm -rf --one-file-system "$root"
    fi
    exit $status
fi
root=$BARE_ROOT_INSIDE

mirror=$(apt-get indextargets 'Created-By: Packages' --format '$(REPO_URI) $(CODENAME)' |
    awk '$2 == "bookworm" { print $1; exit }')
[ -n "$mirror" ] || fail "this machine's apt knows no source for bookworm"
if [ -n "$base" ] && [ -f "$base" ]; then
    tar -C "$root" -xf "$base"
else
    debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 ||
        { tail -20 "$root.log" >&2; fail "debootstrap failed"; }
    rm -f "$root.log"
    [ -z "$base" ] || tar -C "$root" -cf "$base" .
fi

# apt: this machine's Debian sources, signed as there; no other vendor's.
apt-get indextargets 'Created-By: Packages' --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' |
    awk '$4 == "Debian" { print "deb", $1, $2, $3 }' | sort -u >"$root/etc/apt/sources.list"
for name in Acquire::http::Proxy Acquire::https::Proxy Acquire::Check-Valid-Until Acquire::Check-Date; do
    value=$(apt-config dump --format '%v' "$name")
    [ -z "$value" ] || echo "$name \"$value\";" >>"$root/etc/apt/apt.conf.d/50bare-root"
done
cp /etc/resolv.conf /etc/hosts "$root/etc/"
# Certificates that this machine trusts beyond Debian's: in place before the package ca-certificates comes, for npm by name.
mkdir -p "$root/usr/local/share/ca-certificates"
cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || :
cat "$root"/usr/local/share/ca-certificates/*.crt >"$root/etc/bare-root-ca.pem" 2>/dev/null || :

mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"

run() {
    env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM="${TERM:-dumb}" \
        NODE_EXTRA_CA_CERTS=/etc/bare-root-ca.pem npm_config_registry="$(npm config get registry 2>/dev/null || :)" \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
        chroot "$root" "$@"
}
packages=git
[ -z "$as_user" ] || packages="git sudo"
{ run apt-get -q update && run apt-get -q install -y --no-install-recommends $packages; } >"$root/apt.log" 2>&1 ||
    { tail -20 "$root/apt.log" >&2; fail "apt-get failed in the root"; }
# The command shall find a system whose package lists nobody has fetched.
rm -rf "$root/apt.log" "$root"/var/lib/apt/lists/*

home=/root
if [ -n "$as_user" ]; then
    home=/home/user
    run useradd --create-home --shell /bin/sh user
    echo 'user ALL=(ALL) NOPASSWD:ALL' >"$root/etc/sudoers.d/user"
    echo 'Defaults env_keep += "http_proxy https_proxy no_proxy"' >>"$root/etc/sudoers.d/user"
fi
git clone -q --no-hardlinks "$source" "$root$home/kieker"
[ -z "$as_user" ] || run chown -R user: "$home/kieker"
echo "bare_root.sh: Debian $(cat "$root/etc/debian_version"), $(run dpkg-query -f '\n' -W | wc -l) packages, commit $(git -C "$root$home/kieker" -c safe.directory='*' rev-parse --short HEAD): $*" >&2
if [ -n "$as_user" ]; then
    run setpriv --reuid user --regid user --init-groups \
        env HOME=$home USER=user sh -c 'cd ~/kieker && exec "$@"' sh "$@"
else
    run sh -c 'cd ~/kieker && exec "$@"' sh "$@"
fi
