#!/bin/bash
# Tells the state of the backups as one JSON object: age and result of the copy of files, and where the machine holds the
# database, age and size of its newest backup, age of the archived log, the last verified restore. Exits 1 when something
# is older than it may be.
set -euo pipefail
source /etc/chitlaq/backup.env

as_postgres() { runuser -u postgres -- "$@"; }

# A day and two hours: one daily backup may be late. A quarter of an hour: three archive timeouts and an upload.
max_backup_age=93600
max_archive_age=900
max_verify_age=777600

now=$(date +%s)
files=$(cat "$STATUS_DIRECTORY/files.json" 2>/dev/null || echo null)

held=null
if [[ $DATABASE == yes ]]; then
  info=$(as_postgres pgbackrest --stanza=chitlaq info --output=json)
  query="SELECT coalesce(extract(epoch FROM last_archived_time)::bigint, 0), failed_count,
    coalesce(extract(epoch FROM last_failed_time)::bigint, 0), pg_is_in_recovery() FROM pg_stat_archiver"
  IFS='|' read -r archived failures failed standby \
    <<<"$(as_postgres psql -XAtqc "$query" -h /var/run/postgresql postgres)"
  verify=$(cat "$STATUS_DIRECTORY/verify.json" 2>/dev/null || echo null)
  held=$(jq -n -c --argjson now "$now" --argjson info "$info" --argjson archived "$archived" --argjson failures "$failures" \
    --argjson failed "$failed" --arg standby "$standby" --argjson verify "$verify" '
    ($info[0].backup // []) as $backups
    | ($backups[-1]) as $last
    | {
        backups: ($backups | length),
        last: (if $last then {
          label: $last.label,
          type: $last.type,
          finished: ($last.timestamp.stop | todate),
          ageSeconds: ($now - $last.timestamp.stop),
          databaseBytes: $last.info.size,
          repositoryBytes: ($last.info.repository.size // $last.info.repository.delta),
          pageErrors: ($last.error == true)
        } else null end),
        archive: (if $standby == "t" then null else {
          ageSeconds: (if $archived == 0 then null else $now - $archived end),
          failures: $failures,
          failing: ($failed > $archived)
        } end),
        verifiedRestore: $verify
      }')
fi

report=$(jq -n -c --argjson now "$now" --argjson files "$files" --argjson database "$held" \
  --argjson maxBackup "$max_backup_age" --argjson maxArchive "$max_archive_age" --argjson maxVerify "$max_verify_age" '
  def age: if . == null then null else $now - fromdate end;
  {
    database: $database,
    files: (if $files == null then null else {
      result: $files.result,
      ageSeconds: ($files.copied | age),
      check: $files.check,
      checkAgeSeconds: ($files.checked | age)
    } end)
  }
  | .problems = [
      (.database | values
       | (if .last == null then "no backup"
          elif .last.ageSeconds > $maxBackup then "the newest backup is too old" else empty end),
         (if .last.pageErrors then "the newest backup has pages with wrong checksums" else empty end),
         (if .archive == null then empty
          elif .archive.failing then "the last log segment was not archived"
          elif .archive.ageSeconds == null or .archive.ageSeconds > $maxArchive then "the archived log is too old" else empty end),
         (.verifiedRestore as $verify
          | if $verify == null then "no restore was ever verified"
            elif $verify.result != "ok" then "the last verification failed"
            elif ($verify.at | age) > $maxVerify then "the last verified restore is too old" else empty end)),
      (.files
       | if . == null or .ageSeconds == null then "no copy of files"
         elif .result != "ok" then "the last copy of files failed"
         elif .ageSeconds > $maxBackup then "the newest copy of files is too old" else empty end),
      (.files | values
       | if .check == "failed" then "the copies of files are damaged"
         elif .ageSeconds != null and (.checkAgeSeconds == null or .checkAgeSeconds > $maxVerify) then "the last check of the copies of files is too old"
         else empty end)
    ]')
printf '%s\n' "$report"
jq -e '.problems | length == 0' >/dev/null <<<"$report"
