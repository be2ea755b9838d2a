#!/bin/sh
# A nightly job for cron, with alerts. In the crontab:
#
#     0 3 * * *  PATH=/opt/shop/venv/bin:$PATH /srv/shop/nightly.sh
#
# where the virtual environment's programs are: cron looks into /usr/bin and /bin alone.
#
# /etc/wecom.env (mode 0600) holds lines like WECOM_WEBHOOK_KEY=…, since cron has no
# environment. The job itself does not get to see them.
env_file=${WECOM_ENV_FILE:-/etc/wecom.env}

wecom-logging run --name nightly --env-file "$env_file" -- sh -eu -c '
    echo "exporting orders"
    echo "erp refused the import" >&2
    exit 3
'
