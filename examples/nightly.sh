#!/bin/sh
# A nightly job for cron, with alerts. In the crontab:
#
#     0 3 * * *  PATH=/opt/shop/venv/bin:$PATH /srv/shop/nightly.sh
#
# with the directory of the virtual environment's programs, because cron only looks in /usr/bin
# and /bin.
#
# cron has no environment, so /etc/wecom.env (mode 0600) holds lines like WECOM_WEBHOOK_KEY=….
# The job itself does not get to see them.
env_file=${WECOM_ENV_FILE:-/etc/wecom.env}

wecom-logging run --name nightly --env-file "$env_file" -- sh -eu -c '
    echo "exporting orders"
    echo "erp refused the import" >&2
    exit 3
'
