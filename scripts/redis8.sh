#!/usr/bin/env bash
# Brings a Redis 8 with Vector Sets to a Debian 12 that only has Redis 7, and prints where its redis-server is:
#
#   REPRISE_REDIS8_SERVER=$(scripts/redis8.sh FOLDER) npm test
#
# Debian 13 has it, built against a newer C library. So its packages are unpacked in FOLDER, libraries and all, and
# started with their own loader; nothing is installed, and the system's apt and dpkg are only read. apt checks
# Debian's signature as ever. Takes seconds, and nothing at all when FOLDER has it already.
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "usage: scripts/redis8.sh FOLDER" >&2
  exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)
server=$folder/redis-server
if [ -x "$server" ] && "$server" --version >/dev/null 2>&1; then
  echo "$server"
  exit
fi

fail() {
  echo "scripts/redis8.sh: $1" >&2
  exit 1
}

for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || fail "there is no $tool here: this only works on Debian"
done

# Where this machine has its own packages from, the security updates of another address apart.
# shellcheck disable=SC2016 # apt itself puts in what $(...) stands for.
mirror=$(apt-get indextargets --no-release-info --format '$(SUITE) $(REPO_URI)' 'Created-By: Packages' |
  awk '$1 !~ /security/ { print $2; exit }')
[ -n "$mirror" ] || fail 'apt knows no source of packages'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/lists/partial "$work"/archives/partial "$work"/root
: >"$work/status"
cat >"$work/debian.sources" <<SOURCES
Types: deb
URIs: $mirror
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
# An apt of its own, on whose machine nothing is installed yet: so it fetches every library, the C library included.
cat >"$work/apt.conf" <<CONF
Dir::Etc::SourceList "$work/debian.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State::Lists "$work/lists";
Dir::State::Status "$work/status";
Dir::Cache "$work";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
CONF
export APT_CONFIG=$work/apt.conf
{
  apt-get --quiet=2 update
  apt-get --quiet=2 --yes --download-only install redis-tools
} >&2 || fail "the packages cannot be fetched from $mirror"

for package in "$work"/archives/*.deb; do
  dpkg-deb --extract "$package" "$work/root"
done

# redis-tools has the server too: which program it is goes by its name.
libraries=$(dirname "$(find "$work/root/usr/lib" -name 'libc.so.6' | head -n 1)")
rm -rf "$folder/lib" "$folder/bin" "$server"
mkdir "$folder/lib" "$folder/bin"
find "$libraries" -maxdepth 1 -name '*.so*' -exec cp --no-dereference '{}' "$folder/lib/" ';'
cp "$work/root/usr/bin/redis-check-rdb" "$folder/bin/redis-server"
loader=$(find "$folder/lib" -name 'ld-linux*.so*' -exec basename '{}' ';' | head -n 1)
[ -n "$loader" ] || fail 'the C library that was fetched has no loader'

# exec, so that the process that was started is the server's own.
cat >"$server" <<WRAPPER
#!/bin/sh
exec "$folder/lib/$loader" --library-path "$folder/lib" "$folder/bin/redis-server" "\$@"
WRAPPER
chmod +x "$server"
"$server" --version >&2 || fail 'what was fetched does not start'
echo "$server"
