#!/bin/sh
# Brings real Kafka, Prometheus and Alertmanager into .services/, for the tests that want the real thing.
# Safe to run again (what is there is left alone), to interrupt (a folder appears complete or not at all), and twice at once (a lock).
# No root needed, no service is started, nothing outside .services/ is touched but the caches of Maven and apt.
# Usage: install.sh [kafka|prometheus|chromium]   (without an argument: all, and what one lacks does not keep the others away;
# Chromium is a luxury: without it only the tests of pages in a browser are skipped, and nothing fails)
set -eu

cd "$(dirname "$0")/../.."
this=$PWD/tests/services/install.sh
root=$PWD/.services
recipe=$PWD/tests/services/pom.xml
# The folder's name says which recipe filled it: a changed pom is another folder.
kafka=$root/kafka-$(cksum <"$recipe" | cut -d' ' -f1)
debian=$root/debian
chromium=$root/chromium

say() { printf 'services: %s\n' "$*"; }
fail() {
    printf 'services: %s\n' "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

if [ $# -eq 0 ]; then
    status=0
    # In processes of their own: within `||` a function would go on after a command that failed.
    "$this" kafka || status=1
    "$this" prometheus || status=1
    "$this" chromium || say "without Chromium: tests of pages in a browser will be skipped"
    [ $status -eq 0 ] && say "ready in .services/"
    exit $status
fi

mkdir -p "$root"
if have flock; then
    exec 9>"$root/lock"
    flock 9
    rm -rf "$root"/unfinished.*
fi
scratch=$(mktemp -d "$root/unfinished.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# quietly LOG COMMAND...: the command's output is kept from the terminal unless it is wanted
quietly() {
    log=$1
    shift
    "$@" >"$log" 2>&1
}

jars_from_maven() {
    quietly "$scratch/maven.log" mvn -B -q -f "$recipe" dependency:copy-dependencies -DoutputDirectory="$scratch/libs" "$@"
}

install_kafka() {
    if [ -d "$kafka" ]; then return; fi
    have java || fail "Kafka needs a Java runtime, and there is no java: install default-jre-headless (Debian)."
    have mvn || fail "Kafka's jars come by Maven, and there is no mvn: install maven (Debian)."
    # The second try does without Maven's usual store, which may be damaged, or in a home that cannot be written.
    jars_from_maven || jars_from_maven -Dmaven.repo.local="$scratch/m2" || {
        tail -n 20 "$scratch/maven.log" >&2
        fail "Maven could not bring the jars of Kafka; its own words are above."
    }
    mkdir "$scratch/kafka"
    mv "$scratch/libs" "$scratch/kafka/libs"
    mv "$scratch/kafka" "$kafka"
    ln -sfn "${kafka##*/}" "$root/kafka"
}

debs_from_apt() {
    (cd "$scratch" && quietly apt.log apt-get download "$@")
}

install_prometheus() {
    if [ -d "$debian" ]; then return; fi
    if have prometheus && have promtool && have amtool && { have alertmanager || have prometheus-alertmanager; }; then return; fi
    { have apt-get && have dpkg; } || fail "Prometheus and Alertmanager are not on PATH, and without apt-get they cannot be had: put prometheus, promtool, alertmanager and amtool on PATH."
    # Package lists may be absent or older than the archive; bringing them up to date takes root, and may simply not be needed.
    if ! debs_from_apt prometheus prometheus-alertmanager; then
        (cd "$scratch" && quietly update.log apt-get update) || true
        debs_from_apt prometheus prometheus-alertmanager || {
            cat "$scratch/update.log" "$scratch/apt.log" >&2
            fail "apt-get could not download prometheus and prometheus-alertmanager; its own words are above (out-of-date package lists want one \`apt-get update\` by root)."
        }
    fi
    mkdir "$scratch/debian"
    for deb in "$scratch"/*.deb; do dpkg -x "$deb" "$scratch/debian"; done
    # Debian's Alertmanager reads its templates from the place a package manager would have put them, which unpacking
    # leaves empty.  The path is made relative, with as many bytes: whoever starts it does so from the templates' folder.
    LC_ALL=C sed -i "s#/usr/share/prometheus/alertmanager#$(printf './%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17)#g" \
        "$scratch/debian/usr/bin/prometheus-alertmanager"
    mv "$scratch/debian" "$debian"
}

# A hundred megabytes, with the libraries that this machine lacks; unpacked like the others, in some 15 seconds.
install_chromium() {
    if [ -d "$chromium" ]; then return; fi
    if have chromium || have chromium-headless-shell || have google-chrome; then return; fi
    { have apt-get && have dpkg && have timeout; } || fail "Chromium is not on PATH, and without apt-get it cannot be had."
    wanted='s/^Inst \([^ ]*\).*/\1/p'
    LC_ALL=C apt-get install -s --no-install-recommends chromium-headless-shell >"$scratch/plan" 2>"$scratch/apt.log" ||
        fail "apt-get knows no chromium-headless-shell (out-of-date package lists want one \`apt-get update\` by root)."
    sed -n "$wanted" "$scratch/plan" >"$scratch/names"
    # shellcheck disable=SC2046 # one name a line, and names have no blanks
    (cd "$scratch" && quietly apt.log timeout 180 apt-get download $(cat names)) ||
        fail "apt-get could not download Chromium within three minutes."
    mkdir "$scratch/chromium"
    for deb in "$scratch"/*.deb; do dpkg -x "$deb" "$scratch/chromium"; done
    mv "$scratch/chromium" "$chromium"
}

case $1 in
chromium) install_chromium ;;
kafka) install_kafka ;;
prometheus) install_prometheus ;;
*) fail "usage: $0 [kafka|prometheus|chromium]" ;;
esac
