#!/bin/bash
# The parts of the backup programs' configuration that are secret.
set -euo pipefail
source /usr/local/lib/chitlaq/lib.sh
source /etc/chitlaq/backup.env

for name in s3-access-key s3-secret-key; do
  [[ $(secret "$name") =~ ^[A-Za-z0-9+/=._-]{8,}$ ]] || fail "$name does not look like an object storage key"
done

if [[ $DATABASE == yes ]]; then
  [[ $(secret backup-cipher-passphrase) =~ ^[A-Za-z0-9]{32,}$ ]] ||
    fail "backup-cipher-passphrase: 32 or more letters and digits, and nothing else"
  put_file /etc/pgbackrest/conf.d/secrets.conf 0640 root postgres <<EOT
[global]
repo1-s3-key=$(secret s3-access-key)
repo1-s3-key-secret=$(secret s3-secret-key)
repo1-cipher-pass=$(secret backup-cipher-passphrase)
EOT
fi
put_file /etc/chitlaq/rendered/restic.env 0600 root root <<EOT
AWS_ACCESS_KEY_ID=$(secret s3-access-key)
AWS_SECRET_ACCESS_KEY=$(secret s3-secret-key)
EOT
