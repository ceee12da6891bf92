#!/bin/bash
# Takes one delivery, the machine's file set and its secrets, and succeeds when the machine is no worse than before it.
#   chitlaq-deliver FILESET.sh [ARCHIVE VERSION SHA256]  reads {"name": "value", ...} from standard input
# A machine whose services were never started owes nothing yet. A content that was delivered last is not delivered again. With a release archive, that release of the application goes into service.
# What was well before a content was first tried must be well after it. That is remembered until it holds, so that a second
# attempt with the same content is measured by the same; another content is measured by what is well by then, and what a
# bad one broke can be mended.
set -euo pipefail
source "$(dirname "$0")/../lib/chitlaq/lib.sh"

fileset=${1:?usage: chitlaq-deliver FILESET.sh [ARCHIVE VERSION SHA256]}
release=("${@:2}")
state=/var/lib/chitlaq
tools=$(dirname "$0")
patience=300

exec 8>"$state/deliver.lock"
flock 8
secrets=$(cat)

well() {
  [[ -e /etc/chitlaq/health.tsv ]] || return 0
  { "$tools/chitlaq-health" || true; } | jq -r 'to_entries[] | select(.value == "ok") | .key'
}

content=$(cat "$fileset" - <<<"$secrets ${release[*]}" | sha256sum)
[[ $(cat "$state/delivered.sum" 2>/dev/null) != "$content" ]] || exit 0
if [[ $(cat "$state/delivery.sum" 2>/dev/null) != "$content" ]]; then
  if [[ -e $state/activated ]]; then well; fi >"$state/delivery.well"
  (umask 077 && printf '%s\n' "$content" >"$state/delivery.sum")
fi

# What others depend on hands its part over first, also when an earlier attempt left a restart undone.
step_aside=$tools/../lib/chitlaq/step-aside
if [[ -x $step_aside && -e $state/activated ]]; then
  {
    diff -rq "$state/fileset/files" "$tools/../../.." || true
    cat "$state/pending" 2>/dev/null || true
  } | "$step_aside"
fi

"$tools/chitlaq-converge" "$fileset" </dev/null
# Before the secrets: on a new machine they start the application, which by then is there.
if ((${#release[@]} > 0)); then /usr/local/sbin/chitlaq-deploy "${release[@]}"; fi
/usr/local/sbin/chitlaq-secrets install <<<"$secrets" >/dev/null

# Checks of services that are no longer here count as passed.
fallen() {
  comm -23 <(sort "$state/delivery.well") <(well | sort) | comm -12 - <(cut -f 1 /etc/chitlaq/health.tsv | sort)
}

end=$((SECONDS + patience))
while :; do
  lost=$(fallen)
  [[ -n $lost ]] || break
  ((SECONDS < end)) || fail "worse than before for ${patience} s: ${lost//$'\n'/, }; see chitlaq-health and journalctl"
  sleep 2
done
mv -f "$state/delivery.sum" "$state/delivered.sum"
rm -f "$state/delivery.well"
log "delivered"
